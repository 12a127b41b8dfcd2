// Runs commands of wrangler one after another in this process. A process for each takes a second.
//
// Argument: wrangler's module. The first line of the output is the list of all commands that
// wrangler --help shows, each with arguments that it accepts: [{name, args}]. Each line of the input
// is then a command: {args, input}. Each further line of the output is its result: {output, failed}.
"use strict";
const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const readline = require("node:readline");
const { Readable } = require("node:stream");
const util = require("node:util");

// load returns wrangler's module with two members that it does not export.
function load(file) {
  const module = new Module(file, null);
  module.filename = file;
  module.paths = Module._nodeModulePaths(path.dirname(file));
  module._compile(`${fs.readFileSync(file, "utf8")}\nObject.assign(exports, { main, logger: logger2 });`, file);
  return module.exports;
}

// commands returns the commands of a tree, without those that the help does not show.
function commands({ definition, subtree }, words) {
  if (definition?.metadata?.hidden) return [];
  const own = definition?.type === "command" ? [{ name: words.join(" "), args: required(definition) }] : [];
  return own.concat(...Array.from(subtree, ([word, child]) => commands(child, [...words, word])));
}

// required returns values for the arguments that a command requires.
function required({ args = {}, positionalArgs = [] }) {
  const value = ({ choices, type }) => String(choices?.[0] ?? (type === "number" ? 1 : "x"));
  const named = Object.entries(args).filter(([name, arg]) => arg.demandOption && !positionalArgs.includes(name));
  return [
    ...positionalArgs.map((name) => value(args[name])),
    ...named.flatMap(([name, arg]) => [`--${name}`, value(arg)]),
  ];
}

async function run({ args, input }) {
  process.argv = [process.argv[0], "wrangler", ...args];
  Object.defineProperty(process, "stdin", { configurable: true, value: Readable.from([input]) });
  wrangler.logger.resetLoggerLevel();
  output = "";
  const failed = await wrangler.main(args).then(() => false, () => true);
  return { output, failed };
}

let output = "";
const requests = readline.createInterface({ input: process.stdin });
const respond = (value) => fs.writeSync(1, `${JSON.stringify(value)}\n`);
for (const stream of [process.stdout, process.stderr]) {
  stream.write = (text) => {
    output += text;
    return true;
  };
}
for (const method of ["log", "info", "warn", "error", "debug", "table"]) {
  console[method] = (...values) => process.stdout.write(`${util.format(...values)}\n`);
}
process.exit = (code) => {
  throw new Error(`exit code ${code}`);
};

const wrangler = load(process.argv[2]);
(async () => {
  respond(commands(wrangler.experimental_getWranglerCommands().registry, []));
  for await (const line of requests) respond(await run(JSON.parse(line)));
  process.reallyExit(0);
})();
