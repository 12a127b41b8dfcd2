// The Content-Type of a file, by its extension. Each line of content_types.txt is a type and its extensions. The Go
// side reads the same file (internal/source/rules/contenttype.go). The tests of both sides read
// testdata/project/content-types.json.
//
// The types are those of the npm package mime, which wrangler uses for Static Assets, and a few more.
// test/content_types.test.ts compares them with the package.

/// <reference path="./text_module.d.ts" />
import table from "./content_types.txt";

const octetStream = "application/octet-stream";

let byExtension: Map<string, string> | undefined;

/** Returns the content types by extension, without charsets. */
export function contentTypes(): ReadonlyMap<string, string> {
  byExtension ??= new Map(
    table
      .split("\n")
      .map((line) => line.split(" "))
      .flatMap(([type, ...extensions]) => extensions.map((extension): [string, string] => [extension, type!])),
  );
  return byExtension;
}

/**
 * Returns the Content-Type of a path. It depends only on the extension, and is application/octet-stream if the
 * extension is unknown. Types below text/ get a charset. Others do not need one: JSON is always UTF-8, and XML declares
 * its own.
 */
export function contentType(path: string): string {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  const type = contentTypes().get(extension) ?? octetStream;
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}
