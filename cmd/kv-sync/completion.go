package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kv-sync/kv-sync/internal/app"
)

type completionCommand struct {
	Shell string `arg:"" optional:"" default:"" enum:"bash,zsh,fish,powershell," help:"bash, zsh, fish or powershell."`
}

// completions are the scripts for shells. Each asks "kv-sync __complete" for the words that can
// follow. The first argument is "=" and the beginning of the word at the cursor; the "=" is needed
// because PowerShell drops empty arguments. The other arguments are the words before it. If the
// answer is empty, the shell completes names of files.
var completions = map[string]string{
	"bash": `# kv-sync: put this line into ~/.bashrc:  source <(kv-sync completion bash)
_kv_sync() {
  local IFS=$'\n'
  COMPREPLY=($(kv-sync __complete "=${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null))
}
complete -o default -F _kv_sync kv-sync
`,
	"zsh": `#compdef kv-sync
# kv-sync: put this line into ~/.zshrc, after compinit:  source <(kv-sync completion zsh)
_kv_sync() {
  local -a found
  found=("${(@f)$(kv-sync __complete "=${words[CURRENT]}" "${(@)words[2,CURRENT-1]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _kv_sync kv-sync
`,
	"fish": `# kv-sync: kv-sync completion fish > ~/.config/fish/completions/kv-sync.fish
complete -c kv-sync -a '(kv-sync __complete "="(commandline -ct) (commandline -opc)[2..] 2>/dev/null)'
`,
	"powershell": `# kv-sync: put this line into $PROFILE:  kv-sync completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName kv-sync -ScriptBlock {
  param($word, $line, $at)
  $before = @($line.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $at } |
    ForEach-Object { $_.ToString() })
  kv-sync __complete "=$word" @before 2>$null
}
`,
}

// Run prints the script.
func (c *completionCommand) Run(s streams) error {
	if c.Shell == "" {
		return &app.UsageError{Err: errors.New("no shell given"),
			Fix: "give one: kv-sync completion bash, zsh, fish or powershell"}
	}
	_, err := io.WriteString(s.out, completions[c.Shell])
	return err
}

type completeCommand struct {
	Words []string `arg:"" optional:""`
}

// Run prints the words that can follow on the command line.
func (c *completeCommand) Run(ctx context.Context, s streams) error {
	if len(c.Words) == 0 {
		return nil
	}
	parser, err := newParser(ctx, s, newCommandLine())
	if err != nil {
		return err
	}
	for _, w := range candidates(parser.Model.Node, c.Words[1:], strings.TrimPrefix(c.Words[0], "=")) {
		if _, err := fmt.Fprintln(s.out, w); err != nil {
			return err
		}
	}
	return nil
}

// candidates returns the words with a prefix that can follow the words before them on the command
// line. at is the root of the commands.
func candidates(at *kong.Node, before []string, prefix string) []string {
	var all []string
	var open *kong.Flag // the flag whose value is at the cursor
	for _, w := range before {
		if name, isFlag := strings.CutPrefix(w, "--"); isFlag {
			open = flagWithValue(at, name)
			continue
		}
		if next := child(at, w); open == nil && next != nil {
			at = next
		}
		open = nil
	}
	switch {
	case open != nil:
		if strings.Contains(open.PlaceHolder, "|") {
			all = strings.Split(open.PlaceHolder, "|")
		}
	case strings.HasPrefix(prefix, "-"):
		for _, f := range at.Flags {
			if !f.Hidden {
				all = append(all, "--"+f.Name)
			}
		}
	case at.Name == "completion":
		all = []string{"bash", "fish", "powershell", "zsh"}
	case at.Name == "help":
		all = commandNames(at.Parent)
	default:
		all = commandNames(at)
	}
	return slices.DeleteFunc(all, func(w string) bool { return !strings.HasPrefix(w, prefix) })
}

// flagWithValue returns the flag of a command with this name. It returns nil if there is none, or
// if it takes no value.
func flagWithValue(at *kong.Node, name string) *kong.Flag {
	i := slices.IndexFunc(at.Flags, func(f *kong.Flag) bool { return f.Name == name && !f.IsBool() })
	if i < 0 {
		return nil
	}
	return at.Flags[i]
}

// isCommand reports whether there is a command of this name.
func isCommand(name string) bool {
	model, err := kong.New(newCommandLine())
	return err == nil && child(model.Model.Node, name) != nil
}

// child returns the subcommand with this name, or nil.
func child(at *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(at.Children, func(c *kong.Node) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return at.Children[i]
}

// commandNames lists the subcommands that help shows.
func commandNames(at *kong.Node) (names []string) {
	for _, c := range at.Children {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}
