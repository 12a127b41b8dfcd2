package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPinNamesTheImageByDigest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "action.yml")
	write(t, file, []byte(read(t, "../../action.yml")))
	image := "ghcr.io/kv-sync/kv-sync@sha256:" + strings.Repeat("0a", 32)
	if out, err := exec.Command("bash", "pin.sh", file, "ghcr.io/kv-sync/kv-sync:v1").CombinedOutput(); err == nil {
		t.Errorf("pin.sh accepts an image without a digest: %s", out)
	}
	if out, err := exec.Command("bash", "pin.sh", file, image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := strings.Replace(read(t, "../../action.yml"), "  image: Dockerfile\n", "  image: docker://"+image+"\n", 1)
	if got := read(t, file); got != want || !strings.Contains(got, image) {
		t.Errorf("action.yml is\n%s", got)
	}
	if out, err := exec.Command("bash", "pin.sh", file, image).CombinedOutput(); err == nil {
		t.Errorf("pin.sh accepts a file that is already pinned: %s", out)
	}
}
