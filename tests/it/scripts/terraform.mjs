// Reads a Terraform file from stdin with HashiCorp's own parser and writes it as JSON, or fails with
// what that parser says. The packages are found from the folder given.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/package.json`);
const { parse } = require("@cdktf/hcl2json");
const read = await parse("main.tf", readFileSync(0, "utf8"));
console.log(JSON.stringify(read));
