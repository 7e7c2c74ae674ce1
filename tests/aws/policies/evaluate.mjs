// Reads sessions and requests as JSON on stdin, prints a decision for each request on stdout.
//
// In:  {"sessions": [{"principal", "policies": [{"name", "policy"}], "context": {key: [values]}}],
//       "requests": [{"session": index, "action", "resource", "account", "context", "resource_policy"}]}
// Out: [{"decision": "Allowed" | "ExplicitlyDenied" | "ImplicitlyDenied",
//        "by": [{"policy", "sid", "resources": [those of the statement that match]}]}
//       | {"error": why}]
//
// The first argument is the node_modules folder that iam-simulate is in.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const require = createRequire(`${process.argv[2]}/evaluate.js`);
const { runSimulation } = require("@cloud-copilot/iam-simulate");

const { sessions, requests } = JSON.parse(await text(process.stdin));
const answers = [];
for (const request of requests) {
  answers.push(await answer(sessions[request.session], request));
}
process.stdout.write(JSON.stringify(answers));

async function answer(session, request) {
  const simulated = await runSimulation(
    {
      request: {
        principal: session.principal,
        action: request.action,
        resource: { resource: request.resource, accountId: request.account },
        contextVariables: { ...session.context, ...request.context },
      },
      identityPolicies: session.policies,
      resourcePolicy: request.resource_policy ?? undefined,
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (simulated.resultType !== "single") {
    return { error: JSON.stringify(simulated.errors ?? simulated.resultType) };
  }
  return { decision: simulated.overallResult, by: decisive(simulated.overallResult, simulated.result.analysis) };
}

function decisive(decision, analysis) {
  const parts = [analysis.identityAnalysis, analysis.resourceAnalysis].filter(Boolean);
  const statements = parts.flatMap((part) => {
    if (decision === "Allowed") return part.allowStatements ?? [];
    if (decision === "ExplicitlyDenied") return part.denyStatements ?? [];
    return [];
  });
  return statements.map(({ policyId, explain }) => ({
    policy: policyId ?? "",
    sid: explain.identifier ?? "",
    resources: [explain.resources ?? []]
      .flat()
      .filter((resource) => resource.matches)
      .map((resource) => resource.resource),
  }));
}
