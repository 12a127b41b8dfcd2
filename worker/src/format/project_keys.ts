// Where a project lies in KV: docs/format.md, "Projects".

/** The id of a project, as it may stand in a key. */
export function isProjectId(id: unknown): id is string {
  return typeof id === "string" && /^[a-z0-9][a-z0-9_-]{0,62}$/.test(id);
}

/** Whether a text is "hash.nonce", which names a blob or a stored manifest. */
export function isRef(ref: unknown): ref is string {
  return typeof ref === "string" && /^[0-9a-f]{64}\.[0-9a-f]{16}$/.test(ref);
}

/** The site that a project is to its manifests. */
export function siteOf(projectId: string): string {
  return `project/${projectId}`;
}

/** A project's keys. Each is written once, but for `current`, which is the switch. */
export class ProjectKeys {
  readonly current: string;
  readonly #site: string;

  constructor(projectId: string) {
    this.#site = siteOf(projectId);
    this.current = `${this.#site}/current`;
  }

  blob(ref: string): string {
    return `${this.#site}/b/${ref}`;
  }

  manifest(ref: string): string {
    return `${this.#site}/m/${ref}`;
  }

  record(deployment: string): string {
    return `${this.#site}/d/${deployment}`;
  }
}
