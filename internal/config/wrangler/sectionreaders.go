package wrangler

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

func (w *reader) compatibilityDate(n *tree.Node) {
	date := w.Text(n)
	if date != "" && !DatePattern.MatchString(date) {
		w.Refuse(n, fmt.Sprintf("%s is %.40q", n.Path, date), DateRule)
		return
	}
	w.out.Worker.CompatibilityDate = date
}

// pages reads the output folder of a project of Cloudflare Pages.
func (w *reader) pages(n *tree.Node) {
	w.record("pages", n)
	w.directory(n)
}

func (w *reader) dev(n *tree.Node) {
	if !w.generated {
		notUsed("it concerns wrangler dev only")(w, n)
	}
}

// pythonModules concerns Workers in Python only. Build tools write its default for all Workers.
func (w *reader) pythonModules(n *tree.Node) {
	if strings.HasSuffix(w.out.Code.Main, ".py") {
		unsupported(useWrangler)(w, n)
	}
}

func (w *reader) compatibilityFlags(n *tree.Node) { w.out.Worker.CompatibilityFlags = w.Texts(n) }

func (w *reader) rules(n *tree.Node) {
	for _, entry := range w.List(n) {
		t := w.Object(entry)
		w.RefuseUnknown(t, "type", "globs", "fallthrough")
		kind, globs := t.Get("type"), t.Get("globs")
		if kind == nil || globs == nil {
			w.Refuse(entry, entry.Path+` needs "type" and "globs"`, "write both")
			continue
		}
		rule := bundle.Rule{
			Type:  w.OneOf(kind, "ESModule", "CommonJS", "Text", "Data", "CompiledWasm"),
			Globs: w.Texts(globs),
		}
		if f := t.Get("fallthrough"); f != nil {
			rule.Fallthrough = w.Flag(f)
		}
		w.out.Code.Rules = append(w.out.Code.Rules, rule)
	}
}

func (w *reader) additionalModules(n *tree.Node) {
	if w.Flag(n) {
		unsupported(`set "no_bundle" to send the files as they are, or remove it to bundle all imports`)(w, n)
	}
}

func (w *reader) migrations(n *tree.Node) {
	seen := map[string]bool{}
	for _, entry := range w.List(n) {
		t := w.Object(entry)
		w.RefuseUnknown(t, "tag", "new_classes", "new_sqlite_classes", "renamed_classes", "transferred_classes",
			"deleted_classes")
		tag := ""
		step := map[string]any{}
		for _, name := range t.Names {
			if name == "tag" {
				tag = w.Text(t.Get(name))
				continue
			}
			w.List(t.Get(name))
			step[name] = t.Get(name).Plain()
		}
		if tag == "" || seen[tag] {
			w.Refuse(entry, entry.Path+" has no unique tag", `give each migration its own "tag", and never change it`)
			continue
		}
		seen[tag] = true
		w.out.Worker.Migrations = append(w.out.Worker.Migrations, cloud.Migration{Tag: tag, Step: tree.Encode(step)})
	}
}

// placement converts the section to the form of the API, like wrangler.
func (w *reader) placement(n *tree.Node) {
	t := w.Object(n)
	w.RefuseUnknown(t, "mode", "hint", "region", "host", "hostname")
	get := func(name string) string {
		if m := t.Get(name); m != nil {
			return w.Text(m)
		}
		return ""
	}
	mode := "targeted"
	if m := t.Get("mode"); m != nil {
		if mode = w.OneOf(m, "off", "smart", "targeted"); mode == "" {
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
			w.Refuse(n, n.Path+" has no target", `write "region", "host" or "hostname", or {"mode": "smart"}`)
			return
		}
	}
	w.addMetadata("placement", tree.Encode(out))
}

func (w *reader) secrets(n *tree.Node) {
	t := w.Object(n)
	w.RefuseUnknown(t, "required")
	if r := t.Get("required"); r != nil {
		w.out.Secrets = w.Texts(r)
	}
}

func (w *reader) queues(n *tree.Node) {
	t := w.Object(n)
	w.RefuseUnknown(t, "producers", "consumers")
	if p := t.Get("producers"); p != nil {
		w.bindingList("queues.producers", p)
	}
	if c := t.Get("consumers"); c != nil && len(w.List(c)) > 0 {
		notApplied("the consumers of queues")(w, c)
	}
}

func (w *reader) triggers(n *tree.Node) {
	t := w.Object(n)
	w.RefuseUnknown(t, "crons", "events")
	for _, name := range t.Names {
		if m := t.Get(name); !m.Empty() {
			notApplied("a Worker's triggers")(w, m)
		}
	}
}

func (w *reader) routes(n *tree.Node) {
	if l, ok := n.Value.([]*tree.Node); ok && len(l) == 0 {
		return
	}
	notApplied("routes and domains")(w, n)
}

func (w *reader) build(n *tree.Node) {
	t := w.Object(n)
	if c := t.Get("command"); c != nil {
		w.out.Build.Line = w.Text(c)
		w.record("build.command", c)
	}
	if c := t.Get("cwd"); c != nil {
		w.out.Build.Dir = w.Text(c)
		w.record("build.cwd", c)
	}
}

func (w *reader) complianceRegion(n *tree.Node) {
	if w.Text(n) != "public" {
		unsupported(useWrangler)(w, n)
	}
}

// directory takes the site's folder from a section that names one. If several sections do, the
// first one in alphabetical order is used.
func (w *reader) directory(n *tree.Node) {
	dir := w.Text(n)
	if dir == "" || w.out.Directory != "" {
		return
	}
	w.out.Directory = dir
	w.record("directory", n)
	if !w.generated { // else the notice about the generated file is enough
		w.Notice(n, fmt.Sprintf("%s is the folder of the site; kv-sync uploads it to KV", n.Path), "")
	}
}

func (w *reader) site(n *tree.Node) {
	t := w.Object(n)
	w.RefuseUnknown(t, "bucket", "include", "exclude", "entry-point")
	for _, name := range t.Names {
		switch m := t.Get(name); name {
		case "bucket":
			w.directory(m)
		case "exclude":
			w.out.Exclude = w.Texts(m)
		case "include":
			if len(w.List(m)) > 0 {
				unsupported(`list the files to leave out in "ignore" of kv-sync.toml, or in .assetsignore`)(w, m)
			}
		case "entry-point":
			unsupported(`write the file's name as "main"`)(w, m)
		}
	}
}
