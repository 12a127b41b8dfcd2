package main

import "context"

type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command, such as deploy."`
}

// Run prints the help of a command, or the list of commands.
func (c *helpCommand) Run(ctx context.Context, s streams) error {
	return parse(ctx, append(c.Command, "--help"), s)
}
