// Writes the log of customers' code to the log of the platform.

import { WorkerEntrypoint } from "cloudflare:workers";
import { oneLine } from "../format/one_line";

/** The props of a log: the project whose code is logged. */
export interface ProjectLogProps {
  projectId: string;
}

/**
 * The entrypoint that a platform's main module may export to log customers' code: its console output and its
 * exceptions. Each is one line that begins with the project. Customers get no stub of this entrypoint.
 */
export class ProjectLog extends WorkerEntrypoint<unknown, ProjectLogProps> {
  override tail(events: TraceItem[]): void {
    const begin = `kv-sync: project ${this.ctx.props.projectId}:`;
    for (const { logs, exceptions } of events) {
      for (const { level, message } of logs) console.log(`${begin} ${oneLine(level)}: ${oneLine(textOf(message))}`);
      for (const { name, message, stack = "" } of exceptions)
        console.error(`${begin} uncaught ${oneLine(name)}: ${oneLine(message)} ${oneLine(stack)}`.trimEnd());
    }
  }
}

/** Formats the arguments of a console call. */
function textOf(message: unknown): string {
  const values = Array.isArray(message) ? message : [message];
  return values.map((value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined"))).join(" ");
}
