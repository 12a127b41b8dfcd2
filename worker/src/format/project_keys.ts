// Site ids, and the keys of a project in KV: docs/format.md, "Projects".

/** Whether this is a valid project id. */
export function isProjectId(id: unknown): id is string {
  return typeof id === "string" && /^[a-z0-9][a-z0-9_-]{0,62}$/.test(id);
}

/** Whether this is "hash.nonce", the reference of a blob or a stored manifest. */
export function isRef(ref: unknown): ref is string {
  return typeof ref === "string" && /^[0-9a-f]{64}\.[0-9a-f]{16}$/.test(ref);
}

/** Whether this is a site id: "blog", "project/shop" or "project/shop@0123456789abcdef". */
export function isSite(site: unknown): site is string {
  return (
    typeof site === "string" &&
    /^(?:[a-z0-9][a-z0-9_-]{0,62}|project\/[a-z0-9][a-z0-9_-]{0,62}(?:@[0-9a-f]{16})?)$/.test(site)
  );
}

/** Whether this is the incarnation of a project; "" is the first, before one of that id was deleted. */
export function isIncarnation(incarnation: unknown): incarnation is string {
  return typeof incarnation === "string" && /^(?:[0-9a-f]{16})?$/.test(incarnation);
}

/** The site id of a project, which its manifests have. That of another incarnation is another one. */
export function siteOf(projectId: string, incarnation: string): string {
  return incarnation === "" ? `project/${projectId}` : `project/${projectId}@${incarnation}`;
}

/** The key of a project's pointer, which all incarnations share. Writing it is the switch. */
export function currentKey(projectId: string): string {
  return `${siteOf(projectId, "")}/current`;
}

/** The other keys of a project. Each is written once. */
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
