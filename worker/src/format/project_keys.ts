// The keys of a project in KV: docs/format.md, "Projects".

/** Whether this is a valid project id. */
export function isProjectId(id: unknown): id is string {
  return typeof id === "string" && /^[a-z0-9][a-z0-9_-]{0,62}$/.test(id);
}

/** Whether this is "hash.nonce", the reference of a blob or a stored manifest. */
export function isRef(ref: unknown): ref is string {
  return typeof ref === "string" && /^[0-9a-f]{64}\.[0-9a-f]{16}$/.test(ref);
}

/** The site id of a project, which its manifests have. */
export function siteOf(projectId: string): string {
  return `project/${projectId}`;
}

/** A project's keys. Each is written once, except `current`: writing it is the switch. */
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
