package bundle

import (
	"encoding/base64"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// typeSourceMap is the type of a module that is a source map. The API keeps it beside the code.
const typeSourceMap = "application/source-map"

// mapName is the name of a module's source map.
func mapName(module string) string { return module + ".map" }

// sourcemap returns esbuild's setting for source maps. The code is the same with and without a map.
func sourcemap(o *project) api.SourceMap {
	if o.SourceMap {
		return api.SourceMapExternal
	}
	return api.SourceMapNone
}

// mapComment is the comment with which a file names its source map.
var mapComment = regexp.MustCompile(`(?m)^[ \t]*//[#@][ \t]*sourceMappingURL=([^\s'"]+)[ \t]*$`)

// inlineMap replaces the name of a file's source map by the map itself. Otherwise esbuild would read
// the map, even from outside of the boundary. If the map cannot be read, the file has no map.
func (p *project) inlineMap(file string, content []byte) []byte {
	if !p.SourceMap {
		return content
	}
	all := mapComment.FindAllSubmatchIndex(content, -1)
	if all == nil {
		return content
	}
	var out []byte
	from := 0
	for i, at := range all {
		name := string(content[at[2]:at[3]])
		out = append(out, content[from:at[0]]...)
		from = at[1]
		if i == len(all)-1 {
			out = append(out, p.mapOf(file, name)...)
		}
	}
	return append(out, content[from:]...)
}

// mapOf returns a comment with the source map that has this name in a file, or "".
func (p *project) mapOf(file, name string) string {
	const comment = "//# sourceMappingURL="
	if strings.HasPrefix(name, "data:") {
		return comment + name
	}
	path, err := url.PathUnescape(name)
	if err != nil || strings.Contains(path, "://") {
		return ""
	}
	raw, err := p.read(filepath.Join(filepath.Dir(file), filepath.FromSlash(path)))
	if err != nil {
		return ""
	}
	return comment + "data:application/json;base64," + base64.StdEncoding.EncodeToString(raw)
}

// addMap adds the source map beside the file of a module that is sent unchanged, if there is one.
func (r *Result) addMap(o *project, file, name string) {
	if !o.SourceMap {
		return
	}
	if raw, err := o.read(mapName(file)); err == nil {
		r.Modules = append(r.Modules, cloud.Module{Name: mapName(name), Type: typeSourceMap, Content: raw})
	}
}
