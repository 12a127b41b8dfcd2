package hooks_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

// shells are the shells that git runs hooks with: dash on Debian, busybox in small
// images, and bash of git for Windows.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{"busybox": {busybox(t), "sh"}}
	for name, flags := range map[string][]string{"dash": nil, "bash": {"--posix"}} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("there is no %s on PATH; install it", name)
		}
		found[name] = append([]string{path}, flags...)
	}
	return found
}

// busybox returns the one on PATH, or one from a Debian package in the test cache.
func busybox(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("busybox"); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "kv-sync", "busybox")
	path := filepath.Join(dir, "bin", "busybox")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	tmp := t.TempDir()
	cmd := exec.Command("sh", "-c",
		`exec 9>/tmp/kv-sync-apt.lock && { flock 9 || true; } && { apt-get download busybox || `+
			`{ apt-get update && apt-get download busybox; }; } && dpkg -x busybox_*.deb out`)
	cmd.Dir = tmp
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("there is no busybox on PATH, and Debian's cannot be downloaded: %v; install busybox\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(tmp, "out", "bin", "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	unpacked := fmt.Sprintf("%s.%d", path, os.Getpid()) // another process may do the same
	write(t, unpacked, string(b), 0o755)
	if err := os.Rename(unpacked, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// The script works in every shell, with special characters in the binary's path and
// with Windows' line ends.
func TestScriptInEveryShell(t *testing.T) {
	const lines = "refs/heads/ma\\nin %s $x `y` 0 refs/heads/main 0\r\nHEAD^{/it's \"it\"} 1 refs/heads/x 0\r\n"
	// The binary records its arguments and input, then exits with the given code.
	const binary = "#!/bin/sh\nPATH=/usr/bin:/bin\n" +
		"{ for a; do printf '<%s>' \"$a\"; done; printf '\\n'; cat; } >\"$OUT\"\necho nothing of " +
		"this on stdout\nexit ${CODE-0}\n"
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			root, hook := t.TempDir(), filepath.Join(w.work, ".git", "hooks", "pre-push")
			out := filepath.Join(root, "out")
			run := func(env ...string) (string, string, int) {
				t.Helper()
				_ = os.Remove(out)
				args := append(append([]string{}, shell[1:]...), ".git/hooks/pre-push", "origin",
					"https://example.com/it's \\a $repository")
				cmd := exec.Command(shell[0], args...)
				cmd.Dir, cmd.Stdin = w.work, strings.NewReader(lines)
				cmd.Env = slices.Concat(w.env, env, []string{"OUT=" + out})
				var stderr strings.Builder
				cmd.Stderr = &stderr
				stdout, err := cmd.Output()
				code := 0
				if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
					code = exit.ExitCode()
				} else if err != nil {
					t.Fatal(err)
				}
				if len(stdout) > 0 {
					t.Errorf("stdout is %q", stdout)
				}
				got, _ := os.ReadFile(out)
				return string(got), stderr.String(), code
			}
			const called = "<hook><run><pre-push><origin><https://example.com/it's \\a $repository>\n" + lines
			for _, dir := range []string{"plain", `C:\Program Files\it's "kv" $HOME`, "-n %s \\t"} {
				path := filepath.Join(root, dir, "kv-sync.exe")
				write(t, path, binary, 0o755)
				w.install(hooks.Options{Binary: path})
				for _, code := range []int{0, hooks.Blocked, 130} {
					if got, _, ended := run(fmt.Sprintf("CODE=%d", code)); got != called || ended != code {
						t.Errorf("%s: got %q and %d, want %d", path, got, ended, code)
					}
				}
				for _, code := range []int{1, 2, 4, 13, 30, 125, 126, 127, 128, 131, 137, 143, 255} {
					if _, stderr, ended := run(fmt.Sprintf("CODE=%d", code)); ended != 0 ||
						!strings.Contains(stderr, fmt.Sprintf(" failed (status %d), so it is not known what was done", code)) {
						t.Errorf("exit code %d of the binary: %d, %q", code, ended, stderr)
					}
				}
				if got, _, code := run("KV_SYNC_HOOK=off"); got != "" || code != 0 {
					t.Errorf("a disabled hook: %q and %d", got, code)
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if _, stderr, code := run("PATH=/usr/bin:/bin"); code != 0 || !strings.Contains(stderr, "gone from "+path+",") ||
					!strings.Contains(stderr, "install it again, or delete "+hook+"\n") {
					t.Errorf("a missing binary: %d, %q", code, stderr)
				}
				// Then a kv-sync on PATH runs.
				write(t, filepath.Join(root, "bin", "kv-sync"), binary, 0o755)
				if got, stderr, code := run("PATH=" + filepath.Join(root, "bin") + ":/usr/bin:/bin"); got != called || code != 0 {
					t.Errorf("a binary on PATH: %q, %q, %d", got, stderr, code)
				}
			}
			// The former hook gets the same input. If it fails, the script fails.
			write(t, filepath.Join(root, "plain", "kv-sync.exe"), binary, 0o755)
			w.install(hooks.Options{Binary: filepath.Join(root, "plain", "kv-sync.exe")})
			write(t, kept(hook), "#!/bin/sh\nprintf '%s|' \"$@\" >&2; cat >&2; exit $BEFORE\n", 0o755)
			if got, stderr, code := run("BEFORE=0"); got != called || code != 0 ||
				stderr != "origin|https://example.com/it's \\a $repository|"+lines+"nothing of this on stdout\n" {
				t.Errorf("after the former hook: %q, %q, %d", got, stderr, code)
			}
			if got, _, code := run("BEFORE=7"); got != "" || code != 7 {
				t.Errorf("after a former hook that failed: %q, %d", got, code)
			}
			// git puts its own folder on an empty PATH, and no other tool is there.
			git, err := exec.LookPath("git")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(root, "only-git"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(git, filepath.Join(root, "only-git", "git")); err != nil {
				t.Fatal(err)
			}
			write(t, kept(hook), "#!/bin/sh\nIFS= read -r line && printf '%s\\n' \"$line\" >&2\n", 0o755)
			if got, stderr, code := run("PATH=" + filepath.Join(root, "only-git")); got != called || code != 0 ||
				!strings.HasPrefix(lines, strings.SplitAfter(stderr, "\n")[0]) {
				t.Errorf("without cat on PATH: %q, %q, %d", got, stderr, code)
			}
			// Who gives kv-sync up gets the former hook back.
			if err := os.Remove(filepath.Join(root, "plain", "kv-sync.exe")); err != nil {
				t.Fatal(err)
			}
			if _, stderr, code := run("BEFORE=0", "PATH=/usr/bin:/bin"); code != 0 ||
				!strings.Contains(stderr, "or move "+kept(hook)+" to "+hook+"\n") {
				t.Errorf("a missing binary beside a former hook: %d, %q", code, stderr)
			}
		})
	}
}

// A person's own hook may call the script by its bare name.
func TestScriptCalledInItsFolder(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := filepath.Join(w.work, ".git", "hooks")
			write(t, filepath.Join(dir, "pre-push"), "#!/bin/sh\necho former >&2\n", 0o755)
			w.install(hooks.Options{})
			cmd := exec.Command(shell[0], append(slices.Clone(shell[1:]), "pre-push", "origin", "url")...)
			cmd.Dir, cmd.Env = dir, slices.Concat(w.env, []string{"GIT_DIR=" + filepath.Dir(dir)})
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "former\n" {
				t.Errorf("%v, %q", err, out)
			}
		})
	}
}
