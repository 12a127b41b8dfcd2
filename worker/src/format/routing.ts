// Which requests a deployment's code gets before the site does, as a stored
// manifest records it: docs/format.md, "Routing".

import { list, record, string } from "./meta";

/** The routing of a deployment. One without patterns is that of a deployment without code. */
export interface Routing {
  /** Patterns of pathnames that go to the code; "*" stands for any text. */
  worker: string[];
  /** Patterns of pathnames that the site alone answers; they come before the code's. */
  site: string[];
  /** Patterns of files that everyone may read although the code gets their requests. */
  retire: string[];
}

/** That of assets alone. */
export const withoutCode: Routing = { worker: [], site: [], retire: [] };

/** That of a Dynamic Worker, which gets every request. */
export function everyRequest(retire: string[]): Routing {
  return { worker: ["*"], site: [], retire };
}

/** What a routing is in JSON: what is not known is left out, and what is empty. */
export function encodeRouting(routing: Routing | undefined): object {
  if (!routing) return {};
  const { worker, site, retire } = routing;
  return {
    routing: {
      ...(worker.length > 0 && { worker }),
      ...(site.length > 0 && { site }),
      ...(retire.length > 0 && { retire }),
    },
  };
}

/** Reads what encodeRouting wrote as the member `routing`. */
export function parseRouting(json: unknown): Routing | undefined {
  if (json === undefined || json === null) return undefined;
  const routing = record(json, "routing");
  const patterns = (member: string) => list(routing[member], member).map((pattern) => string(pattern, member));
  return { worker: patterns("worker"), site: patterns("site"), retire: patterns("retire") };
}
