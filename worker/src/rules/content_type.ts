// The Content-Type of a file by its extension. content_types.txt has a type and its extensions on each line. The Go
// side reads the same file (internal/source/rules/contenttype.go), and testdata/project/content-types.json is the test
// of both.
//
// The types are those of the npm package mime, with which wrangler uploads Static Assets (test/content_types.test.ts
// compares them), and a few more.

/// <reference path="./text_module.d.ts" />
import table from "./content_types.txt";

const octetStream = "application/octet-stream";

let byExtension: Map<string, string> | undefined;

/** The content types by extension, without charsets. */
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
 * The Content-Type of a path. It depends only on the extension. Without a known extension it is
 * application/octet-stream. Types below text/ get a charset; XML, JSON and others declare their own.
 */
export function contentType(path: string): string {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  const type = contentTypes().get(extension) ?? octetStream;
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}
