// Package lastname remembers the name with which a folder was last deployed.
//
// A deploy with --name does not change the project, so a later command without --name is for a site with
// the name of the folder. If no such site is deployed, the error shows the remembered name. The name is
// not used for anything else: a command must mean the same site on every machine.
package lastname

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Note is a file with the name of the last deploy of one folder into one account. The zero value
// remembers nothing.
type Note struct {
	file string
	set  *config.Settings
}

// Of returns the note for a site in the user's cache folder.
func Of(cacheDir string, set *config.Settings) Note {
	if cacheDir == "" || set.Project != "" {
		return Note{}
	}
	of := manifest.HashOf([]byte(set.BaseURL + "\x00" + set.Account + "\x00" + set.Root))
	return Note{filepath.Join(cacheDir, "kv-sync", "names", of.String()), set}
}

// Put stores the name after a deploy. Errors are ignored, because then only a hint is missing.
func (n Note) Put() {
	if n.file != "" {
		_ = atomicfile.Write(n.file, []byte(n.set.Name), 0o600)
	}
}

// Other returns the stored name if the site has another one, which no configuration sets. Otherwise it
// returns "".
func (n Note) Other() string {
	if n.file == "" || !n.set.Derived {
		return ""
	}
	text, err := os.ReadFile(n.file)
	if name := string(text); err == nil && name != n.set.Name && config.ValidName(name) {
		return name
	}
	return ""
}

// Explain adds the stored name to the error for a site that is not deployed, if no name was given.
func (n Note) Explain(err error) error {
	var stopped *guard.Error
	if n.file == "" || !n.set.Derived || !errors.As(err, &stopped) {
		return err
	}
	switch stopped.Finding.Case {
	case finding.CaseNotDeployed, finding.CaseNothingToDelete, finding.CasePruneUndeployed, advice.CaseNoWorker:
	default:
		return err
	}
	if name := n.Other(); name != "" {
		return guard.Stop(guard.Target, advice.CaseOtherName, finding.Facts{Site: n.set.Name, Name: name})
	}
	if dir := config.ProjectAbove(n.set.Root); dir != "" {
		return guard.Stop(guard.Target, advice.CaseAbove, finding.Facts{Site: n.set.Name, Path: dir})
	}
	return err
}
