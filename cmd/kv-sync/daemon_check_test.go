package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// TestDaemonCheck checks that --check refuses the same configurations as a start, with the same
// words, and that it changes nothing.
func TestDaemonCheck(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it lasts as long as the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	const site = "[[site]]\nname = \"a\"\nremote = \"/nowhere\"\n"
	page := func(user, more string) string {
		return fmt.Sprintf("[listen]\nadmin = \"127.0.0.1:0\"\n[admin]\nuser = %q\npassword-env = \"PW\"\n%s\n", user,
			more) + site
	}
	for name, tt := range map[string]struct {
		config string
		files  map[string]string // in the state folder; a name that ends in a slash is a folder
		want   string
	}{
		"no TOML":            {config: "state", want: "daemon.toml:2"},
		"an unknown setting": {config: "nonsense = 1\n" + site, want: "nonsense"},
		"no site":            {config: "poll = \"1m\"", want: "no site"},
		"a reserved user":    {config: page("push", ""), want: "reserved"},
		"a host with a star": {config: page("ada", `hosts = ["*.example.com"]`), want: "*.example.com"},
		"a token without base64": {
			config: "[listen]\nwebhooks = \"127.0.0.1:0\"\n[webhook.gitlab]\nsecret-env = \"WHSEC\"\n" + site, want: "base64",
		},
		"a port above 65535":     {config: "[listen]\nmetrics = \"127.0.0.1:99999\"\n" + site, want: "99999"},
		"another host's address": {config: "[listen]\nmetrics = \"192.0.2.1:0\"\n" + site, want: "192.0.2.1"},
		"a port in use": {config: fmt.Sprintf("[listen]\nmetrics = %q\n", taken.Addr()) + site,
			want: "address already in use"},
		"a file in place of the state":      {files: map[string]string{"": ""}, want: "is not a folder"},
		"a file in place of the sites":      {files: map[string]string{"sites": ""}, want: "is not a folder"},
		"a file in place of a site":         {files: map[string]string{"sites/a": ""}, want: "is not a folder"},
		"a file in place of a folder":       {files: map[string]string{"sites/a/empty": ""}, want: "is not a folder"},
		"a folder in place of the lock":     {files: map[string]string{"lock/": ""}, want: "is not a file"},
		"a folder in place of the delivery": {files: map[string]string{"deliveries/": ""}, want: "is not a file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			state, config := filepath.Join(dir, "state"), filepath.Join(dir, "daemon.toml")
			if tt.config == "" {
				tt.config = site
			}
			write(t, config, fmt.Sprintf("state = %q\n", state)+tt.config)
			for name, text := range tt.files {
				if folder, ok := strings.CutSuffix(name, "/"); ok {
					name = folder + "/x"
				}
				write(t, filepath.Join(state, name), text)
			}
			before := listFiles(t, dir)
			checked := refusal(t, config, "--check")
			if after := listFiles(t, dir); after != before {
				t.Errorf("--check has changed the files:\n%s\nbefore:\n%s", after, before)
			}
			started := refusal(t, config)
			if checked != started || !strings.Contains(checked, tt.want) {
				t.Errorf("--check says %q, the start %q, want %s", checked, started, tt.want)
			}
		})
	}
}

// refusal runs the daemon, which must exit, and returns its last line.
func refusal(t *testing.T, config string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kv-sync", append([]string{"daemon", "--config", config}, args...)...)
	cmd.Env = append(os.Environ(), "CLOUDFLARE_API_TOKEN=x", "PW=longenough123", "WHSEC=whsec_*****")
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("%q: exit code %d\n%s", args, cmd.ProcessState.ExitCode(), out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// listFiles returns the names of all files and folders.
func listFiles(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	if err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}

// TestDaemonReload checks that SIGHUP reads the configuration again. A configuration that cannot
// be used changes nothing. Secrets from the environment have the values of the start. SIGPIPE has
// no effect.
func TestDaemonReload(t *testing.T) {
	// Under nohup a daemon ignores SIGHUP. A child of a process that handles it does not.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	defer signal.Stop(handled)
	repo, dir := t.TempDir(), t.TempDir()
	git(t, repo, "init", "--quiet", "--initial-branch", "main", ".")
	for _, dir := range []string{"public", "other"} {
		write(t, filepath.Join(repo, dir, "index.html"), dir)
		write(t, filepath.Join(repo, dir, "same.css"), "same")
	}
	git(t, repo, "add", "-A")
	git(t, repo, "commit", "--quiet", "-m", "x")
	config := filepath.Join(dir, "daemon.toml")
	site := fmt.Sprintf("[[site]]\nname = \"victim\"\nremote = %q\n", repo)
	valid := "state = \"state\"\npoll = \"0\"\n[listen]\nmetrics = \"127.0.0.1:0\"\n" + site
	v := &victim{t: t, repo: repo, cache: t.TempDir(), p: platformtest.Start(t)}
	d := &daemonProcess{victim: v, config: config}
	logged := func(text string, times int) func() bool {
		return func() bool { return strings.Count(d.log.String(), text) >= times }
	}
	send := func(s os.Signal) {
		t.Helper()
		if err := d.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	write(t, config, valid+"dir = \"public\"\n")
	d.start()
	d.await("the deploy", logged("msg=done", 1))
	for i, broken := range []string{"nonsense = 1\n", "[listen]\nadmin = \"127.0.0.1:0\"\n[admin]\nuser = \"push\"\n" +
		"password-env = \"CLOUDFLARE_API_TOKEN\"\n" + site} {
		write(t, config, broken)
		send(syscall.SIGHUP)
		d.await("the refusal", logged("the running one stays", i+1))
	}
	send(syscall.SIGPIPE)
	write(t, config, valid+"dir = \"other\"\n")
	send(syscall.SIGHUP)
	d.await("the second deploy", logged("msg=done", 2))
	if got := v.live(); got != "other" {
		t.Errorf("live is %q", got)
	}
	d.stop()
	if n := strings.Count(d.log.String(), "msg=stopped"); n != 1 {
		t.Errorf("it stopped %d times\n%s", n, d.log)
	}
}
