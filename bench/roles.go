package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// roles are what this program does in other processes, by its first argument. No flag
// begins like a role.
var roles map[string]func(ctx context.Context, args []string) error

func init() { // not in the declaration: a role may start others
	roles = map[string]func(context.Context, []string) error{
		"role:serve": serveRole, // the local platform
		"role:site":  siteRole,  // makes the site
		"role:floor": floorRole, // the lower bound for a first deploy
		"role:once":  onceRole,  // one deploy by kv-sync's engine, profiled
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

// floorRole reads the address of the server from the environment, as the tools do.
func floorRole(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want a folder")
	}
	return floor(ctx, args[0], clientFromEnvironment())
}

func printJSON(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
