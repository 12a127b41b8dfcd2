package daemon_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// A build writes into its work tree and its home, and nowhere else in the state. Where
// it could write into the mirror of another site, that site's git ran what the build
// named there, while it was running: outside of the build, beyond its end, and with the
// credentials of the forge.
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
for file in other/mirror.git/config other/mirror.git/hooks other/state.json other/tree other/home blog/mirror.git/description blog/mirror.git/new blog/state.json blog/build.log ../lock ../cache/new; do
	(echo >> $file) 2>/dev/null && echo "wrote $file"
	rm -r $file 2>/dev/null && echo "removed $file"
	mkdir $file 2>/dev/null && echo "made $file"
done
(echo > blog/tree/public/new.html && echo > blog/home/new) && echo own
`})
	r := newRig(t, quiet+strings.Replace(siteOf(other), `"blog"`, `"other"`, 1)+siteOf(o, `build = "sh `+filepath.Join(outside, "build")+`"`))
	r.start()
	r.await("other", "live", func(s daemon.Status) bool { return s.Live == first })
	one := o.push(nil)
	r.look("push")
	r.awaitLive(one)
	if log := readFile(t, filepath.Join(r.state, "sites/blog/build.log")); log != "own\n" {
		t.Errorf("%s", log)
	}
}
