package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/formattest"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/parts"
)

// asset is an asset as the reader prints it.
type asset struct {
	Path, Hash, Nonce, Type, Object string
	Size, Modified, Until           int64
	Left                            int
}

// assetLists has the lists of a stored manifest.
type assetLists struct{ Assets, Retired, Directories []asset }

// readerOutput is the part of the reader's output that is compared with the engine.
type readerOutput struct {
	Sites map[string]struct {
		ID        string
		Manifests map[string]assetLists
	}
	Unseen []string
}

// readAll runs the reader. It returns the reader's output. unseen has the members that the page
// describes and that no stored value has. An error says how docs/format.md, the stored values and
// the engine differ.
func readAll(dump *formattest.Stored) (text []byte, unseen []string, err error) {
	if text, err = dump.Read("../.."); err != nil {
		return nil, nil, err
	}
	var out readerOutput
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, nil, fmt.Errorf("decode the reader's output: %w", err)
	}
	if problems := formattest.Problems(text); len(problems) > 0 {
		return nil, nil, fmt.Errorf("docs/format.md does not describe the stored values:\n%s", strings.Join(problems, "\n"))
	}
	return text, out.Unseen, compare(dump, &out)
}

// compare compares the manifests that the reader found with what the engine decodes.
func compare(dump *formattest.Stored, out *readerOutput) error {
	got, want := map[string]assetLists{}, map[string]assetLists{}
	for _, site := range out.Sites {
		for name, lists := range site.Manifests {
			if !strings.HasPrefix(name, "t/") {
				name = "m/" + name
			}
			got[site.ID+"/"+name] = lists
		}
	}
	for key, value := range dump.Keys {
		var m *manifest.Manifest
		var err error
		switch site, _, inParts := strings.Cut(key, "/t/"); {
		case inParts:
			m, err = decodeRoot(dump, site, value)
		case strings.Contains(key, "/m/"):
			m, err = manifest.DecodeStored(value)
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("decode %s: %w", key, err)
		}
		want[key] = listsOf(m)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		return fmt.Errorf("the engine and the reader differ (-engine +reader):\n%s", d)
	}
	return nil
}

// decodeRoot decodes a manifest in parts as the engine does.
func decodeRoot(dump *formattest.Stored, site string, value []byte) (*manifest.Manifest, error) {
	root, err := parts.Decode(value)
	if err != nil {
		return nil, err
	}
	tree, err := parts.Open(root, func(refs []manifest.Ref, decode func(i int, value []byte) error) error {
		for i, ref := range refs {
			if err := decode(i, dump.Keys[manifest.Keys(site).Part(ref)]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = tree.ReadAll()
	return tree.Manifest(), err
}

func listsOf(m *manifest.Manifest) (lists assetLists) {
	of := func(a manifest.Asset) asset {
		return asset{Path: a.Path, Hash: a.Blob.Hash.String(), Nonce: a.Blob.Nonce.String(), Type: a.ContentType,
			Object: a.OID, Size: a.Size, Modified: a.Modified}
	}
	for _, a := range m.Assets {
		lists.Assets = append(lists.Assets, of(a))
	}
	for _, r := range m.Retired {
		a := of(r.Asset)
		a.Until, a.Left = r.Until, r.Left
		lists.Retired = append(lists.Retired, a)
	}
	for _, d := range m.Dirs {
		lists.Directories = append(lists.Directories, asset{Path: d.Path, Object: d.Tree})
	}
	return lists
}

// visit SITE PATH WANT checks that a page of a site on the script's own platform has the text.
func visit(ts *testscript.TestScript, neg bool, args []string) {
	fetch(ts, neg, []string{rigOf(ts).server.SiteURL(args[0]) + args[1], args[2]})
}

// reads SITE... reads everything that the script's platform stores with the reader of
// docs/format.md, and compares that with what the engine reads. For these sites it also compares
// it with the output of commands. It writes the reader's output to out.json, and the members that
// no stored value has to unseen.
func reads(ts *testscript.TestScript, neg bool, args []string) {
	text, unseen, err := readAll(dumpOf(ts))
	ts.Check(err)
	for _, site := range args {
		compareCommands(ts, site, gjson.GetBytes(text, "sites."+site))
	}
	ts.Check(os.WriteFile(ts.MkAbs("out.json"), text, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("unseen"), []byte(strings.Join(unseen, "\n")+"\n"), 0o600))
}

// compareCommands compares what the reader found of a site with the output of commands.
func compareCommands(ts *testscript.TestScript, site string, found gjson.Result) {
	flag, name := "--name", site
	if id, ok := strings.CutPrefix(site, "project/"); ok {
		flag, name = "--project", id
	}
	ts.Check(ts.Exec("kv-sync", "history", flag, name, "--json"))
	for _, d := range gjson.Get(ts.ReadFile("stdout"), "history").Array() {
		id := d.Get("deployment").String()
		if diff := cmp.Diff(d.Get("record").Value(), found.Get("deployments."+id).Value()); diff != "" {
			ts.Fatalf("%s: the record of %s (-history +reader):\n%s", site, id, diff)
		}
		live := [3]string{id, d.Get("commit").String(), d.Get("hold").String()}
		read := [3]string{found.Get("live.meta.deployment").String(), found.Get("live.message.commit").String(),
			found.Get("live.message.hold").String()}
		if d.Get("live").Bool() && read != live {
			ts.Fatalf("%s: deployment, commit and hold of kv-sync history are %q, of the reader %q", site, live, read)
		}
	}
	ts.Check(ts.Exec("kv-sync", "verify", flag, name, "--read-data", "--json"))
	for _, d := range gjson.Get(ts.ReadFile("stdout"), "verify.deployments").Array() {
		record := found.Get("deployments." + d.Get("deployment").String())
		read := found.Get("manifests." + gjsonPath(record.Get("manifest").String()) + ".assets.#")
		if index := record.Get("index").String(); index != "" {
			read = found.Get("indexes." + index + "*.#")
		}
		if read.Int() != d.Get("files").Int() {
			ts.Fatalf("%s: %d files, the reader has %d", site, d.Get("files").Int(), read.Int())
		}
	}
}

// gjsonPath returns a member's name as a path of gjson.
func gjsonPath(member string) string { return strings.ReplaceAll(member, ".", `\.`) }

// dumpOf gets everything that the script's platform stores.
func dumpOf(ts *testscript.TestScript) *formattest.Stored {
	dump, err := formattest.Dump(func(path string) (string, error) { return toDev(ts, http.MethodGet, path, ""), nil })
	ts.Check(err)
	return dump
}

// The reader understands the projects that the TypeScript library and Go wrote.
func TestReaderOfProjects(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../testdata/project/*.json")
	if err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob("../../testdata/project/go/*.json")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range append(names, others...) {
		dump := projectVector(t, name)
		if len(dump.Keys) == 0 {
			continue // no deploy
		}
		read++
		if _, _, err := readAll(dump); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if read < 15 {
		t.Errorf("read only %d", read)
	}
}

// The reader notices a change of any value.
func TestReaderOfDamage(t *testing.T) {
	t.Parallel()
	dump := projectVector(t, "../../testdata/project/first.json")
	for key, value := range dump.Keys {
		value[len(value)-1] ^= 1
		if _, _, err := readAll(dump); err == nil {
			t.Errorf("the reader overlooks a change of %s", key)
		}
		value[len(value)-1] ^= 1
	}
}

// projectVector returns the content of KV after the deploy in a file of testdata/project. It
// returns nil if the file has no deploy.
func projectVector(t *testing.T, name string) *formattest.Stored {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dump := formattest.New()
	for _, member := range []string{"before", "writes", "kv"} {
		gjson.GetBytes(b, member).ForEach(func(key, value gjson.Result) bool {
			dump.Keys[key.String()] = vectorValue(t, value)
			return true
		})
	}
	return dump
}

// vectorValue returns a value of testdata/project.
func vectorValue(t *testing.T, value gjson.Result) []byte {
	t.Helper()
	if runs := value.Get("runs"); runs.Exists() {
		var b []byte
		for _, run := range runs.Array() {
			b = append(b, strings.Repeat(run.Get("0").String(), int(run.Get("1").Int()))...)
		}
		return b
	}
	b, err := base64.StdEncoding.DecodeString(value.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}
