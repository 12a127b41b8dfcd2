package workerd

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// EnvPath is the environment variable with the path of a workerd binary. If it is set, Find
// downloads none.
const EnvPath = "KV_SYNC_WORKERD"

// Version is the version of workerd that kv-sync is tested with.
const Version = "1.20261117.1"

// release is the npm package of workerd for one platform. integrity is the package's
// dist.integrity in the npm registry, which a download must have.
type release struct {
	name, version, integrity string
}

// releases are the packages by GOOS/GOARCH.
var releases = map[string]release{
	"linux/amd64": {"linux-64", Version,
		"sha512-gZLA8X11m/luZwn+YA3+mDu61vdxNJzpksP/QZqjydKTQ+VUCulsK5gtn9Bqst1p3KJu2kafQpJ1nDQv4B23jA=="},
	"linux/arm64": {"linux-arm64", Version,
		"sha512-gxWngFojq41ULKNKb9rpWYvKotN5hT2I/xot+Bpy31cXzrwcTgtDLSMb2t75sW5BJxH7hihFvikgYb577kB3Zg=="},
	"darwin/amd64": {"darwin-64", "1.20261023.1",
		"sha512-lsEx0i7nR0PNG/erUFFHmQmiidEhLfDE5uQmAL9421/y4/ycuxDDOSaxu3VGGYFFPK5sduyUeMmjIlX4CwOBFg=="},
	"darwin/arm64": {"darwin-arm64", "1.20261023.1",
		"sha512-5e79fHgabdDD8EgmjOhJ1S+xMsf6DbC7fL7IgTBizMnzOp0P2isDn7pYmUxI9AJZE9FVQ4RUilH/I36YNg+GQQ=="},
}

// maxTarball is the largest download. The package has about 50 MB.
const maxTarball = 256 << 20

// downloading is held during a download, so that this process makes one at a time.
var downloading sync.Mutex

// Find returns the path of a workerd binary: the value of KV_SYNC_WORKERD, or else a file in the
// user's cache folder. If the cache folder has none, Find downloads it from the npm registry
// (npm_config_registry, or registry.npmjs.org). It calls log before the download if log is not
// nil. Find is safe for concurrent use, also by several processes.
func Find(ctx context.Context, log func(format string, args ...any)) (string, error) {
	if path := os.Getenv(EnvPath); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("find workerd: %s: %w; unset it, or set it to a workerd binary", EnvPath, err)
		}
		return path, nil
	}
	rel, ok := releases[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("find workerd: there is none for %s/%s; set %s to the path of a workerd binary", runtime.GOOS,
			runtime.GOARCH, EnvPath)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find workerd: %w; set %s to the path of a workerd binary", err, EnvPath)
	}
	registry := os.Getenv("npm_config_registry")
	if registry == "" {
		registry = "https://registry.npmjs.org"
	}
	return rel.find(ctx, filepath.Join(cache, "kv-sync"), registry, log)
}

func (r release) find(ctx context.Context, cache, registry string, log func(string, ...any)) (string, error) {
	downloading.Lock()
	defer downloading.Unlock()
	path := filepath.Join(cache, "workerd-"+r.version+"-"+r.name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	url := fmt.Sprintf("%s/@cloudflare/workerd-%s/-/workerd-%s-%s.tgz", strings.TrimRight(registry, "/"), r.name, r.name,
		r.version)
	if log == nil {
		log = func(string, ...any) {}
	}
	if err := r.fetch(ctx, url, path, log); err != nil {
		return "", fmt.Errorf("fetch workerd from %s: %w; go online once, or set %s to the path of a workerd binary", url,
			err, EnvPath)
	}
	return path, nil
}

// fetch downloads a tarball, verifies its checksum, and creates path from it atomically.
func (r release) fetch(ctx context.Context, url, path string, log func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tarball, err := os.CreateTemp(filepath.Dir(path), "fetch-*.tgz")
	if err != nil {
		return err
	}
	defer os.Remove(tarball.Name()) //nolint:errcheck // a leftover in a cache folder is harmless
	defer tarball.Close()           //nolint:errcheck // only read from here on

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry's status is %s", resp.Status)
	}
	hash := sha512.New()
	progress := &progress{total: resp.ContentLength, log: log}
	log("fetching workerd %s (%s) from %s, once", r.version, progress.size(), url)
	if _, err := io.Copy(io.MultiWriter(tarball, hash, progress), io.LimitReader(resp.Body, maxTarball)); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != r.integrity {
		return fmt.Errorf("the checksum is %s, want %s: do not use this registry", got, r.integrity)
	}
	if _, err := tarball.Seek(0, io.SeekStart); err != nil {
		return err
	}
	log("unpacking workerd")
	return unpack(tarball, path)
}

// unpack writes package/bin/workerd of an npm tarball to path.
func unpack(tarball io.Reader, path string) error {
	gz, err := gzip.NewReader(tarball)
	if err != nil {
		return err
	}
	archive := tar.NewReader(gz)
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("the package has no bin/workerd")
		}
		if err != nil {
			return err
		}
		if entry.Name == "package/bin/workerd" && entry.Typeflag == tar.TypeReg {
			return writeProgram(path, archive)
		}
	}
}

func writeProgram(path string, from io.Reader) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "workerd-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // after the rename there is no such file
	if _, err := io.Copy(tmp, from); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := errors.Join(tmp.Chmod(0o755), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Current reports whether this platform's release of workerd is Version, with which kv-sync is
// tested. An older release lacks the modules /workerd/d1.js and /workerd/queues.js, and so D1 and
// queues.
func Current() bool {
	rel, ok := releases[runtime.GOOS+"/"+runtime.GOARCH]
	return !ok || rel.version == Version
}

// CompatibilityDate returns the newest compatibility date that workerd supports on this
// platform.
func CompatibilityDate() string {
	version := Version
	if rel, ok := releases[runtime.GOOS+"/"+runtime.GOARCH]; ok {
		version = rel.version
	}
	day := strings.Split(version, ".")[1]
	return day[:4] + "-" + day[4:6] + "-" + day[6:]
}
