package bundle

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// collect is what no_bundle means: the main file as it is, and the files below
// the base folder that rules match, under their own names.
func collect(ctx context.Context, o Options, rules []rule) (*Result, error) {
	base := filepath.Dir(o.Main)
	if o.BaseDir != "" {
		if base = filepath.FromSlash(o.BaseDir); !filepath.IsAbs(base) {
			base = filepath.Join(o.Root, base)
		}
	}
	rel, err := filepath.Rel(base, o.Main)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, refuse(o.displayMain(), "the main file lies outside of base_dir", `correct "base_dir"`)
	}
	r := &Result{Main: filepath.ToSlash(rel)}
	switch path.Ext(r.Main) {
	case ".js", ".mjs":
	default:
		return nil, refuse(o.displayMain(), "no_bundle sends files as they are, and a Worker runs JavaScript modules only",
			`name the built .js or .mjs file in "main", or take "no_bundle" out`)
	}
	size := 0
	add := func(file, name, contentType string) error {
		content, err := o.read(file)
		if err != nil {
			return refuse(o.display(file), "it cannot be read: "+reason(err), "correct the rules, or take the file away")
		}
		if size += len(content); size > maxBytes {
			return refuse(o.display(base), fmt.Sprintf("the files that the rules match weigh more than %d MiB", maxBytes>>20), `make the globs in "rules" narrower`)
		}
		if contentType == typeESModule {
			if err := r.inspect(o, file, content); err != nil {
				return err
			}
		}
		r.Modules = append(r.Modules, kvsync.Module{Name: name, Type: contentType, Content: content})
		return nil
	}
	if err := add(o.Main, r.Main, typeESModule); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(base, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return refuse(o.display(file), "it cannot be read: "+reason(err), "correct its permissions")
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); file != base && (n == "node_modules" || strings.HasPrefix(n, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		rel, _ := filepath.Rel(base, file)
		name := filepath.ToSlash(rel)
		if name == r.Main || !d.Type().IsRegular() {
			return nil
		}
		contentType, err := o.collectedType(rules, file, name)
		if err != nil || contentType == "" {
			return err
		}
		return add(file, name, contentType)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// collectedType returns the content type of a file that is sent as it is, or ""
// where no rule wants it. A glob such as "**/*.wasm" wants a slash, so names are
// matched as imports are written, with "./" before them.
func (o *Options) collectedType(rules []rule, file, name string) (string, error) {
	r, err := find(rules, "./"+name)
	if err == nil && r == nil {
		r, err = find(rules, name)
	}
	if err != nil {
		return "", refuse(o.display(file), err.Error(), fixHidden)
	}
	if r == nil {
		return "", nil
	}
	if unsafeName.MatchString(strings.ReplaceAll(name, "/", "")) {
		return "", refuse(o.display(file), "its name cannot be the name of a module", "use letters, digits, dot, dash and underscore")
	}
	switch r.Type {
	case "ESModule":
		return typeESModule, nil
	case "CommonJS":
		return "", refuse(o.display(file), "CommonJS modules can only be sent bundled", `take "no_bundle" out, or the rule of type CommonJS`)
	}
	return contentTypes[r.Type], nil
}

// inspect looks for imports that only bundling can resolve.
func (r *Result) inspect(o Options, file string, content []byte) error {
	if bytes.Contains(content, []byte("@kv-sync/worker")) {
		return refuse(o.display(file), "no_bundle sends files as they are, so @kv-sync/worker cannot be resolved", `take "no_bundle" out`)
	}
	if bytes.Contains(content, []byte(kvsync.ModuleManifest)) {
		r.ServesSite = true
	}
	return nil
}
