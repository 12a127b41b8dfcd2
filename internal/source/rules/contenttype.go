package rules

import (
	"crypto/sha256"
	"path"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/worker"
)

const octetStream = "application/octet-stream"

// typesText has a content type and its extensions on each line. The Worker library reads the
// same file. The types are those of the npm package mime, with which wrangler uploads Static
// Assets, and a few more. Package mime is not used, because it reads files of the host, and the
// types must be the same on every machine.
var typesText = sync.OnceValue(func() string {
	text, err := worker.Source.ReadFile("src/rules/content_types.txt")
	if err != nil {
		panic(err) // embedded
	}
	return string(text)
})

// contentTypes are the types by extension, without charsets.
var contentTypes = sync.OnceValue(func() map[string]string {
	types := map[string]string{}
	for line := range strings.Lines(typesText()) {
		fields := strings.Fields(line)
		for _, extension := range fields[1:] {
			types[extension] = fields[0]
		}
	}
	return types
})

// contentTypesVersion changes with every change of the types. It is part of Origin.Rules, so a
// new type also applies to unchanged files.
var contentTypesVersion = sync.OnceValue(func() [sha256.Size]byte {
	return sha256.Sum256([]byte(typesText()))
})

// ContentType returns the Content-Type of a path. It depends only on the path's extension. It is
// application/octet-stream for an unknown extension, or none. Text types get a charset; XML and
// JSON declare theirs in the content.
func ContentType(p string) string {
	ext := path.Ext(path.Base(p))
	if ext == "" {
		return octetStream
	}
	t, ok := contentTypes()[strings.ToLower(ext[1:])]
	switch {
	case !ok:
		return octetStream
	case strings.HasPrefix(t, "text/"):
		return t + "; charset=utf-8"
	}
	return t
}
