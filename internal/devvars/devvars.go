// Package devvars reads a Worker's variables for development, from the same files and by the same
// rules as wrangler 4: .dev.vars, or else .env and the files beside it.
//
// They are secrets of a developer's machine. They are for a local platform only.
package devvars

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say where the variables are.
type Options struct {
	// Dir is the folder of the files. Environment is the environment of the wrangler file, or "".
	Dir, Environment string
	// Required are the names in "secrets" of the wrangler file. If there are any, other variables
	// count only if they are in Vars.
	Required []string
	// Vars are the names in "vars" of the wrangler file.
	Vars []string
	// Read reads a file; nil means os.ReadFile.
	Read func(path string) ([]byte, error)
	// Getenv reads the environment; nil is an empty one.
	Getenv func(string) string
	// Environ is the environment of the process, as of os.Environ. It is used only if
	// CLOUDFLARE_INCLUDE_PROCESS_ENV is true.
	Environ []string
}

// Result has the variables, and where they are from.
type Result struct {
	// Values are the variables by name.
	Values map[string]string
	// Files are the files that have been read, absolute.
	Files []string
	// Candidates are the files that count if they exist, absolute.
	Candidates []string
}

// Load reads the variables. A file that does not exist has none. A file that cannot be read is an
// error.
func Load(o Options) (*Result, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Read == nil {
		o.Read = os.ReadFile
	}
	r := &Result{}
	values, err := o.devVars(r)
	if err == nil && values == nil {
		values, err = o.dotEnv(r)
	}
	if err != nil {
		return nil, err
	}
	if len(o.Required) > 0 {
		maps.DeleteFunc(values, func(name, _ string) bool {
			return !slices.Contains(o.Required, name) && !slices.Contains(o.Vars, name)
		})
	}
	r.Values = values
	return r, nil
}

// devVars reads .dev.vars of the environment, or else .dev.vars. It returns nil if there is none.
func (o Options) devVars(r *Result) (map[string]string, error) {
	names := []string{".dev.vars"}
	if o.Environment != "" {
		names = []string{".dev.vars." + o.Environment, ".dev.vars"}
	}
	for _, name := range names {
		text, found, err := o.file(r, name)
		if err != nil || found {
			return parse(text), err
		}
	}
	return nil, nil
}

// dotEnv reads .env and the files beside it, each of which overrides those before, and expands
// references to other variables.
func (o Options) dotEnv(r *Result) (map[string]string, error) {
	use, err := o.flag("CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV", true)
	if err != nil || !use {
		return map[string]string{}, err
	}
	names := []string{".env", ".env.local"}
	if o.Environment != "" {
		names = append(names, ".env."+o.Environment, ".env."+o.Environment+".local")
	}
	var list variables
	for _, name := range names {
		text, _, err := o.file(r, name)
		if err != nil {
			return nil, err
		}
		for _, v := range lines(text) {
			list = list.with(v)
		}
	}
	process, err := o.process()
	if err != nil {
		return nil, err
	}
	return list.expand(process), nil
}

// process returns the variables of the process's environment that the Worker gets.
func (o Options) process() (map[string]string, error) {
	values := map[string]string{}
	for _, name := range o.Required {
		if value := o.Getenv(name); value != "" {
			values[name] = value
		}
	}
	all, err := o.flag("CLOUDFLARE_INCLUDE_PROCESS_ENV", false)
	if err != nil || !all {
		return values, err
	}
	for _, pair := range o.Environ {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			values[name] = value
		}
	}
	return values, nil
}

// flag reads a boolean from the environment.
func (o Options) flag(name string, otherwise bool) (bool, error) {
	switch value := strings.ToLower(o.Getenv(name)); value {
	case "":
		return otherwise, nil
	case "true", "false":
		return value == "true", nil
	default:
		return false, fmt.Errorf("%s is %q; write true or false", name, value)
	}
}

// file reads a file, and adds it to the result.
func (o Options) file(r *Result, name string) (text string, found bool, err error) {
	path := filepath.Join(o.Dir, name)
	r.Candidates = append(r.Candidates, path)
	content, err := o.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read the variables for development: %w", err)
	}
	r.Files = append(r.Files, path)
	return string(content), true, nil
}
