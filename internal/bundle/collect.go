package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// collect implements no_bundle. It returns the main file, and the files below the base folder
// that a rule matches, all unchanged and under their own names.
func collect(ctx context.Context, o *project, rules []rule) (*Result, error) {
	base := filepath.Dir(o.Main)
	if o.BaseDir != "" {
		if base = filepath.FromSlash(o.BaseDir); !filepath.IsAbs(base) {
			base = filepath.Join(o.Root, base)
		}
	}
	rel, err := filepath.Rel(base, o.Main)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, refuse(o.displayMain(), "the main file is outside of base_dir", `correct "base_dir"`)
	}
	r := &Result{Main: filepath.ToSlash(rel)}
	switch path.Ext(r.Main) {
	case ".js", ".mjs":
	default:
		return nil, refuse(o.displayMain(), "no_bundle sends files unchanged, and a Worker runs only JavaScript modules",
			`name the built .js or .mjs file in "main", or remove "no_bundle"`)
	}
	size := 0
	add := func(file, name, contentType string) error {
		content, err := o.read(file)
		if err != nil {
			return refuse(o.display(file), "the file cannot be read: "+reason(err), "correct the rules, or remove the file")
		}
		if size += len(content); size > maxBytes {
			return refuse(o.display(base), fmt.Sprintf("the files that the rules match have more than %d MiB", maxBytes>>20),
				`make the globs in "rules" narrower`)
		}
		if contentType == typeESModule {
			if err := o.checkModule(file, content); err != nil {
				return err
			}
			r.ServesSite = r.ServesSite || servesSite(content)
			r.addMap(o, file, name)
		}
		r.Modules = append(r.Modules, cloud.Module{Name: name, Type: contentType, Content: content})
		return nil
	}
	if err := add(o.Main, r.Main, typeESModule); err != nil {
		return nil, err
	}
	files, err := o.filesBelow(ctx, base)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		rel, _ := filepath.Rel(base, file)
		name := filepath.ToSlash(rel)
		if name == r.Main {
			continue
		}
		contentType, err := o.collectedType(rules, file, name)
		if err == nil && contentType != "" {
			err = add(file, name, contentType)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// filesBelow lists the files below a folder: those of the commit, and those that exist only on
// the disk.
func (p *project) filesBelow(ctx context.Context, base string) ([]string, error) {
	p.reportRead(base)
	files, err := p.committed.filesBelow(base)
	if err != nil {
		return nil, refuse(p.display(base), "the folder cannot be read from the commit: "+reason(err),
			"check the repository with git fsck")
	}
	listed := map[string]bool{}
	for _, f := range files {
		listed[f] = true
	}
	err = filepath.WalkDir(base, func(file string, d fs.DirEntry, err error) error {
		switch {
		case file == base && len(files) > 0 && errors.Is(err, fs.ErrNotExist):
			return fs.SkipAll // the folder exists only in the commit
		case err != nil:
			return refuse(p.display(file), "the file cannot be read: "+reason(err), "correct its permissions")
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() && file != base && skipped(d.Name()):
			return fs.SkipDir
		case d.Type().IsRegular() && !listed[file]:
			files = append(files, file)
		}
		return nil
	})
	return files, err
}

// collectedType returns the content type of a file that is sent unchanged, or "" if no rule
// matches. A glob such as "**/*.wasm" needs a slash, so names are compared in the form of
// imports, with "./" before them.
func (p *project) collectedType(rules []rule, file, name string) (string, error) {
	r, err := find(rules, "./"+name)
	if err == nil && r == nil {
		r, err = find(rules, name)
	}
	if err != nil {
		return "", refuse(p.display(file), err.Error(), fixHidden)
	}
	if r == nil {
		return "", nil
	}
	if unsafeName.MatchString(strings.ReplaceAll(name, "/", "")) {
		return "", refuse(p.display(file), "the file's name cannot be the name of a module",
			"use letters, digits, dot, dash and underscore")
	}
	switch r.Type {
	case "ESModule":
		return typeESModule, nil
	case "CommonJS":
		return "", refuse(p.display(file), "CommonJS modules can only be sent bundled",
			`remove "no_bundle", or the rule of type CommonJS`)
	}
	return contentTypes[r.Type], nil
}
