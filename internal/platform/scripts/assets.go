package scripts

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// To upload Static Assets, a client opens a session with the manifest of a version, and
// uploads the missing files in buckets. The response to the last bucket has a token for
// the upload of the version.

// AssetSet is the static assets of a version. Their paths and hashes, which may be many, are in
// a module file. Manifest is the hash of that file.
type AssetSet struct {
	Manifest string          `json:"manifest"`
	Config   json.RawMessage `json:"config,omitempty"`
}

// uploadedAssets is the "assets" member of an upload's metadata.
type uploadedAssets struct {
	JWT    string          `json:"jwt"`
	Config json.RawMessage `json:"config"`
}

type assetFile struct {
	Hash string `json:"hash"`
	Size int64  `json:"size"`
}

// assetSession is an upload of assets. Store.mu guards it.
type assetSession struct {
	account string
	files   map[string]assetFile
	missing map[string]int64 // hash → size
	expires time.Time
}

const (
	maxAsset       = 25 << 20
	maxAssets      = 100_000
	maxBucketBytes = 50 << 20
	maxBucketFiles = 2000
	sessionTTL     = time.Hour
)

var assetHash = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (s *Store) assetFile(accountID, hash string) string {
	return filepath.Join(s.options.Dir, "assets", accountID, hash)
}

// AcceptsToken reports whether a token is that of an upload of assets.
func (s *Store) AcceptsToken(token string) bool { return s.assetToken(token) != nil }

// assetToken returns the session of a token, or nil if the token is unknown or expired.
func (s *Store) assetToken(token string) *assetSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.uploads[token]
	if session == nil || api.Now().After(session.expires) {
		return nil
	}
	return session
}

// issue creates a token for a session. It has the form of a JWT, because clients decode
// it. The platform does not check a signature, because it stores its tokens. s.mu is held.
func (s *Store) issue(session *assetSession) string {
	part := func(v any) string {
		raw, _ := json.Marshal(v) //nolint:errchkjson // maps of strings and numbers
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	session.expires = api.Now().Add(sessionTTL)
	token := part(map[string]string{"alg": "none", "typ": "JWT"}) + "." +
		part(map[string]any{"exp": session.expires.Unix(), "id": api.NewID()}) + "." + api.NewID()
	for old, other := range s.uploads {
		if api.Now().After(other.expires) {
			delete(s.uploads, old)
		}
	}
	s.uploads[token] = session
	return token
}

func (s *Store) assetsSession(c *api.Call) *api.Error {
	var body struct {
		Manifest map[string]assetFile `json:"manifest"`
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.W, c.R.Body, 64<<20))
	if apiErr := api.ReadFailure(0, err); apiErr != nil {
		return apiErr
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return api.Failure(http.StatusBadRequest, 10026, "could not parse the manifest: %v", err)
	}
	if len(body.Manifest) > maxAssets {
		return api.Failure(http.StatusBadRequest, 100331, "more than %d assets", maxAssets)
	}
	session := &assetSession{account: c.Account, files: body.Manifest, missing: map[string]int64{}}
	for path, f := range body.Manifest {
		if _, err := localAsset(path); err != nil {
			return api.Failure(http.StatusBadRequest, 100332, "%v", err)
		}
		if !assetHash.MatchString(f.Hash) || f.Size < 0 || f.Size > maxAsset {
			return api.Failure(http.StatusBadRequest, 100332,
				"asset %s: the hash must be 32 hexadecimal digits, the size at most %d", path, maxAsset)
		}
		if _, err := os.Stat(s.assetFile(c.Account, f.Hash)); err != nil {
			session.missing[f.Hash] = f.Size
		}
	}
	buckets := session.buckets() // other requests cannot see the session yet
	s.mu.Lock()
	token := s.issue(session)
	s.mu.Unlock()
	return c.Reply(map[string]any{"jwt": token, "buckets": buckets})
}

// buckets distributes the hashes of the missing files to buckets of limited size.
func (session *assetSession) buckets() [][]string {
	hashes := make([]string, 0, len(session.missing))
	for hash := range session.missing {
		hashes = append(hashes, hash)
	}
	sort.Strings(hashes)
	buckets := [][]string{}
	var size int64
	for _, hash := range hashes {
		last := len(buckets) - 1
		if last < 0 || len(buckets[last]) >= maxBucketFiles || size+session.missing[hash] > maxBucketBytes {
			buckets, size, last = append(buckets, nil), 0, last+1
		}
		buckets[last] = append(buckets[last], hash)
		size += session.missing[hash]
	}
	return buckets
}

// localAsset converts a pathname of a manifest to a relative file path.
func localAsset(path string) (string, error) {
	name, ok := strings.CutPrefix(path, "/")
	if !ok || !filepath.IsLocal(name) || strings.ContainsAny(name, "\x00\\") {
		return "", fmt.Errorf("asset %q: not a path", path)
	}
	return name, nil
}

func (s *Store) assetsUpload(c *api.Call) *api.Error {
	token := api.Bearer(c.R)
	session := s.assetToken(token)
	if session == nil || session.account != c.Account {
		return api.Failure(http.StatusUnauthorized, 10000, "the upload session is unknown or has expired: start again")
	}
	c.R.Body = http.MaxBytesReader(c.W, c.R.Body, 100<<20)
	form, err := c.R.MultipartReader()
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10026, "the upload must be multipart/form-data: %v", err)
	}
	encoded := c.R.URL.Query().Get("base64") == "true"
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return api.ReadFailure(0, err)
		}
		var content io.Reader = part
		if encoded {
			content = base64.NewDecoder(base64.StdEncoding, part)
		}
		if apiErr := s.storeAsset(c, session, part.FormName(), content); apiErr != nil {
			return apiErr
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(session.missing) > 0 {
		return c.Reply(map[string]any{"jwt": nil})
	}
	return c.Reply(map[string]any{"jwt": s.issue(session)})
}

func (s *Store) storeAsset(c *api.Call, session *assetSession, hash string, content io.Reader) *api.Error {
	s.mu.Lock()
	size, wanted := session.missing[hash]
	s.mu.Unlock()
	raw, err := io.ReadAll(io.LimitReader(content, maxAsset+1))
	if err != nil {
		return api.ReadFailure(0, err)
	}
	if !wanted {
		return nil // sent again
	}
	if int64(len(raw)) != size {
		return api.Failure(http.StatusBadRequest, 100333, "asset %s has %d bytes, the manifest says %d", hash, len(raw), size)
	}
	if err := atomicfile.Write(s.assetFile(c.Account, hash), raw, 0o600); err != nil {
		return api.Internal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(session.missing, hash)
	return nil
}

// versionAssets returns the asset set of an upload, or nil. s.mu is held.
func (s *Store) versionAssets(c *api.Call, sc *Script, up *upload) (*AssetSet, *api.Error) {
	given := up.metadata.Assets
	if given == nil {
		if last := sc.latest(); up.metadata.KeepAssets && last != nil {
			return last.Assets, nil
		}
		return nil, nil
	}
	session := s.uploads[given.JWT]
	if session == nil || session.account != c.Account || len(session.missing) > 0 {
		return nil, api.Failure(http.StatusBadRequest, 100334,
			"the assets' token is unknown or has expired, or the upload is not complete")
	}
	raw, err := json.Marshal(session.files)
	if err != nil {
		return nil, api.Internal(err)
	}
	m, apiErr := s.storeModule("assets", "application/octet-stream", raw)
	if apiErr != nil {
		return nil, apiErr
	}
	return &AssetSet{Manifest: m.Hash, Config: given.Config}, nil
}

// LinkAssets creates the folder of a version's assets, if it does not exist, with
// links to the stored files.
func (s *Store) LinkAssets(accountID string, v *Version) (string, error) {
	dir := filepath.Join(s.options.Dir, "sites", v.ID)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	raw, err := os.ReadFile(s.ModuleFile(Module{Hash: v.Assets.Manifest}))
	if err != nil {
		return "", err
	}
	var files map[string]assetFile
	if err := json.Unmarshal(raw, &files); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "tmp-")
	if err != nil {
		return "", err
	}
	for path, f := range files {
		name, err := localAsset(path)
		if err != nil {
			return "", err
		}
		to := filepath.Join(tmp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return "", err
		}
		if err := os.Link(s.assetFile(accountID, f.Hash), to); err != nil {
			return "", err
		}
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", errors.Join(err, os.RemoveAll(tmp))
	}
	return dir, nil
}

// ServiceConfig returns the configuration of workerd's assets service. Two of its members have
// other names than in the API.
func (a *AssetSet) ServiceConfig() string {
	members := map[string]json.RawMessage{}
	_ = json.Unmarshal(a.Config, &members) // invalid means no settings
	out := map[string]json.RawMessage{}
	for from, to := range map[string]string{
		"html_handling": "html_handling", "not_found_handling": "not_found_handling",
		"run_worker_first": "run_worker_first", "_headers": "headers", "_redirects": "redirects",
	} {
		if raw, ok := members[from]; ok && string(raw) != "null" {
			out[to] = raw
		}
	}
	raw, _ := json.Marshal(out) // cannot fail: the values were JSON
	return string(raw)
}
