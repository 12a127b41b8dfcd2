package site

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/version"
)

// validID matches the valid names of sites and ids of projects.
var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Check returns what is wrong with a configuration as the caller has written it.
func (c *Config) Check() error {
	check := c.checkSite
	if c.Project != "" {
		check = c.checkProject
	}
	if err := check(); err != nil {
		return err
	}
	if c.Account == nil {
		return errors.New("no account to deploy to")
	}
	if c.Retain < 0 || c.Grace < 0 || c.Parallel < 0 || c.Memory < 0 || c.PruneCap < 0 {
		return errors.New("retain, grace, parallel, memory and the prune cap cannot be negative")
	}
	if c.Grace != 0 && c.Grace < version.MinGrace {
		return fmt.Errorf("a grace period of %s is too short: it may take more than a minute until a write is "+
			"visible, so %s is the minimum", c.Grace, version.MinGrace)
	}
	return nil
}

const idRule = "use 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"

func (c *Config) checkProject() error {
	switch {
	case c.Site != "":
		return fmt.Errorf("site %.80q and project %.80q are both set: give only one of them", c.Site, c.Project)
	case !validID.MatchString(c.Project):
		return fmt.Errorf("project id %.80q: %s", c.Project, idRule)
	}
	return nil
}

func (c *Config) checkSite() error {
	switch {
	case !validID.MatchString(c.Site):
		return fmt.Errorf("site name %.80q: %s", c.Site, idRule)
	case c.Serving.Overlay && len(c.Site) > overlay.MaxSite:
		return fmt.Errorf("site name %q is too long: with an overlay it may have %d characters, because the "+
			"companion is called %s; use a shorter name",
			c.Site, overlay.MaxSite, overlay.CompanionName(c.Site))
	case c.Site == manifest.ProjectPrefix:
		return fmt.Errorf("site name %q is reserved: the keys of projects begin with it; use another name", c.Site)
	}
	return nil
}
