package daemon_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// A build can write only to its work tree and its home in the state folder. A program
// that it named in another site's mirror would be run by that site's git, outside of
// the build and with the forge's credentials.
func TestBuildCannotChangeTheState(t *testing.T) {
	t.Parallel()
	const ofVersion = 1
	if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, ofVersion); errno != 0 || abi < 6 {
		t.Skip("this kernel has no Landlock with scoped signals (Linux 6.12)")
	}
	other, o := newOrigin(t), newOrigin(t)
	first := other.push(nil)
	outside := t.TempDir()
	fill(t, outside, map[string]string{"build": `cd "$HOME/../.."
for file in other/mirror.git/config other/mirror.git/hooks other/state.json other/tree other/home \
	blog/mirror.git/description blog/mirror.git/new blog/state.json blog/build.log ../lock ../cache/new; do
	(echo >> $file) 2>/dev/null && echo "wrote $file"
	rm -r $file 2>/dev/null && echo "removed $file"
	mkdir $file 2>/dev/null && echo "made $file"
done
(echo > blog/tree/public/new.html && echo > blog/home/new) && echo own
`})
	r := newTestDaemon(t, noPoll+strings.Replace(siteOf(other), `"blog"`, `"other"`, 1)+siteOf(o,
		`build = "sh `+filepath.Join(outside, "build")+`"`))
	r.start()
	r.await("other", "deploy", func(s daemon.Status) bool { return s.Live == first })
	r.deploy(o, nil)
	if log := readFile(t, r.stateFile("build.log")); log != "own\n" {
		t.Errorf("%s", log)
	}
}
