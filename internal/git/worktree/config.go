package worktree

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// readable are the extensions that do not change how objects and refs are stored.
var readable = map[string]bool{
	"worktreeconfig": true, "preciousobjects": true, "noop": true, "noop-v1": true, "relativeworktrees": true,
	// This one adds a table that maps the ids to those of the other hash function.
	"compatobjectformat": true,
}

// repositoryConfig is a repository's configuration.
type repositoryConfig struct {
	// linked reports whether this is a linked work tree. Then the work tree in the shared
	// file is another one.
	linked bool
	// shared is the file config, ofTree the file config.worktree.
	shared, ofTree *config.Config
}

// readConfig reads the repository's configuration. It sets r.unreadable if only the git command
// can read this form of repository.
func (r *Repository) readConfig() (c repositoryConfig, err error) {
	r.IDBytes = objects.SHA1Bytes
	var known bool
	if c.shared, known, err = parseConfig(filepath.Join(r.CommonDir, "config")); err != nil {
		return c, err
	}
	c.ofTree = config.New()
	if known && isTrue(c.shared.Section("extensions"), "worktreeConfig") {
		if c.ofTree, known, err = parseConfig(filepath.Join(r.GitDir, "config.worktree")); err != nil {
			return c, err
		}
	}
	if !known {
		r.unreadable = "its config has syntax that only git can read"
		return c, nil
	}
	r.sparse = isTrue(c.shared.Section("core"), "sparseCheckout") || isTrue(c.ofTree.Section("core"), "sparseCheckout")
	for _, o := range c.shared.Section("extensions").Options {
		name, value := strings.ToLower(o.Key), strings.ToLower(o.Value)
		switch {
		case readable[name], name == "objectformat" && value == "sha1", name == "refstorage" && value == "files":
		case name == "objectformat" && value == "sha256":
			r.IDBytes = 32
			r.unreadable = "its object format is SHA-256 (extensions.objectFormat)"
			r.fix = "check out a repository whose object format is SHA-1"
		case name == "partialclone":
			r.partial(o.Value)
		default:
			r.unreadable = "extensions." + o.Key + " is " + o.Value
		}
	}
	for _, remote := range c.shared.Section("remote").Subsections {
		if value := remote.Option("promisor"); value != "" && truth(value) {
			r.partial(remote.Name)
		}
	}
	return c, nil
}

// partial records that the repository is a partial clone of a remote.
func (r *Repository) partial(remote string) {
	r.Promisor = remote
	r.unreadable = "it is a partial clone, which lacks objects"
	r.fix = "clone it whole (in a workflow: without filter and sparse-checkout of actions/checkout, " +
		"each of which makes a partial clone)"
}

// parseConfig reads a file that need not exist. known is false if only git can read it.
func parseConfig(file string) (c *config.Config, known bool, err error) {
	c = config.New()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return c, false, fmt.Errorf("read the repository's config: %w", err)
	}
	err = config.NewDecoder(bytes.NewReader(text)).Decode(c)
	return c, err == nil, nil // the git command reports a syntax error
}

// workTree returns the root of the work tree, "" for a bare repository. It is top if the
// configuration does not say otherwise.
func (c repositoryConfig) workTree(gitDir, top string) string {
	core := []*config.Section{c.ofTree.Section("core")}
	if !c.linked {
		core = append(core, c.shared.Section("core"))
	}
	for _, s := range core {
		if tree := s.Option("worktree"); tree != "" {
			return under(gitDir, tree)
		}
	}
	for _, s := range core {
		if isTrue(s, "bare") {
			return ""
		}
	}
	return top
}

func isTrue(s *config.Section, key string) bool { return s.HasOption(key) && truth(s.Option(key)) }

// truth reports whether git reads a value as true.
func truth(value string) bool {
	switch strings.ToLower(value) {
	case "", "false", "no", "off", "0":
		return false
	}
	return true
}
