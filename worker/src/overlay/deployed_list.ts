// Lists the files of a manifest in parts, in bytewise order of their paths. Parts have another
// order: the files of one directory follow each other. So several directories are read side by
// side, and only the parts of one page are needed.

import { comparePaths } from "../format/compare_paths";
import type { Asset } from "../format/manifest";
import type { Ordered } from "../serve/layers";
import { type HeldParts, withParts } from "../serve/parts";

/** A deployed file. */
export type DeployedFile = Pick<Asset, "hash" | "size" | "modified" | "type"> & { path: string };

/** A directory that is being read, and its next file. */
interface Open {
  directory: string;
  file: { path: string; index: number };
}

const slash = 0x2f;

/** Yields the files whose path begins with `prefix` and comes after `after`. */
export async function* listFiles(
  files: Ordered,
  kv: KVNamespace,
  prefix: string,
  after: string,
): AsyncGenerator<DeployedFile> {
  const held: HeldParts = new Map();
  const asset = async (path: string, index: number): Promise<DeployedFile> => ({
    ...(await withParts(kv, (held) => files.asset(index, held), held)),
    path,
  });
  const next = async (after: string) => withParts(kv, (held) => files.next(after, held), held);

  let from = after;
  if (comparePaths(after, prefix) < 0) {
    from = prefix;
    const index = await withParts(kv, (held) => files.find(prefix, held), held);
    if (index >= 0) yield asset(prefix, index);
  }
  const open = await openAbove(from, next);
  // A directory comes before its files. So no later file is less than the next directory.
  for (let upcoming = await next(`${from}/`); ; ) {
    const least = open.reduce<Open | undefined>(
      (least, other) => (least && comparePaths(least.file.path, other.file.path) < 0 ? least : other),
      undefined,
    );
    const directory = upcoming && directoryOf(upcoming.path);
    if (directory !== undefined && (!least || comparePaths(directory, least.file.path) < 0)) {
      open.push({ directory, file: upcoming! });
      upcoming = await next(`${directory}\0/`); // no directory is between these two
      continue;
    }
    if (!least?.file.path.startsWith(prefix)) return;
    yield asset(least.file.path, least.file.index);
    await advance(open, least, next);
  }
}

type Next = (after: string) => Promise<Open["file"] | undefined>;

/** Opens the directories that come before a path and may have files after it. Their names are prefixes of the path. */
async function openAbove(from: string, next: Next): Promise<Open[]> {
  const open: Open[] = [];
  for (let end = 0; end < from.length; end++) {
    const unit = from.charCodeAt(end);
    if (unit > slash) continue;
    const directory = from.slice(0, end);
    // Names up to the next name of the path come before it.
    const name = unit === slash ? /^[^/]*/.exec(from.slice(end + 1))![0] : "";
    let file = await next(`${directory}/${name}`);
    while (file && directoryOf(file.path) === directory && comparePaths(file.path, from) <= 0)
      file = await next(file.path);
    if (file && directoryOf(file.path) === directory) open.push({ directory, file });
  }
  return open;
}

/** Moves a directory to its next file, or closes it. */
async function advance(open: Open[], at: Open, next: Next): Promise<void> {
  const file = await next(at.file.path);
  if (file && directoryOf(file.path) === at.directory) at.file = file;
  else open.splice(open.indexOf(at), 1);
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}
