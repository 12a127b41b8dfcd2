// Site ids, and the keys of a project in KV. docs/format.md describes both under "Projects".

/** Whether a value is a valid project id. */
export function isProjectId(id: unknown): id is string {
  return typeof id === "string" && /^[a-z0-9][a-z0-9_-]{0,62}$/.test(id);
}

/** Whether a value is "hash.nonce", the reference to a blob or a stored manifest. */
export function isRef(ref: unknown): ref is string {
  return typeof ref === "string" && /^[0-9a-f]{64}\.[0-9a-f]{16}$/.test(ref);
}

/** Whether a value is a site id: "blog", "project/shop" or "project/shop@0123456789abcdef". */
export function isSite(site: unknown): site is string {
  return (
    typeof site === "string" &&
    /^(?:[a-z0-9][a-z0-9_-]{0,62}|project\/[a-z0-9][a-z0-9_-]{0,62}(?:@[0-9a-f]{16})?)$/.test(site)
  );
}

/** Whether a value is the incarnation of a project. It is "" if no project with the id was deleted before. */
export function isIncarnation(incarnation: unknown): incarnation is string {
  return typeof incarnation === "string" && /^(?:[0-9a-f]{16})?$/.test(incarnation);
}

/** Returns the site id of a project. Each incarnation has its own. */
export function siteOf(projectId: string, incarnation: string): string {
  return incarnation === "" ? `project/${projectId}` : `project/${projectId}@${incarnation}`;
}

/** Returns the key of a project's pointer, which all incarnations share. Writing it is the switch. */
export function currentKey(projectId: string): string {
  return `${siteOf(projectId, "")}/current`;
}

/** The keys of a project except the pointer. Each key is written once. */
export class ProjectKeys {
  readonly projectId: string;
  readonly incarnation: string;
  readonly site: string;

  constructor(projectId: string, incarnation: string) {
    this.projectId = projectId;
    this.incarnation = incarnation;
    this.site = siteOf(projectId, incarnation);
  }

  blob(ref: string): string {
    return `${this.site}/b/${ref}`;
  }

  manifest(ref: string): string {
    return `${this.site}/m/${ref}`;
  }

  record(deployment: string): string {
    return `${this.site}/d/${deployment}`;
  }
}
