package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// Guard is one mutation.
type Guard struct {
	// Name is unique in its table.
	Name string `toml:"name"`
	// File is the mutated file, relative to the top of the repository.
	File string `toml:"file"`
	// Harm is what happens to users without the guard.
	Harm string `toml:"harm"`
	// Old occurs in the file exactly once.
	Old string `toml:"old"`
	// New replaces Old.
	New string `toml:"new"`
	// Tests are the tests of which one must fail. They run in this order until one fails.
	// Examples: "./sync", "./sync:TestName|TestOther", "worker/src/serve/test/router.test.ts".
	Tests []string `toml:"tests"`
	// Alive is the reason why no test can fail, or "".
	Alive string `toml:"alive"`

	table string // the file of guards/, without its extension
}

// ID returns the guard's table and name. It is unique among all guards.
func (g *Guard) ID() string { return g.table + "/" + g.Name }

// digest returns a hash of the mutation and its tests. A result counts only for the same digest.
func (g *Guard) digest() string {
	h := sha256.Sum256([]byte(strings.Join(append([]string{g.File, g.Old, g.New}, g.Tests...), "\x00")))
	return hex.EncodeToString(h[:8])
}

// mutate returns the content of the file without the guard.
func (g *Guard) mutate(top string) ([]byte, error) {
	src, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(g.File)))
	if err != nil {
		return nil, fmt.Errorf("mutation %s: %w", g.ID(), err)
	}
	if n := bytes.Count(src, []byte(g.Old)); n != 1 {
		return nil, fmt.Errorf("mutation %s: old occurs in %s %d times instead of once; copy it again from the code", g.ID(),
			g.File, n)
	}
	return bytes.Replace(src, []byte(g.Old), []byte(g.New), 1), nil
}

var testPattern = regexp.MustCompile(`^(\./[a-z][\w/-]*(:\S+)?|worker/(src/\w+/)?test/\w+\.test\.ts)$`)

// check returns an error for an invalid row.
func (g *Guard) check() error {
	switch {
	case g.Name == "" || g.File == "" || g.Harm == "":
		return fmt.Errorf("mutation %s: name, file and harm are required", g.ID())
	case g.Old == "" || g.Old == g.New:
		return fmt.Errorf("mutation %s: old must not be empty, and new must differ from it", g.ID())
	case len(g.Tests) == 0:
		return fmt.Errorf("mutation %s: name the tests that must fail", g.ID())
	}
	for _, test := range g.Tests {
		if !testPattern.MatchString(test) {
			return fmt.Errorf(`mutation %s: %q is neither "./package", "./package:Run" nor "worker/test/name.test.ts"`, g.ID(),
				test)
		}
	}
	return nil
}

// load reads all tables of a folder.
func load(dir string) ([]*Guard, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		return nil, err
	}
	var all []*Guard
	seen := make(map[string]bool)
	for _, file := range files {
		var table struct {
			Mutation []*Guard `toml:"mutation"`
		}
		meta, err := toml.DecodeFile(file, &table)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			return nil, fmt.Errorf("read %s: unknown key %s", file, unknown[0])
		}
		for _, g := range table.Mutation {
			g.table = strings.TrimSuffix(filepath.Base(file), ".toml")
			if err := g.check(); err != nil {
				return nil, err
			}
			if seen[g.ID()] {
				return nil, fmt.Errorf("mutation %s: the name is used twice", g.ID())
			}
			seen[g.ID()] = true
			all = append(all, g)
		}
	}
	return all, nil
}
