// The routing of a deployment: which requests its code gets before the site. A stored
// manifest records it. docs/format.md describes it under "Routing".

import { list, record, string } from "./meta";

/** Patterns of pathnames. "*" matches any text. A deployment without code has no patterns. */
export interface Routing {
  /** Pathnames that go to the code. */
  worker: string[];
  /** Pathnames that go only to the site. They take precedence over `worker`. */
  site: string[];
  /** Files that everyone may read, although the code gets their requests. */
  retire: string[];
}

/** The routing of a deployment without code. */
export const withoutCode: Routing = { worker: [], site: [], retire: [] };

/** The routing of a Dynamic Worker, which gets every request. */
export function everyRequest(retire: string[]): Routing {
  return { worker: ["*"], site: [], retire };
}

/** Encodes a routing for JSON. An unknown routing and empty lists are left out. */
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

/** Parses the member `routing`; undefined if the routing is unknown. */
export function parseRouting(json: unknown): Routing | undefined {
  if (json === undefined || json === null) return undefined;
  const routing = record(json, "routing");
  const patterns = (member: string) => list(routing[member], member).map((pattern) => string(pattern, member));
  return { worker: patterns("worker"), site: patterns("site"), retire: patterns("retire") };
}
