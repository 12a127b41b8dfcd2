package app

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// projectsFolder holds the projects of a repository, each in a folder that is
// called after its id.
const projectsFolder = "projects"

var projectID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Projects lists the ids of the projects that a repository holds, ascending.
func Projects(in Inputs) ([]string, error) {
	dir := filepath.Join(cmp.Or(in.Root, "."), projectsFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &UsageError{Err: fmt.Errorf("there is no folder %s", projectsFolder), Fix: "make a folder for each project in it, called after the project's id"}
	}
	if err != nil {
		return nil, fmt.Errorf("list the projects: %w", err)
	}
	var ids []string
	var wrong []error
	for _, e := range entries {
		st, err := os.Stat(filepath.Join(dir, e.Name()))
		switch {
		case e.Name()[0] == '.' || err == nil && !st.IsDir():
		case err != nil:
			wrong = append(wrong, err)
		case !projectID.MatchString(e.Name()):
			wrong = append(wrong, fmt.Errorf("the folder %s/%.80q is called after no project id: use 1 to 63 of a-z, 0-9, - and _", projectsFolder, e.Name()))
		default:
			ids = append(ids, e.Name())
		}
	}
	switch {
	case len(wrong) > 0:
		return nil, &UsageError{Err: errors.Join(wrong...), Fix: "rename it, or move it elsewhere"}
	case len(ids) == 0:
		return nil, &UsageError{Err: fmt.Errorf("there is no project in the folder %s", projectsFolder), Fix: "make a folder for each project in it, called after the project's id"}
	}
	return ids, nil
}

// place finds the folder of the project that is asked for: projects/ID where
// that is there, else Root. What Root's own kv-sync.toml says, all projects
// share.
func (in Inputs) place() (out Inputs, shared string, err error) {
	if in.Project = cmp.Or(in.Project, in.Getenv("KV_SYNC_PROJECT")); in.Project == "" {
		return in, "", nil
	}
	if !projectID.MatchString(in.Project) {
		return in, "", fmt.Errorf("the project id is %.80q; use 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit", in.Project)
	}
	dir := filepath.Join(in.Root, projectsFolder, in.Project)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return in, "", nil //nolint:nilerr // then the project is what lies here
	}
	if in.Directory != "" && !filepath.IsAbs(in.Directory) {
		in.Directory = filepath.Join(in.Root, in.Directory) // as it was typed, from here
	}
	if in.Config != "" && !filepath.IsAbs(in.Config) {
		in.Config = filepath.Join(in.Root, in.Config)
	}
	shared, in.Root = in.Root, dir
	return in, shared, nil
}
