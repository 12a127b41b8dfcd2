package devvars_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/devvars"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// texts are files by name, or variables by name.
type texts = map[string]string

// sample is a folder with files, and how a Worker is developed in it.
type sample struct {
	Files       map[string]string `json:"files"`
	Environment string            `json:"env,omitempty"`
	Vars        map[string]string `json:"vars,omitempty"`
	Required    []string          `json:"required,omitempty"`
	Process     map[string]string `json:"process,omitempty"`
}

const odd = "# a comment\n\nPLAIN=one\n export SPACED = two words \nHASH=a#b\nQUOTED='a # b' # comment\n" +
	"DOUBLE=\"a\\nb\\r\\t\" rest\nTICK=`it's \"here\"`\nEMPTY=\nCOLON: yaml\nLINES=\"first\nsecond\"\n" +
	"OPEN='not closed\n" +
	"DASH-ED.NAME=x\nno line\nEQUALS=a=b=c\r\nTWICE=1\nTWICE=2\nESCAPED='it\\'s'\n\u00a0NBSP=\u00a0v\u00a0\nBACK=a\\nb"

const references = "BASE=/srv\nNESTED=${BASE}/app\nSHORT=$BASE-x\nDEFAULT=${NONE:-other}\n" +
	"SET=${BASE:+yes}\nUNSET=${NONE+no}\n" +
	"ESCAPED=\\$BASE\nSELF=${SELF}\nLATER=${AFTER}\nAFTER=late\nCHAIN=${NESTED}/${SHORT}\nBRACES=${NONE:-${BASE}}\n" +
	"ONE=$TWO\nTWO=$ONE\n" +
	"SINGLE='${BASE}'\nBACK=$PROCESS"

var samples = map[string]sample{
	"none":                   {},
	"dev.vars":               {Files: texts{".dev.vars": odd}},
	"dev.vars before .env":   {Files: texts{".dev.vars": "A=1", ".env": "A=2\nB=2"}},
	"empty dev.vars":         {Files: texts{".dev.vars": "", ".env": "A=2"}},
	"references in dev.vars": {Files: texts{".dev.vars": references}},
	"environment":            {Files: texts{".dev.vars": "A=1", ".dev.vars.live": "B=2"}, Environment: "live"},
	"another environment":    {Files: texts{".dev.vars": "A=1", ".dev.vars.live": "B=2"}, Environment: "test"},
	"no environment":         {Files: texts{".dev.vars.live": "B=2"}},
	".env":                   {Files: texts{".env": odd}},
	"references":             {Files: texts{".env": references}},
	"process not included":   {Files: texts{".env": references}, Process: texts{"PROCESS": "p"}},
	".env files": {Environment: "live", Files: texts{".env": "A=1\nB=1\nC=1\nD=1", ".env.local": "B=2\nC=2\nD=2",
		".env.live": "C=3\nD=3", ".env.live.local": "D=4", ".env.test": "A=9"}},
	"references between files": {Files: texts{".env": "A=$B\nB=1", ".env.local": "B=2\nC=$A"}},
	"no .env": {Files: texts{".env": "A=1"},
		Process: texts{"CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV": "false"}},
	"the process": {Files: texts{".env": "A=1\nB=1\nC=$P"},
		Process: texts{"CLOUDFLARE_INCLUDE_PROCESS_ENV": "true", "B": "process", "P": "q"}},
	"required": {Files: texts{".dev.vars": "A=1\nB=2\nC=3"}, Required: []string{"A", "MISSING"},
		Vars: texts{"B": "b", "D": "d"}},
	"required from the process": {Files: texts{".env": "A=1"}, Required: []string{"A", "S"},
		Process: texts{"S": "process"}},
}

// Real wrangler reads the same variables from the same files.
func TestAsWrangler(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	wrangler, err := platformtest.InstallWrangler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(samples))
	var folders []folder
	for _, name := range names {
		f := folder{sample: samples[name], Dir: t.TempDir()}
		for file, content := range f.Files {
			if err := os.WriteFile(filepath.Join(f.Dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		folders = append(folders, f)
	}
	for i, want := range asWrangler(ctx, t, wrangler, folders) {
		got := folders[i].load(t)
		// Wrangler adds the whole environment, of which this test knows only a part.
		if folders[i].Process["CLOUDFLARE_INCLUDE_PROCESS_ENV"] != "" {
			maps.DeleteFunc(want, func(name, _ string) bool { _, ok := got[name]; return !ok })
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %q\nwant %q", names[i], got, want)
		}
	}
}

// folder is a sample on the disk.
type folder struct {
	sample
	Dir string `json:"dir"`
}

// load returns the variables of the wrangler file and those for development.
func (f folder) load(t *testing.T) map[string]string {
	t.Helper()
	o := devvars.Options{Dir: f.Dir, Environment: f.Environment, Required: f.Required,
		Getenv: func(name string) string { return f.Process[name] }}
	values := texts{}
	for name, value := range f.Vars {
		o.Vars, values[name] = append(o.Vars, name), value
	}
	for name, value := range f.Process {
		o.Environ = append(o.Environ, name+"="+value)
	}
	r, err := devvars.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(values, r.Values)
	return values
}

const script = `
const { unstable_getVarsForDev } = require(process.argv[1]);
const all = JSON.parse(process.argv[2]).map(({ dir, env, vars = {}, required, process: variables = {} }) => {
	Object.assign(process.env, variables);
	const found = unstable_getVarsForDev(dir + "/wrangler.json", undefined, vars, env, true, required && { required });
	for (const name of Object.keys(variables)) delete process.env[name];
	return Object.fromEntries(Object.entries(found).map(([name, { value }]) => [name, value]));
});
console.log(JSON.stringify(all));`

// asWrangler returns what real wrangler gives a Worker in each folder.
func asWrangler(ctx context.Context, t *testing.T, w *platformtest.Wrangler, folders []folder) []map[string]string {
	t.Helper()
	raw, err := json.Marshal(folders)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.Node(ctx, t.TempDir(), "-e", script, w.Package(), string(raw)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	var all []map[string]string
	if err = errors.Join(err, json.Unmarshal(out, &all)); err != nil || len(all) != len(folders) {
		t.Fatalf("%v: %s", err, out)
	}
	return all
}

// A file that cannot be read is an error. Otherwise the Worker would run without its secrets.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".dev.vars"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := devvars.Load(devvars.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), ".dev.vars") {
		t.Errorf("a folder called .dev.vars: %v", err)
	}
	_, err := devvars.Load(devvars.Options{Dir: t.TempDir(), Getenv: func(string) string { return "perhaps" }})
	if err == nil || !strings.Contains(err.Error(), "write true or false") {
		t.Errorf("a flag that is not a boolean: %v", err)
	}
}
