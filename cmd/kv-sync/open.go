package main

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"runtime"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
)

type openCommand struct{ siteFlags }

// Run prints the address of the live site. It opens the browser only if standard output is a
// terminal, and neither CI is set nor JSON is printed.
func (c *openCommand) Run(ctx context.Context, s streams) error {
	return managing("open", c.siteFlags).on(ctx, s, func(se *session) error {
		address, err := se.address(ctx)
		if err != nil {
			return err
		}
		interactive := !se.flags.JSON && s.getenv("CI") == "" && term.IsTerminal(s.out)
		if se.served() && se.platform.Mine() && !interactive {
			return guard.Stop(guard.Target, advice.CaseNotServed, finding.Facts{Name: se.site.Name, What: address})
		}
		se.console.Address(address)
		if !interactive {
			return nil
		}
		if err := browse(ctx, address); err != nil {
			se.console.Say("Note: cannot start a browser: %v", err)
		}
		return se.serve(ctx, s)
	})
}

// address returns the address of the live site. The local platform serves each site, even one whose
// address under workers.dev is off.
func (se *session) address(ctx context.Context) (string, error) {
	address, err := se.site.Address(ctx)
	if se.served() {
		if own := se.platform.URL(ctx, se.site.Name); own != "" {
			address, err = own, nil
		}
	}
	return address, err
}

// browse opens an address in the user's browser.
func browse(ctx context.Context, address string) error {
	command, err := browser(runtime.GOOS, address)
	if err != nil {
		return err
	}
	return exec.CommandContext(ctx, command[0], command[1:]...).Run()
}

// browser returns the command that opens an address. The address comes from the metadata of a
// Worker's version, so it is not trusted: browser refuses any that is not http or https.
func browser(system, address string) ([]string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is not a web address", address)
	}
	switch system {
	case "darwin":
		return []string{"open", u.String()}, nil
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", u.String()}, nil
	}
	return []string{"xdg-open", u.String()}, nil
}
