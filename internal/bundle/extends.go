package bundle

import (
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// checkExtends checks a tsconfig.json and the files that it extends. esbuild reads these files
// itself and decides which one an "extends" means, so every candidate is checked. from has the
// files that led to this one.
func (s *settings) checkExtends(file string, from []string) error {
	if slices.Contains(from, file) {
		return nil // esbuild reports the cycle
	}
	config, err := s.parse(file)
	if broken := (*syntaxError)(nil); errors.As(err, &broken) && boundary.IsCode(file) {
		return nil // a package may export code beside its settings
	}
	if err != nil {
		return err
	}
	from = append(from, file)
	// Paths in the file are relative to its real folder.
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return err
	}
	for _, extends := range members(config, "extends") {
		for _, name := range stringsIn(extends) {
			candidates, err := s.extendsCandidates(filepath.Dir(file), filepath.FromSlash(name))
			if err != nil {
				return err
			}
			for _, candidate := range candidates {
				if !s.present(candidate) {
					continue
				}
				if err := s.checkExtends(candidate, from); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// parse reads a settings file as JSON with comments.
func (s *settings) parse(file string) (hujson.Value, error) {
	data, err := s.readSettings(file)
	if err != nil {
		return hujson.Value{}, err
	}
	v, err := hujson.Parse([]byte(strings.TrimPrefix(string(data), "\xef\xbb\xbf")))
	if err != nil {
		return v, &settingsError{s.display(file), &syntaxError{err}}
	}
	return v, nil
}

// syntaxError reports a file that is not JSON.
type syntaxError struct{ error }

// members returns the values of all members of an object with a name. A name may occur twice,
// and esbuild decides which value it uses.
func members(v hujson.Value, name string) []hujson.Value {
	object, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	var list []hujson.Value
	for _, m := range object.Members {
		if nameOf(m) == name {
			list = append(list, m.Value)
		}
	}
	return list
}

// stringsIn returns all strings in a JSON value, at any depth.
func stringsIn(v hujson.Value) []string {
	var list []string
	switch v := v.Value.(type) {
	case hujson.Literal:
		if v.Kind() == '"' {
			list = append(list, v.String())
		}
	case *hujson.Array:
		for _, e := range v.Elements {
			list = append(list, stringsIn(e)...)
		}
	case *hujson.Object:
		for _, m := range v.Members {
			list = append(list, stringsIn(m.Value)...)
		}
	}
	return list
}

var errPnP = errors.New("it extends a package that Yarn's Plug'n'Play resolves; extend the file by its path")

// extendsCandidates returns the files that an "extends" can mean.
func (s *settings) extendsCandidates(dir, name string) ([]string, error) {
	forms := func(file string) []string {
		return []string{file, file + ".json", filepath.Join(file, "tsconfig.json")}
	}
	if filepath.IsAbs(name) {
		return forms(name), nil
	}
	if first, _, _ := strings.Cut(filepath.ToSlash(name), "/"); first == "." || first == ".." {
		return forms(filepath.Join(dir, name)), nil
	}
	var list []string
	for at := range above(dir) {
		hasFile := func(name string) bool { return s.present(filepath.Join(at, name)) }
		if slices.ContainsFunc([]string{".pnp.data.json", ".pnp.cjs", ".pnp.js"}, hasFile) {
			return nil, &settingsError{s.display(filepath.Join(dir, "tsconfig.json")), errPnP}
		}
		list = append(list, forms(filepath.Join(at, "node_modules", name))...)
		files, err := s.packageTSConfig(filepath.Join(at, "node_modules"), filepath.ToSlash(name))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			list = append(list, forms(file)...)
		}
	}
	return list, nil
}

// packageTSConfig returns the files that a package offers as a base: those that "tsconfig" and
// "exports" in its package.json name.
func (s *settings) packageTSConfig(modules, name string) ([]string, error) {
	parts := strings.SplitN(name, "/", 3)
	n := 1
	if strings.HasPrefix(name, "@") {
		n = 2
	}
	n = min(n, len(parts))
	dir := filepath.Join(modules, filepath.FromSlash(strings.Join(parts[:n], "/")))
	file := filepath.Join(dir, "package.json")
	if !s.present(file) || !s.Boundary.Inside(modules) {
		return nil, nil
	}
	p, err := s.parse(file)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, v := range members(p, "tsconfig") {
		for _, target := range stringsIn(v) {
			if target = filepath.FromSlash(target); !filepath.IsAbs(target) {
				target = filepath.Join(dir, target)
			}
			list = append(list, target)
		}
	}
	for _, v := range members(p, "exports") {
		for _, target := range exported(v, "."+strings.TrimPrefix(name, strings.Join(parts[:n], "/"))) {
			list = append(list, filepath.Join(dir, filepath.FromSlash(target)))
		}
	}
	return list, nil
}

// exported returns the targets that "exports" has for a subpath such as "./base.json", under all
// conditions.
func exported(exports hujson.Value, subpath string) []string {
	object, ok := exports.Value.(*hujson.Object)
	if !ok || len(object.Members) > 0 && !strings.HasPrefix(nameOf(object.Members[0]), ".") {
		if subpath != "." {
			return nil
		}
		return withDecoded(stringsIn(exports))
	}
	var list []string
	for _, m := range object.Members {
		key := nameOf(m)
		before, after, pattern := strings.Cut(key, "*")
		rest, begins := strings.CutPrefix(subpath, before)
		for _, target := range stringsIn(m.Value) {
			switch {
			case key == subpath:
				list = append(list, target)
			case pattern && begins && strings.HasSuffix(rest, after):
				list = append(list, strings.ReplaceAll(target, "*", strings.TrimSuffix(rest, after)))
			case strings.HasSuffix(key, "/") && begins:
				list = append(list, target+rest)
			}
		}
	}
	return withDecoded(list)
}

func nameOf(m hujson.ObjectMember) string { return m.Name.Value.(hujson.Literal).String() }

// withDecoded returns the targets, and those with percent-encoding also in decoded form.
func withDecoded(targets []string) []string {
	list := slices.Clone(targets)
	for _, target := range targets {
		if plain, err := url.PathUnescape(target); err == nil && plain != target {
			list = append(list, plain)
		}
	}
	return list
}
