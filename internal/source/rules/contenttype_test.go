package rules

import (
	"mime"
	"strings"
	"testing"
)

func TestContentType(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/index.html":      "text/html; charset=utf-8",
		"/INDEX.HTML":      "text/html; charset=utf-8",
		"/a.b/app.min.js":  "text/javascript; charset=utf-8",
		"/app.mjs":         "text/javascript; charset=utf-8",
		"/app.js.map":      "application/json",
		"/x.svg":           "image/svg+xml",
		"/x.woff2":         "font/woff2",
		"/x.webmanifest":   "application/manifest+json",
		"/x.wasm":          "application/wasm",
		"/x.avif":          "image/avif",
		"/CNAME":           octetStream,
		"/a.d/CNAME":       octetStream,
		"/x.":              octetStream,
		"/x.unheard-of":    octetStream,
		"/.well-known/a":   octetStream,
		"/feed.atom":       "application/atom+xml",
		"/favicon.ico":     "image/vnd.microsoft.icon",
		"/archive.tar.gz":  "application/gzip",
		"/data.geojson":    "application/geo+json",
		"/notes.md":        "text/markdown; charset=utf-8",
		"/subtitles.vtt":   "text/vtt; charset=utf-8",
		"/style.CsS":       "text/css; charset=utf-8",
		"/.html":           "text/html; charset=utf-8",
		"/model.glb":       "model/gltf-binary",
		"/book.epub":       "application/epub+zip",
		"/x.docx":          "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"/calendar.ics":    "text/calendar; charset=utf-8",
		"/picture.jpeg":    "image/jpeg",
		"/song.opus":       "audio/ogg",
		"/x.jsonld":        "application/ld+json",
		"/sitemap.xml":     "application/xml",
		"/robots.txt":      "text/plain; charset=utf-8",
		"/x.toml":          "application/toml",
		"/x.yaml":          "text/yaml; charset=utf-8",
		"/picture.jxl":     "image/jxl",
		"/unicode.\u212a":  octetStream, // the Kelvin sign is no k
		"/trailing.html/x": octetStream,
		"/main.c":          "text/x-c; charset=utf-8",
		"/Main.JAVA":       "text/x-java-source; charset=utf-8",
		"/query.sql":       "application/sql",
		"/x.torrent":       "application/x-bittorrent",
		"/app.xpi":         "application/x-xpinstall",
		"/data.tar.zst":    "application/zstd",
	} {
		if got := ContentType(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for ext, value := range contentTypes() {
		if ext != strings.ToLower(ext) {
			t.Errorf("%s can never be found", ext)
		}
		if _, _, err := mime.ParseMediaType(value); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
}
