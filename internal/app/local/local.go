// Package local runs a local platform for each project: Cloudflare's API on this
// machine, for development without an account.
//
// The deployed data are in the user's cache folder, in a folder for the project's path,
// and stay there between runs. A command finds the running platform of its project
// (kv-sync dev) through a file that only the user can read. If none runs, the command
// runs one in its own process until it ends.
package local

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/filelock"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// account is the id of the only account of a local platform.
const account = "10ca110ca110ca110ca110ca110ca110"

// RunningError is the error of Start if the project's platform runs already.
type RunningError struct {
	// PID is the process that runs it, and Sites are its sites. They are 0 and nil if that process
	// is starting or ending.
	PID   int
	Sites map[string]string
}

// Error says which process runs the platform.
func (e *RunningError) Error() string {
	if e.PID == 0 {
		return "the local platform of this folder runs already"
	}
	return fmt.Sprintf("the local platform of this folder runs already, in process %d", e.PID)
}

// Platform is a running local platform.
type Platform struct {
	address
	server *platform.Server // nil if it runs in another process
	home   string
	lock   io.Closer
	held   io.Closer // the request with which this process holds another's platform, or nil
}

// address has what a client of a platform needs. It is the content of the file.
type address struct {
	API     string `json:"api"`
	Token   string `json:"token"`
	Account string `json:"account"`
	Control string `json:"control"`
	PID     int    `json:"pid"`
}

// Options configure a platform.
type Options struct {
	// CacheDir is the user's cache folder, Project the folder of the project.
	CacheDir, Project string
	// Addr is the address to listen on; "" means any free port of loopback.
	Addr string
	// Behaviour has the delays and failures to simulate.
	Behaviour platform.Behaviour
	// Hold makes the platform of another process stay until Close, also if that process has nothing
	// else to do. It has no effect if a person ends that process.
	Hold bool
	// Log receives the output of Workers and messages of the platform.
	Log io.Writer
}

// home returns the folder for the project's data, below the cache folder.
func (o Options) home() (string, error) {
	if o.CacheDir == "" {
		return "", errors.New("start the local platform: there is no cache folder for its data; set XDG_CACHE_HOME or HOME")
	}
	project, err := filepath.Abs(o.Project)
	if err != nil {
		return "", fmt.Errorf("start the local platform: %w", err)
	}
	if real, err := filepath.EvalSymlinks(project); err == nil {
		project = real
	}
	sum := sha256.Sum256([]byte(project))
	return filepath.Join(o.CacheDir, "kv-sync", "local", hex.EncodeToString(sum[:8])), nil
}

// startTimeout is how long another process may take from its lock to its file.
const startTimeout = 10 * time.Second

// Attach returns the running platform of the project, or starts one in this process.
func Attach(ctx context.Context, o Options) (*Platform, error) {
	home, err := o.home()
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(startTimeout); ; {
		if p := find(ctx, home); p != nil && (!o.Hold || p.hold(ctx)) {
			return p, nil
		}
		p, err := Start(ctx, o)
		if running := (*RunningError)(nil); !errors.As(err, &running) || time.Now().After(deadline) {
			return p, err
		}
		if err := wait.For(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// find returns the platform that the file names, if it answers to its token.
func find(ctx context.Context, home string) *Platform {
	b, err := os.ReadFile(filepath.Join(home, "platform.json"))
	if err != nil {
		return nil
	}
	p := &Platform{home: home}
	if json.Unmarshal(b, &p.address) != nil || p.API == "" {
		return nil
	}
	if _, err := p.sites(ctx); err != nil {
		return nil
	}
	return p
}

// hold makes the platform stay until Close. It reports whether it does.
func (p *Platform) hold(ctx context.Context) bool {
	res, err := p.control(ctx, "/__platform/hold") //nolint:bodyclose // Close closes it
	if err != nil {
		return false
	}
	p.held = res.Body
	return true
}

// Start starts the project's platform in this process. Close it when done.
func Start(ctx context.Context, o Options) (_ *Platform, err error) {
	home, err := o.home()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("start the local platform: %w", err)
	}
	lock, err := filelock.Acquire(filepath.Join(home, "lock"))
	if errors.Is(err, filelock.ErrHeld) {
		running := &RunningError{}
		if p := find(ctx, home); p != nil {
			running.PID, running.Sites = p.PID, p.Sites(ctx)
		}
		return nil, running
	}
	if err != nil {
		return nil, fmt.Errorf("start the local platform: %w", err)
	}
	p := &Platform{home: home, lock: lock, address: address{
		Token: secret(), Account: account, Control: secret(), PID: os.Getpid(),
	}}
	p.server, err = platform.Open(platform.Options{ //nolint:contextcheck // it lives until Close, longer than ctx may
		Dir: filepath.Join(home, "state"), Addr: o.Addr, ControlToken: p.Control, Log: o.Log,
		Behaviour: o.Behaviour, CheckScripts: true, StandIns: true, Accounts: []string{account},
		Tokens: map[string][]platform.Permission{
			p.Token: {platform.KVRead, platform.KVWrite, platform.WorkersRead, platform.WorkersWrite},
		},
	})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := p.server.Start(); err != nil { //nolint:contextcheck // as above
		return nil, errors.Join(err, p.Close(ctx))
	}
	p.API = p.server.URL()
	if err := p.publish(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the local platform: %w", err), p.Close(ctx))
	}
	return p, nil
}

// publish writes the file through which other processes find the platform.
func (p *Platform) publish() error {
	b, err := json.Marshal(p.address)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(p.home, "platform.json"), b, 0o600)
}

func secret() string { return rand.Text() }

// Follow copies the log of a platform in another process to a writer, until ctx or that platform
// ends. If the platform runs in this process, [Options.Log] has the log.
func (p *Platform) Follow(ctx context.Context, to io.Writer) {
	if p.Mine() {
		return
	}
	res, err := p.control(ctx, "/__platform/log") //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		return // an older kv-sync, or one that ends
	}
	go func() {
		defer res.Body.Close()
		_, _ = io.Copy(to, res.Body)
	}()
}

// Mine reports whether the platform runs in this process.
func (p *Platform) Mine() bool { return p.server != nil }

// URL returns the address of a site, or "".
func (p *Platform) URL(ctx context.Context, site string) string {
	return p.Sites(ctx)[site]
}

// Sites returns the address of each site, by name. It is empty if the platform runs in another
// process and does not answer.
func (p *Platform) Sites(ctx context.Context) map[string]string {
	if p.server != nil {
		return p.server.SiteURLs()
	}
	sites, err := p.sites(ctx)
	if err != nil {
		return nil
	}
	return sites
}

// sites requests the addresses of the sites from the platform. Only the platform of this
// project accepts the token.
func (p *Platform) sites(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	res, err := p.control(ctx, "/__platform/sites")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var sites map[string]string
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&sites)
	return sites, err
}

// control sends a request to a control route.
func (p *Platform) control(ctx context.Context, route string) (*http.Response, error) {
	base, ok := platformRoot(p.API)
	if !ok {
		return nil, errors.New("the address of the local platform is not one of this machine")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+route, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set(platform.ControlHeader, p.Control)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close() // nothing more is read
		return nil, fmt.Errorf("the local platform answered %s", res.Status)
	}
	return res, nil
}

// Close stops the platform if it runs in this process. It waits for processes that hold the
// platform, until ctx ends. Its data stay.
func (p *Platform) Close(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if p.server == nil {
		if p.held != nil {
			return p.held.Close()
		}
		return nil
	}
	gone := os.Remove(filepath.Join(p.home, "platform.json"))
	if errors.Is(gone, fs.ErrNotExist) {
		gone = nil
	}
	p.server.AwaitHolders(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(gone, p.server.Close(ctx), p.lock.Close())
}
