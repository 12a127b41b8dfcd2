package examples

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"
)

// unit is the systemd unit of the daemon.
const unit = "daemon/kv-sync.service"

// systemd-analyze reports no problem of the unit, and an exposure of at most 1.8 of 10. The
// exposure of a service without settings is 9.6.
func TestDaemonUnit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is only for Linux")
	}
	out, err := exec.CommandContext(t.Context(), "bash", "testdata/systemd-analyze.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	analyze := strings.TrimSpace(string(out))
	bin, err := kvSync()
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, unit)
	installed := strings.Replace(text, "ExecStart=/usr/local/bin/", "ExecStart="+bin+"/", 1)
	if installed == text {
		t.Fatal("the unit does not start /usr/local/bin/kv-sync")
	}
	if messages := verify(t, analyze, installed); messages != "" {
		t.Errorf("systemd-analyze verify: %s", messages)
	}
	wrong := strings.Replace(installed, "ProtectHome=", "ProtectHomes=", 1)
	if verify(t, analyze, wrong) == "" {
		t.Error("systemd-analyze does not report the unknown setting ProtectHomes=")
	}
	security := exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold=18",
		unit)
	if out, err := security.CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// verify returns the messages of systemd-analyze about a unit, without those about other units of
// the machine.
func verify(t *testing.T, analyze, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(unit))
	write(t, file, text)
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file).CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	var messages []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, filepath.Base(unit)) {
			messages = append(messages, line)
		}
	}
	return strings.Join(messages, "")
}

// The daemon accepts the example configuration with the arguments and credentials of the unit.
func TestDaemonUnitConfig(t *testing.T) {
	text := read(t, unit)
	secrets := t.TempDir()
	for _, m := range regexp.MustCompile(`(?m)^LoadCredential=([a-z-]+):/etc/kv-sync/([a-z-]+)$`).FindAllStringSubmatch(
		text, -1) {
		if m[1] != m[2] {
			t.Errorf("the credential %s is in a file %s", m[1], m[2])
		}
		write(t, filepath.Join(secrets, m[1]), "a secret of the test's\n")
	}
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/kv-sync (.*)$`).FindStringSubmatch(text)
	if start == nil {
		t.Fatal("the unit does not start /usr/local/bin/kv-sync")
	}
	ssh := regexp.MustCompile(`%d/([a-z-]+)`).FindAllStringSubmatch(text, -1)
	if len(ssh) == 0 {
		t.Error("the unit gives ssh no credential")
	}
	for _, m := range ssh {
		if _, err := os.Stat(filepath.Join(secrets, m[1])); err != nil {
			t.Errorf("the unit gives ssh a credential that it does not load: %v", err)
		}
	}
	listing := check(t, strings.Fields(start[1]), "daemon/kv-sync-daemon.toml", "/run/credentials/kv-sync.service",
		secrets)
	for _, want := range []string{"blog: branch main of ", "handbook: branch HEAD of ",
		"builds: npm ci && npm run build"} {
		if !strings.Contains(listing, want) {
			t.Errorf("%q is not in the list of sites:\n%s", want, listing)
		}
	}
}

// compose is the content of compose.yaml. The test refuses other keys, because it would not check
// them.
type compose struct {
	Name     string
	Services struct{ Daemon service }
	Volumes  map[string]any
	Secrets  map[string]struct{ File string }
}

type service struct {
	Image string
	Build struct {
		Context, Dockerfile string
		Args                map[string]string
	}
	Command     []string
	Restart     string
	Init        bool
	Grace       string `yaml:"stop_grace_period"`
	Environment map[string]string
	Volumes     []string
	Secrets     []string
	Ports       []string
	Memory      string `yaml:"mem_limit"`
	Pids        int    `yaml:"pids_limit"`
	ReadOnly    bool   `yaml:"read_only"`
	Tmpfs       []string
	CapDrop     []string `yaml:"cap_drop"`
	Security    []string `yaml:"security_opt"`
}

// The daemon accepts compose.toml with the arguments and secrets of compose.yaml. The files,
// volumes, ports and build arguments in compose.yaml match compose.toml and the Dockerfile.
func TestDaemonCompose(t *testing.T) {
	var c compose
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "daemon/compose.yaml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatal(err)
	}
	s, secrets := c.Services.Daemon, t.TempDir()
	ignored := strings.Split(read(t, "daemon/.gitignore"), "\n")
	if !slices.Contains(ignored, "/secrets/") {
		t.Error("git does not ignore the secrets")
	}
	for _, name := range s.Secrets {
		if got := c.Secrets[name].File; got != "./secrets/"+name {
			t.Errorf("the secret %s is in the file %q", name, got)
		}
		write(t, filepath.Join(secrets, name), "a secret of the test's\n")
	}
	for _, m := range regexp.MustCompile(`/run/secrets/([a-z-]+)`).FindAllStringSubmatch(s.Environment["GIT_SSH_COMMAND"],
		-1) {
		if !slices.Contains(s.Secrets, m[1]) {
			t.Errorf("ssh gets the secret %s, which the service does not have", m[1])
		}
	}
	if len(s.Command) != 2 {
		t.Fatalf("command is %q", s.Command)
	}
	check(t, append([]string{"daemon"}, s.Command...), "daemon/compose.toml", "/run/secrets", secrets)

	dockerfile := filepath.Join("daemon", s.Build.Context, s.Build.Dockerfile)
	recipe := read(t, dockerfile)
	for name := range s.Build.Args {
		if !strings.Contains(recipe, "\nARG "+name+"=") {
			t.Errorf("%s has no argument %s", dockerfile, name)
		}
	}
	for _, volume := range s.Volumes {
		from, to, _ := strings.Cut(volume, ":")
		_, named := c.Volumes[from]
		switch {
		case named:
			if !strings.Contains(recipe, "\nVOLUME "+to+"\n") {
				t.Errorf("the state is in %s, which is not a volume of the image", to)
			}
		case slices.Contains(ignored, strings.TrimPrefix(from, ".")): // the operator makes this file
		default:
			read(t, filepath.Join("daemon", from))
			if to != s.Command[1]+":ro" {
				t.Errorf("%s is mounted at %s, but the daemon reads %s", from, to, s.Command[1])
			}
		}
	}

	var cfg struct{ Listen map[string]string }
	if _, err := toml.DecodeFile("daemon/compose.toml", &cfg); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, address := range cfg.Listen {
		port := address[strings.LastIndex(address, ":"):]
		want = append(want, "127.0.0.1"+port+port)
	}
	slices.Sort(want)
	if !slices.Equal(s.Ports, want) {
		t.Errorf("compose.yaml publishes %q, want the daemon's ports on loopback: %q", s.Ports, want)
	}
}

// check runs the daemon with arguments and --check, and returns its output. It replaces the file of
// --config by config, and in config the folder secretsDir by secrets.
func check(t *testing.T, args []string, config, secretsDir, secrets string) string {
	t.Helper()
	bin, err := kvSync()
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, config)
	if !strings.Contains(text, `"`+secretsDir+`/`) {
		t.Fatalf("%s names no secret in %s", config, secretsDir)
	}
	file := filepath.Join(t.TempDir(), filepath.Base(config))
	write(t, file, strings.ReplaceAll(text, `"`+secretsDir+`/`, `"`+filepath.ToSlash(secrets)+`/`))
	at := slices.Index(args, "--config") + 1
	if at == 0 || at == len(args) || args[at] != "/etc/kv-sync/daemon.toml" {
		t.Fatalf("--config is not /etc/kv-sync/daemon.toml: %q", args)
	}
	args = slices.Replace(slices.Clone(args), at, at+1, file)
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kv-sync"), append(args, "--check")...)
	cmd.Env = []string{"STATE_DIRECTORY=" + t.TempDir()} // no token, which the configuration has
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("kv-sync %q: %v\n%s", args, err, &problems)
	}
	return out.String()
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
