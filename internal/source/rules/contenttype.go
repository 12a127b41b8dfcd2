package rules

import (
	"path"
	"strings"
)

// contentTypesVersion must change whenever a line of contentTypes changes. It is part of
// Origin.Rules, so a new table also applies to unchanged files.
const contentTypesVersion = 1

const octetStream = "application/octet-stream"

// contentTypes are the types by extension. Package mime is not used, because it reads files of
// the host, and the types must be the same on every machine. They are those of Cloudflare's own
// uploader and a few more. [ContentType] adds a charset to text types; XML and JSON declare their
// charset in the content.
var contentTypes = map[string]string{
	// Pages and their parts.
	"html": "text/html", "htm": "text/html", "shtml": "text/html",
	"xhtml": "application/xhtml+xml", "xht": "application/xhtml+xml",
	"css": "text/css", "less": "text/less",
	"js": "text/javascript", "mjs": "text/javascript", "cjs": "application/node",
	"jsx": "text/jsx", "mdx": "text/mdx",
	"json": "application/json", "map": "application/json", "json5": "application/json5",
	"jsonld": "application/ld+json", "geojson": "application/geo+json", "topojson": "application/json",
	"webmanifest": "application/manifest+json", "appcache": "text/cache-manifest",
	"wasm": "application/wasm",

	// Text.
	"txt": "text/plain", "text": "text/plain", "log": "text/plain", "ini": "text/plain", "conf": "text/plain",
	"md": "text/markdown", "markdown": "text/markdown",
	"csv": "text/csv", "tsv": "text/tab-separated-values",
	"ics": "text/calendar", "ifb": "text/calendar", "vcf": "text/x-vcard", "vcard": "text/vcard",
	"vtt": "text/vtt", "srt": "application/x-subrip",
	"yaml": "text/yaml", "yml": "text/yaml", "toml": "application/toml",
	"ttl": "text/turtle", "n3": "text/n3",

	// XML.
	"xml": "application/xml", "xsl": "application/xml", "xsd": "application/xml", "xslt": "application/xslt+xml",
	"rss": "application/rss+xml", "atom": "application/atom+xml", "rdf": "application/rdf+xml",
	"kml": "application/vnd.google-earth.kml+xml", "kmz": "application/vnd.google-earth.kmz",
	"gpx": "application/gpx+xml", "mathml": "application/mathml+xml",

	// Pictures.
	"svg": "image/svg+xml", "svgz": "image/svg+xml",
	"png": "image/png", "apng": "image/apng", "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg",
	"gif": "image/gif", "webp": "image/webp", "avif": "image/avif", "jxl": "image/jxl",
	"ico": "image/vnd.microsoft.icon", "cur": "image/x-icon", "bmp": "image/bmp",
	"tif": "image/tiff", "tiff": "image/tiff", "heic": "image/heic", "heif": "image/heif",
	"psd": "image/vnd.adobe.photoshop", "ktx2": "image/ktx2",

	// Fonts.
	"woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf", "ttc": "font/collection",
	"eot": "application/vnd.ms-fontobject",

	// Sound and film.
	"mp4": "video/mp4", "m4v": "video/x-m4v", "webm": "video/webm", "ogv": "video/ogg",
	"mov": "video/quicktime", "avi": "video/x-msvideo", "mkv": "video/x-matroska",
	"mpeg": "video/mpeg", "mpg": "video/mpeg",
	"ts": "video/mp2t", "m3u8": "application/vnd.apple.mpegurl",
	"mpd": "application/dash+xml", "m4s": "video/iso.segment",
	"mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg",
	"opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/x-flac", "weba": "audio/webm",
	"mid": "audio/midi", "midi": "audio/midi",

	// 3D models.
	"glb": "model/gltf-binary", "gltf": "model/gltf+json", "obj": "model/obj", "mtl": "model/mtl", "stl": "model/stl",
	"usdz": "model/vnd.usdz+zip",

	// Documents.
	"pdf": "application/pdf", "rtf": "application/rtf", "epub": "application/epub+zip",
	"doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"odt":  "application/vnd.oasis.opendocument.text",
	"ods":  "application/vnd.oasis.opendocument.spreadsheet",
	"odp":  "application/vnd.oasis.opendocument.presentation",

	// Archives and public keys.
	"zip": "application/zip", "gz": "application/gzip", "tgz": "application/gzip", "br": "application/x-brotli",
	"zst": "application/zstd", "bz2": "application/x-bzip2", "xz": "application/x-xz",
	"tar": "application/x-tar", "7z": "application/x-7z-compressed", "rar": "application/vnd.rar",
	"jar": "application/java-archive", "apk": "application/vnd.android.package-archive",
	"asc": "application/pgp-keys", "sig": "application/pgp-signature",
	"crt": "application/x-x509-ca-cert", "cer": "application/pkix-cert", "pem": "application/x-x509-ca-cert",
	"bin": octetStream, "exe": octetStream, "dmg": octetStream, "iso": octetStream, "deb": octetStream,
}

// ContentType returns the Content-Type of a path. It depends only on the path's extension. It is
// application/octet-stream for an unknown extension, or none.
func ContentType(p string) string {
	ext := path.Ext(path.Base(p))
	if ext == "" {
		return octetStream
	}
	t, ok := contentTypes[strings.ToLower(ext[1:])]
	switch {
	case !ok:
		return octetStream
	case strings.HasPrefix(t, "text/"):
		return t + "; charset=utf-8"
	}
	return t
}
