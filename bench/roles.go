package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// roles are the functions of this program in other processes, by the first argument.
var roles map[string]func(ctx context.Context, args []string) error

func init() { // the declaration would have an initialization cycle, because roles use self
	roles = map[string]func(context.Context, []string) error{
		"role:serve": serveRole, // runs the local platform
		"role:site":  siteRole,  // generates the site
		"role:floor": floorRole, // makes the floor's deploy
		"role:once":  onceRole,  // makes one deploy with kv-sync's engine and profiles it
	}
}

// self returns a command that runs this program in a role.
func self(ctx context.Context, role string, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"role:" + role}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

func siteRole(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want a folder and a number of files")
	}
	files, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return makeSite(ctx, args[0], files)
}

// floorRole makes the floor's deploy. Like the tools, it reads the address of the server from the
// environment.
func floorRole(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want a folder")
	}
	return floor(ctx, args[0], clientFromEnvironment())
}

func printJSON(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
