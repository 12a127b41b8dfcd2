package manifest

import (
	"fmt"
	"slices"
	"time"
)

// NoFiles is the [Origin].ID of a Worker that is deployed without files on purpose.
const NoFiles = "none"

// Origin says what a listing was made from.
type Origin struct {
	// Kind is "commit" or "folder"; "upload" in a manifest that was written by the
	// TypeScript library.
	Kind string `json:"kind"`
	// ID names the content and the rules that apply to it: equal IDs mean equal
	// listings. "commit:<tree id>:<rules>" or "folder:<hash of entries>:<rules>".
	ID string `json:"id"`
	// Rules is a short hash of everything else that determines the listing: built-in
	// rules, their version, configured patterns.
	Rules string `json:"rules"`
	// Edition is the edition of the rules that selected the files: see [SelectionEdition].
	Edition int `json:"edition,omitempty"`
	// Dir is the directory within the repository, or the folder as given.
	Dir string `json:"dir"`
	// Commit is the commit's id in hexadecimal. For a folder it is the commit that is
	// checked out in its repository. "" if there is no repository.
	Commit string `json:"commit,omitempty"`
	// Dirty is set if the work tree differed from the commit. It is only shown, and does not
	// affect the order of deployments.
	Dirty bool `json:"dirty,omitempty"`
	// Repository says which repository the commit is in.
	Repository Repository `json:"repository,omitzero"`
	// Branch, Subject and Author describe the commit; any may be "".
	Branch  string `json:"branch,omitempty"`
	Subject string `json:"subject,omitempty"`
	Author  string `json:"author,omitempty"`
	// Time is the commit's time; zero for a folder.
	Time time.Time `json:"time,omitzero"`
}

// Repository identifies a git repository across machines. The zero value is an
// unknown repository.
type Repository struct {
	// Name is "host/owner/name" in lower case, without user and password.
	Name string `json:"name,omitempty"`
	// ID is the forge's own id, which stays the same after a rename and a transfer; ""
	// if it is not known.
	ID string `json:"id,omitempty"`
	// Remotes are the names ("host/owner/name") of the clone's remotes, in any order.
	// They are compared and not stored.
	Remotes []string `json:"-"`
}

// Differs reports whether the two are known to be different repositories.
func (r Repository) Differs(live Repository) bool {
	if r.ID != "" && live.ID != "" {
		return r.ID != live.ID
	}
	if live.Name == "" || r.Name == "" && len(r.Remotes) == 0 {
		return false
	}
	return r.Name != live.Name && !slices.Contains(r.Remotes, live.Name)
}

// Label returns the name of the repository for a message.
func (r Repository) Label() string {
	switch {
	case r.Name != "" && r.ID != "":
		return fmt.Sprintf("%s (id %s)", r.Name, r.ID)
	case r.Name != "":
		return r.Name
	}
	return "with the id " + r.ID
}

// IsCommit reports whether the origin is a commit. Unlike a folder, its files cannot change.
func (o Origin) IsCommit() bool { return o.Kind == "commit" && o.Commit != "" }
