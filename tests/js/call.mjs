// Usage: node call.mjs SCRIPT FUNCTION <CALLS: a JSON list of lists of arguments on stdin; prints the results as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [script, name] = process.argv.slice(2);
const { [name]: called } = await import(pathToFileURL(script));
const calls = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(calls.map((given) => called(...given))));
