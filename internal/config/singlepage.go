package config

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// SinglePage returns a notice about a single-page application that no setting names: a link to one of
// its own pathnames has no file, and answers 404. The folder's files are only named.
func (s *Settings) SinglePage() []manifest.Problem {
	if s.Directory == "" || s.Serving.NotFound != "" || s.Code.Main != "" {
		return nil
	}
	router := s.clientRouter()
	dir := s.Directory
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.Root, filepath.FromSlash(dir))
	}
	if router == "" || !onlyPage(os.DirFS(dir)) {
		return nil
	}
	return []manifest.Problem{{
		Path: "package.json",
		Reason: fmt.Sprintf("%s makes pathnames in the browser, and index.html is the only page: a link to one of them "+
			"answers 404", router),
		Fix: `write not-found = "single-page-application" into ` + ProjectFile + `, or "404-page" if that is meant`,
	}}
}

// onlyPage reports whether index.html is the only page of a folder. A rule for other pathnames may answer
// them all.
func onlyPage(dir fs.FS) bool {
	found := false
	err := fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "index.html":
			found = true
		case name == "_redirects", !e.IsDir() && strings.HasPrefix(strings.ToLower(path.Ext(name)), ".htm"):
			return fs.ErrExist
		}
		return nil
	})
	return found && err == nil
}
