package wrangler

import (
	"regexp"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// File is the part of a wrangler file that kv-sync uses.
type File struct {
	Worker cloud.Worker
	Code   bundle.Options
	// Serving, Directory and Exclude come from "assets", "site" and
	// "pages_build_output_dir". Directory is relative to the file.
	Serving   manifest.Serving
	Directory string
	Exclude   []string
	Name      string
	Account   string
	Build     Build // Dir is relative to the file
	// WorkersDev is nil if the file does not set it.
	WorkersDev *bool
	Secrets    []string // the names of required secrets
	// Places has the places of settings, by their names in kv-sync.toml. It also has those that
	// only a wrangler file can set: "assets", "pages", "base_dir".
	Places map[string]tree.Place
}

// Build is a command of the project.
type Build struct {
	// Line is run by a shell, in the folder Dir, which is relative to the project.
	Line, Dir string
}

// DefaultCompatibilityDate is the compatibility date if no file sets one. Each workerd that
// the local platform runs supports it.
const DefaultCompatibilityDate = "2026-10-01"

// Allowed values of settings.
var (
	HTMLHandlings     = []string{"auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"}
	NotFoundHandlings = []string{"404-page", "single-page-application", "none"}
	DatePattern       = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`)
)

// DateRule says what a compatibility date is.
const DateRule = "write a date such as " + DefaultCompatibilityDate
