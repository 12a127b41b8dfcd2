package wrangler

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

func (r *reader) compatibilityDate(n *tree.Node) {
	date := r.Text(n)
	if date != "" && !DatePattern.MatchString(date) {
		r.Refuse(n, fmt.Sprintf("%s is %.40q", n.Path, date), DateRule)
		return
	}
	r.out.Worker.CompatibilityDate = date
}

// pages reads the output folder of a project of Cloudflare Pages.
func (r *reader) pages(n *tree.Node) {
	r.record("pages", n)
	r.directory(n)
}

func (r *reader) dev(n *tree.Node) {
	if !r.generated {
		notUsed("it concerns wrangler dev only")(r, n)
	}
}

// pythonModules concerns Workers in Python only. Build tools write its default for all Workers.
func (r *reader) pythonModules(n *tree.Node) {
	if strings.HasSuffix(r.out.Code.Main, ".py") {
		unsupported(useWrangler)(r, n)
	}
}

func (r *reader) compatibilityFlags(n *tree.Node) { r.out.Worker.CompatibilityFlags = r.Texts(n) }

func (r *reader) rules(n *tree.Node) {
	for _, entry := range r.List(n) {
		t := r.Object(entry)
		r.RefuseUnknown(t, "type", "globs", "fallthrough")
		kind, globs := t.Get("type"), t.Get("globs")
		if kind == nil || globs == nil {
			r.Refuse(entry, entry.Path+` needs "type" and "globs"`, "write both")
			continue
		}
		rule := bundle.Rule{
			Type:  r.OneOf(kind, "ESModule", "CommonJS", "Text", "Data", "CompiledWasm"),
			Globs: r.Texts(globs),
		}
		if f := t.Get("fallthrough"); f != nil {
			rule.Fallthrough = r.Flag(f)
		}
		r.out.Code.Rules = append(r.out.Code.Rules, rule)
	}
}

func (r *reader) additionalModules(n *tree.Node) {
	if r.Flag(n) {
		unsupported(`set "no_bundle" to send the files as they are, or remove it to bundle all imports`)(r, n)
	}
}

func (r *reader) migrations(n *tree.Node) {
	seen := map[string]bool{}
	for _, entry := range r.List(n) {
		t := r.Object(entry)
		r.RefuseUnknown(t, "tag", "new_classes", "new_sqlite_classes", "renamed_classes", "transferred_classes",
			"deleted_classes")
		tag := ""
		step := map[string]any{}
		for _, name := range t.Names {
			if name == "tag" {
				tag = r.Text(t.Get(name))
				continue
			}
			r.List(t.Get(name))
			step[name] = t.Get(name).Plain()
		}
		if tag == "" || seen[tag] {
			r.Refuse(entry, entry.Path+" has no unique tag", `give each migration its own "tag", and never change it`)
			continue
		}
		seen[tag] = true
		r.out.Worker.Migrations = append(r.out.Worker.Migrations, cloud.Migration{Tag: tag, Step: tree.Encode(step)})
	}
}

// placement converts the section to the form of the API, like wrangler.
func (r *reader) placement(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "mode", "hint", "region", "host", "hostname")
	get := func(name string) string {
		if m := t.Get(name); m != nil {
			return r.Text(m)
		}
		return ""
	}
	mode := "targeted"
	if m := t.Get("mode"); m != nil {
		if mode = r.OneOf(m, "off", "smart", "targeted"); mode == "" {
			return
		}
	}
	out := map[string]string{"mode": mode}
	switch hint := get("hint"); {
	case hint != "":
		out["mode"], out["hint"] = "smart", hint
	case mode == "off":
		return
	case mode == "targeted":
		for _, name := range []string{"region", "host", "hostname"} {
			if v := get(name); v != "" {
				out[name] = v
				break
			}
		}
		if len(out) == 1 {
			r.Refuse(n, n.Path+" has no target", `write "region", "host" or "hostname", or {"mode": "smart"}`)
			return
		}
	}
	r.addMetadata("placement", tree.Encode(out))
}

func (r *reader) secrets(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "required")
	if names := t.Get("required"); names != nil {
		r.out.Secrets = r.Texts(names)
	}
}

func (r *reader) queues(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "producers", "consumers")
	if p := t.Get("producers"); p != nil {
		r.bindingList("queues.producers", p)
	}
	if c := t.Get("consumers"); c != nil && len(r.List(c)) > 0 {
		notApplied("the consumers of queues")(r, c)
	}
}

func (r *reader) triggers(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "crons", "events")
	for _, name := range t.Names {
		if m := t.Get(name); !m.Empty() {
			notApplied("a Worker's triggers")(r, m)
		}
	}
}

func (r *reader) routes(n *tree.Node) {
	if l, ok := n.Value.([]*tree.Node); ok && len(l) == 0 {
		return
	}
	notApplied("routes and domains")(r, n)
}

func (r *reader) build(n *tree.Node) {
	t := r.Object(n)
	if c := t.Get("command"); c != nil {
		r.out.Build.Line = r.Text(c)
		r.record("build.command", c)
	}
	if c := t.Get("cwd"); c != nil {
		r.out.Build.Dir = r.Text(c)
		r.record("build.cwd", c)
	}
}

func (r *reader) complianceRegion(n *tree.Node) {
	if r.Text(n) != "public" {
		unsupported(useWrangler)(r, n)
	}
}

// directory takes the site's folder from a section that names one. If several sections do, the
// first one in alphabetical order is used.
func (r *reader) directory(n *tree.Node) {
	dir := r.Text(n)
	if dir == "" || r.out.Directory != "" {
		return
	}
	r.out.Directory = dir
	r.record("directory", n)
	if !r.generated { // else the notice about the generated file is enough
		r.Notice(n, fmt.Sprintf("%s is the folder of the site; kv-sync uploads it to KV", n.Path), "")
	}
}

func (r *reader) site(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "bucket", "include", "exclude", "entry-point")
	for _, name := range t.Names {
		switch m := t.Get(name); name {
		case "bucket":
			r.directory(m)
		case "exclude":
			r.out.Exclude = r.Texts(m)
		case "include":
			if len(r.List(m)) > 0 {
				unsupported(`list the files to leave out in "ignore" of kv-sync.toml, or in .assetsignore`)(r, m)
			}
		case "entry-point":
			unsupported(`write the file's name as "main"`)(r, m)
		}
	}
}
