package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// Limits of the submodules of a commit. More, and deeper ones, stay empty.
const (
	maxSubmodules    = 64
	maxSubmoduleDeep = 4
)

// checkedOut checks out the submodules of a commit. The commit chooses their addresses. So a
// submodule must be on the remote's own host, or is reached by https without credentials.
type checkedOut struct {
	*Mirror
	// left lists the submodules that stay empty, each with the reason.
	left  []string
	count int
}

// submodule is one entry of .gitmodules that is a submodule of the commit.
type submodule struct{ name, path string }

// update checks out the submodules of a work tree, and their own submodules. rel is the work
// tree's path below the checkout.
func (c *checkedOut) update(ctx context.Context, tree, rel string, depth int) error {
	list, err := c.list(ctx, tree)
	if err != nil {
		return err
	}
	for _, s := range list {
		at := filepath.Join(rel, s.path)
		if c.count++; c.count > maxSubmodules || depth > maxSubmoduleDeep {
			c.left = append(c.left, at+": there are too many submodules, or they are nested too deeply")
			continue
		}
		if _, err := c.at(ctx, tree, "", nil, "submodule", "init", "--", s.path); err != nil {
			if ctx.Err() != nil {
				return err
			}
			c.left = append(c.left, at+": "+err.Error()) // git refuses the entry
			continue
		}
		address, err := c.at(ctx, tree, "", nil, "config", "--get", "submodule."+s.name+".url")
		if err != nil {
			return fmt.Errorf("read the address of the submodule %s: %w", at, err)
		}
		var from Remote
		if err := from.UnmarshalText([]byte(strings.TrimSpace(address))); err != nil {
			c.left = append(c.left, at+": its address is not allowed: "+err.Error())
			continue
		}
		var settings []string
		switch {
		case from.host() == c.remote.host():
		case from.protocol == "https":
			settings = []string{"-c", "credential.helper=", "-c", "http.extraHeader="}
		default:
			c.left = append(c.left, at+": "+from.String()+" is not on the host of the site's remote, and not https")
			continue
		}
		if _, err := c.at(ctx, tree, from.protocol, settings, "submodule", "--quiet", "update", "--checkout", "--force",
			"--", s.path); err != nil {
			return fmt.Errorf("check out the submodule %s from %s: %w", at, from, err)
		}
		if err := c.update(ctx, filepath.Join(tree, s.path), at, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// list returns the submodules of a work tree.
func (c *checkedOut) list(ctx context.Context, tree string) ([]submodule, error) {
	if info, err := os.Lstat(filepath.Join(tree, ".gitmodules")); errors.Is(err, fs.ErrNotExist) ||
		err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	out, err := c.at(ctx, tree, "", nil, "config", "-z", "--file", ".gitmodules", "--get-regexp",
		`^submodule\..*\.path$`)
	if failed := (*command.Error)(nil); errors.As(err, &failed) && failed.Code == 1 { // it names none
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read .gitmodules: %w", err)
	}
	var list []submodule
	for entry := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		key, path, _ := strings.Cut(entry, "\n")
		name := strings.TrimSuffix(strings.TrimPrefix(key, "submodule."), ".path")
		if !filepath.IsLocal(path) {
			continue
		}
		listed, err := c.at(ctx, tree, "", nil, "ls-files", "--stage", "-z", "--", path)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(listed, "160000 ") && strings.HasSuffix(listed, "\t"+path+"\x00") {
			list = append(list, submodule{name, path})
		}
	}
	return list, nil
}

// at runs git in a work tree. It reaches remotes only by the given protocol.
func (c *checkedOut) at(
	ctx context.Context, tree, protocol string, settings []string, args ...string,
) (string, error) {
	args = append(append([]string{"-C", tree}, settings...), args...)
	return c.git.do(ctx, protocol, command.Call{Args: args, Limit: c.limit, Set: []string{"GIT_LITERAL_PATHSPECS=1"}})
}
