package config

import (
	"fmt"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

func (w *wrangler) compatibilityDate(n *node) {
	date := w.text(n)
	if date != "" && !datePattern.MatchString(date) {
		w.refuse(n, fmt.Sprintf("%s is %.40q", n.path, date), dateRule)
		return
	}
	w.out.Worker.CompatibilityDate = date
}

func (w *wrangler) rules(n *node) {
	for _, entry := range w.list(n) {
		t := w.object(entry)
		w.refuseUnknown(t, "type", "globs", "fallthrough")
		kind, globs := t.get("type"), t.get("globs")
		if kind == nil || globs == nil {
			w.refuse(entry, entry.path+` needs "type" and "globs"`, "write both")
			continue
		}
		rule := bundle.Rule{
			Type:  w.oneOf(kind, "ESModule", "CommonJS", "Text", "Data", "CompiledWasm"),
			Globs: w.texts(globs),
		}
		if f := t.get("fallthrough"); f != nil {
			rule.Fallthrough = w.flag(f)
		}
		w.out.Code.Rules = append(w.out.Code.Rules, rule)
	}
}

func (w *wrangler) additionalModules(n *node) {
	if w.flag(n) {
		unsupported(`set "no_bundle" to send the files as they are, or remove it to bundle all imports`)(w, n)
	}
}

func (w *wrangler) migrations(n *node) {
	seen := map[string]bool{}
	for _, entry := range w.list(n) {
		t := w.object(entry)
		w.refuseUnknown(t, "tag", "new_classes", "new_sqlite_classes", "renamed_classes", "transferred_classes", "deleted_classes")
		tag := ""
		step := map[string]any{}
		for _, name := range t.names {
			if name == "tag" {
				tag = w.text(t.get(name))
				continue
			}
			w.list(t.get(name))
			step[name] = t.get(name).plain()
		}
		if tag == "" || seen[tag] {
			w.refuse(entry, entry.path+" has no unique tag", `give each migration its own "tag", and never change it`)
			continue
		}
		seen[tag] = true
		w.out.Worker.Migrations = append(w.out.Worker.Migrations, cloud.Migration{Tag: tag, Step: encode(step)})
	}
}

// placement converts the section to the form of the API, like wrangler.
func (w *wrangler) placement(n *node) {
	t := w.object(n)
	w.refuseUnknown(t, "mode", "hint", "region", "host", "hostname")
	get := func(name string) string {
		if m := t.get(name); m != nil {
			return w.text(m)
		}
		return ""
	}
	mode := "targeted"
	if m := t.get("mode"); m != nil {
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
			w.refuse(n, n.path+" has no target", `write "region", "host" or "hostname", or {"mode": "smart"}`)
			return
		}
	}
	w.addMetadata("placement", encode(out))
}

func (w *wrangler) secrets(n *node) {
	t := w.object(n)
	w.refuseUnknown(t, "required")
	if r := t.get("required"); r != nil {
		w.out.Secrets = w.texts(r)
	}
}

func (w *wrangler) queues(n *node) {
	t := w.object(n)
	w.refuseUnknown(t, "producers", "consumers")
	if p := t.get("producers"); p != nil {
		w.bindingList("queues.producers", p)
	}
	if c := t.get("consumers"); c != nil && len(w.list(c)) > 0 {
		notApplied("the consumers of queues")(w, c)
	}
}

func (w *wrangler) triggers(n *node) {
	t := w.object(n)
	w.refuseUnknown(t, "crons", "events")
	for _, name := range t.names {
		if m := t.get(name); m.value != nil {
			notApplied("a Worker's triggers")(w, m)
		}
	}
}

func (w *wrangler) routes(n *node) {
	if l, ok := n.value.([]*node); ok && len(l) == 0 {
		return
	}
	notApplied("routes and domains")(w, n)
}

func (w *wrangler) build(n *node) {
	t := w.object(n)
	if c := t.get("command"); c != nil {
		w.out.Build.Line = w.text(c)
		w.recordLine("build.command", c)
	}
	if c := t.get("cwd"); c != nil {
		w.out.Build.Dir = w.text(c)
		w.recordLine("build.cwd", c)
	}
}

func (w *wrangler) complianceRegion(n *node) {
	if w.text(n) != "public" {
		unsupported(useWrangler)(w, n)
	}
}

// directory takes the site's folder from a section that names one. If several sections do, the
// first one in alphabetical order is used.
func (w *wrangler) directory(n *node) {
	dir := w.text(n)
	if dir == "" || w.out.Directory != "" {
		return
	}
	w.out.Directory = dir
	w.recordLine("directory", n)
	w.notice(n, fmt.Sprintf("%s is the folder of the site; kv-sync uploads it to KV", n.path), "")
}

func (w *wrangler) site(n *node) {
	t := w.object(n)
	w.refuseUnknown(t, "bucket", "include", "exclude", "entry-point")
	for _, name := range t.names {
		switch m := t.get(name); name {
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
