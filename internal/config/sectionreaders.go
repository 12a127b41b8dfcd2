package config

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

func (w *wrangler) compatibilityDate(n *tree.Node) {
	date := w.text(n)
	if date != "" && !datePattern.MatchString(date) {
		w.refuse(n, fmt.Sprintf("%s is %.40q", n.Path, date), dateRule)
		return
	}
	w.out.Worker.CompatibilityDate = date
}

// pages reads the output folder of a project of Cloudflare Pages.
func (w *wrangler) pages(n *tree.Node) {
	w.recordLine("pages", n)
	w.directory(n)
}

func (w *wrangler) dev(n *tree.Node) {
	if !w.generated {
		notUsed("it concerns wrangler dev only")(w, n)
	}
}

// pythonModules concerns Workers in Python only. Build tools write its default for all Workers.
func (w *wrangler) pythonModules(n *tree.Node) {
	if strings.HasSuffix(w.out.Code.Main, ".py") {
		unsupported(useWrangler)(w, n)
	}
}

func (w *wrangler) compatibilityFlags(n *tree.Node) { w.out.Worker.CompatibilityFlags = w.texts(n) }

func (w *wrangler) rules(n *tree.Node) {
	for _, entry := range w.list(n) {
		t := w.object(entry)
		w.refuseUnknown(t, "type", "globs", "fallthrough")
		kind, globs := t.Get("type"), t.Get("globs")
		if kind == nil || globs == nil {
			w.refuse(entry, entry.Path+` needs "type" and "globs"`, "write both")
			continue
		}
		rule := bundle.Rule{
			Type:  w.oneOf(kind, "ESModule", "CommonJS", "Text", "Data", "CompiledWasm"),
			Globs: w.texts(globs),
		}
		if f := t.Get("fallthrough"); f != nil {
			rule.Fallthrough = w.flag(f)
		}
		w.out.Code.Rules = append(w.out.Code.Rules, rule)
	}
}

func (w *wrangler) additionalModules(n *tree.Node) {
	if w.flag(n) {
		unsupported(`set "no_bundle" to send the files as they are, or remove it to bundle all imports`)(w, n)
	}
}

func (w *wrangler) migrations(n *tree.Node) {
	seen := map[string]bool{}
	for _, entry := range w.list(n) {
		t := w.object(entry)
		w.refuseUnknown(t, "tag", "new_classes", "new_sqlite_classes", "renamed_classes", "transferred_classes",
			"deleted_classes")
		tag := ""
		step := map[string]any{}
		for _, name := range t.Names {
			if name == "tag" {
				tag = w.text(t.Get(name))
				continue
			}
			w.list(t.Get(name))
			step[name] = t.Get(name).Plain()
		}
		if tag == "" || seen[tag] {
			w.refuse(entry, entry.Path+" has no unique tag", `give each migration its own "tag", and never change it`)
			continue
		}
		seen[tag] = true
		w.out.Worker.Migrations = append(w.out.Worker.Migrations, cloud.Migration{Tag: tag, Step: tree.Encode(step)})
	}
}

// placement converts the section to the form of the API, like wrangler.
func (w *wrangler) placement(n *tree.Node) {
	t := w.object(n)
	w.refuseUnknown(t, "mode", "hint", "region", "host", "hostname")
	get := func(name string) string {
		if m := t.Get(name); m != nil {
			return w.text(m)
		}
		return ""
	}
	mode := "targeted"
	if m := t.Get("mode"); m != nil {
		if mode = w.oneOf(m, "off", "smart", "targeted"); mode == "" {
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
			w.refuse(n, n.Path+" has no target", `write "region", "host" or "hostname", or {"mode": "smart"}`)
			return
		}
	}
	w.addMetadata("placement", tree.Encode(out))
}

func (w *wrangler) secrets(n *tree.Node) {
	t := w.object(n)
	w.refuseUnknown(t, "required")
	if r := t.Get("required"); r != nil {
		w.out.Secrets = w.texts(r)
	}
}

func (w *wrangler) queues(n *tree.Node) {
	t := w.object(n)
	w.refuseUnknown(t, "producers", "consumers")
	if p := t.Get("producers"); p != nil {
		w.bindingList("queues.producers", p)
	}
	if c := t.Get("consumers"); c != nil && len(w.list(c)) > 0 {
		notApplied("the consumers of queues")(w, c)
	}
}

func (w *wrangler) triggers(n *tree.Node) {
	t := w.object(n)
	w.refuseUnknown(t, "crons", "events")
	for _, name := range t.Names {
		if m := t.Get(name); !m.Empty() {
			notApplied("a Worker's triggers")(w, m)
		}
	}
}

func (w *wrangler) routes(n *tree.Node) {
	if l, ok := n.Value.([]*tree.Node); ok && len(l) == 0 {
		return
	}
	notApplied("routes and domains")(w, n)
}

func (w *wrangler) build(n *tree.Node) {
	t := w.object(n)
	if c := t.Get("command"); c != nil {
		w.out.Build.Line = w.text(c)
		w.recordLine("build.command", c)
	}
	if c := t.Get("cwd"); c != nil {
		w.out.Build.Dir = w.text(c)
		w.recordLine("build.cwd", c)
	}
}

func (w *wrangler) complianceRegion(n *tree.Node) {
	if w.text(n) != "public" {
		unsupported(useWrangler)(w, n)
	}
}

// directory takes the site's folder from a section that names one. If several sections do, the
// first one in alphabetical order is used.
func (w *wrangler) directory(n *tree.Node) {
	dir := w.text(n)
	if dir == "" || w.out.Directory != "" {
		return
	}
	w.out.Directory = dir
	w.recordLine("directory", n)
	w.notice(n, fmt.Sprintf("%s is the folder of the site; kv-sync uploads it to KV", n.Path), "")
}

func (w *wrangler) site(n *tree.Node) {
	t := w.object(n)
	w.refuseUnknown(t, "bucket", "include", "exclude", "entry-point")
	for _, name := range t.Names {
		switch m := t.Get(name); name {
		case "bucket":
			w.directory(m)
		case "exclude":
			w.out.Exclude = w.texts(m)
		case "include":
			if len(w.list(m)) > 0 {
				unsupported(`list the files to leave out in "ignore" of kv-sync.toml, or in .assetsignore`)(w, m)
			}
		case "entry-point":
			unsupported(`write the file's name as "main"`)(w, m)
		}
	}
}
