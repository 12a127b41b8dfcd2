//go:build unix

package hooks

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ownedBy describes a private file that belongs to the user uid.
type ownedBy struct {
	fs.FileInfo
	uid uint32
}

func (ownedBy) Mode() fs.FileMode { return 0o600 }
func (o ownedBy) Sys() any        { return &syscall.Stat_t{Uid: o.uid} }

// The owner of the file can choose the account and what is deployed, so it must be the
// user that git runs as, or root.
func TestVariablesOfAnotherUserAreRefused(t *testing.T) {
	me := uint32(os.Geteuid())
	for uid, want := range map[uint32]bool{0: true, me: true, me + 1: false, me + 1000: false} {
		if err := private(ownedBy{uid: uid}); (err == nil) != want {
			t.Errorf("user %d reads a file of user %d: %v", me, uid, err)
		}
	}
}

// Symlinks to the file and to the repository are resolved.
func TestVariablesBehindALinkIntoTheRepository(t *testing.T) {
	top, outside := t.TempDir(), t.TempDir()
	file := filepath.Join(top, "blog.env")
	if err := os.WriteFile(file, []byte("CLOUDFLARE_API_TOKEN=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, linked := filepath.Join(outside, "blog.env"), filepath.Join(outside, "repository")
	for name, target := range map[string]string{link: file, linked: top} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ top, file string }{{top, link}, {linked, file},
		{top, filepath.Join(linked, "blog.env")}} {
		r := &Repository{Top: tt.top, CommonDir: filepath.Join(tt.top, ".git")}
		if _, err := r.EnvFile(tt.file); err == nil || !strings.Contains(err.Error(), "in the repository") {
			t.Errorf("%s of %s is accepted: %v", tt.file, tt.top, err)
		}
	}
}
