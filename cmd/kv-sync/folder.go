package main

import (
	"fmt"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
)

// folderArgument is the folder to publish, named without a flag.
type folderArgument struct {
	Folder string `arg:"" optional:"" name:"dir" help:"The folder to publish, as with --dir."`
}

// into returns the values with the folder. The argument and --dir must not differ.
func (a folderArgument) into(v options.Values) (options.Values, error) {
	flag := v.Text(options.Directory)
	switch {
	case a.Folder == "":
		return v, nil
	case flag != "" && filepath.Clean(flag) != filepath.Clean(a.Folder):
		return nil, &app.UsageError{Err: fmt.Errorf("two folders are named: %s, and %s with --dir", a.Folder, flag),
			Fix: "leave one of the two out"}
	}
	return v.With(options.Directory, a.Folder), nil
}

// publishing returns the task of a command that publishes a folder.
func publishing(command string, f siteFlags, a folderArgument) (task, error) {
	t := taskOf(command, f)
	var err error
	t.values, err = a.into(t.values)
	return t, err
}
