// Package options declares every option that more than one front end has: a flag of
// the command, an input of the Action, a setting in kv-sync.toml or the environment.
// Each is declared once, in table.go, and the rest follows from that:
//
//   - cmd/kv-sync makes the flags and their help of it,
//   - cmd/action reads and checks the inputs by it,
//   - internal/config takes the environment variables of settings from it,
//   - a test holds action.yml and the tables in docs/ to it, and writes them:
//     go test ./internal/options -update
//
// To add an option, declare it in table.go and use its value:
//
//	if values.Is(options.Forget) { … }
//
// The value of a setting is in config.Settings.Options, whether a flag, an input, a
// variable or a file gives it. A setting whose values need a check of their own has a key
// in internal/config.
package options

import (
	"maps"
	"slices"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Option is one option. Its value is text; that of a switch is "true" or "".
type Option struct {
	// Flag is its name on the command line without "--"; "" is no flag. Commands are
	// the subcommands that have it.
	Flag     string
	Commands []string
	// Input is its name in a workflow; "" is no input.
	Input string
	// Setting is its key in kv-sync.toml; "" is no setting. Variables set it, too; the
	// first one that is present counts. A secret is set by variables only.
	Setting   string
	Variables []string

	// Switch: it is on or off.
	Switch bool
	// Secret: no output shows the value, and there is no flag for it.
	Secret bool
	// Values are the allowed ones; nil allows any text.
	Values []string
	// Default is the value of an input that is not given. Expression is the default that
	// GitHub evaluates.
	Default, Expression string
	// Waiver says how a workflow can give it for one case.
	Waiver Waiver
	// Group decides which commands repeat it: see [Values.Typed].
	Group Group
	// Engine is the option of the engine that it switches on; nil is none.
	Engine func(*kvsync.Options) *bool

	// Placeholder stands for the value in the help.
	Placeholder string
	// Help are sentences for --help and action.yml.
	Help string
	// Doc is the cell of tables in docs/, in Markdown; "" is made from Help.
	Doc string
	// Otherwise says what counts if the option is not given, in Markdown; "" is
	// made from Default.
	Otherwise string
}

// Group are the options of one purpose.
type Group string

// The groups.
const (
	// GroupSite says which site is meant, GroupSource what is published.
	GroupSite   Group = "site"
	GroupSource Group = "source"
	// GroupGuards lets a run go on that a guard stops; GroupOnce is for one deploy.
	GroupGuards Group = "guards"
	GroupOnce   Group = "once"
	// GroupOther is everything else.
	GroupOther Group = ""
)

// Waiver says how a workflow may give an option. Left in a workflow file, "true" would
// end a promise for good. So it counts only if somebody started the workflow by hand.
// On other events the value names the case.
type Waiver string

// The waivers.
const (
	// NotWaived is for options that are no waivers.
	NotWaived Waiver = ""
	// ForCommit: the value is the commit that the option is for.
	ForCommit Waiver = "commit"
	// ForWorker: the value is the repository or the Worker version that is replaced.
	ForWorker Waiver = "worker"
)

// table lists the options in the order of their declaration.
var table []*Option

func declare(o Option) *Option {
	table = append(table, &o)
	return &o
}

// All lists the options.
func All() []*Option { return slices.Clone(table) }

func where(keep func(*Option) bool) []*Option {
	return slices.DeleteFunc(All(), func(o *Option) bool { return !keep(o) })
}

// Flags lists the flags of a subcommand.
func Flags(command string) []*Option {
	return where(func(o *Option) bool { return o.Flag != "" && slices.Contains(o.Commands, command) })
}

// Inputs lists the inputs of the Action.
func Inputs() []*Option { return where(func(o *Option) bool { return o.Input != "" }) }

// Settings lists the settings.
func Settings() []*Option { return where(func(o *Option) bool { return o.Setting != "" }) }

// Waivable lists the inputs that a workflow can give for one case.
func Waivable() []*Option { return where(func(o *Option) bool { return o.Waiver != NotWaived }) }

// Allowed reports whether the option may have this value.
func (o *Option) Allowed(value string) bool {
	switch {
	case value == "":
		return true
	case o.Switch && o.Waiver == NotWaived:
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	}
	return o.Values == nil || slices.Contains(o.Values, value)
}

// Want says which values are allowed: "use true or false".
func (o *Option) Want() string {
	values := o.Values
	if o.Switch {
		values = []string{"true", "false"}
	}
	last := len(values) - 1
	return "use " + strings.Join(values[:last], ", ") + " or " + values[last]
}

// Values are the options that were given.
type Values map[*Option]string

// Text is the value of an option, "" if it was not given.
func (v Values) Text(o *Option) string { return v[o] }

// Is reports whether a switch is on.
func (v Values) Is(o *Option) bool { return strings.EqualFold(v[o], "true") }

// With are the values with one of them replaced. v stays as it is.
func (v Values) With(o *Option, value string) Values {
	out := Values{o: ""}
	maps.Copy(out, v)
	out[o] = value
	return out
}

// Engine returns the options of the engine.
func (v Values) Engine() (opt kvsync.Options) {
	for _, o := range table {
		if o.Engine != nil {
			*o.Engine(&opt) = v.Is(o)
		}
	}
	return opt
}

// BySetting returns the settings among the values, by their keys.
func (v Values) BySetting() map[string]string {
	out := make(map[string]string)
	for _, o := range Settings() {
		if v[o] != "" {
			out[o.Setting] = v[o]
		}
	}
	return out
}

// Typed is the flags of a group as they would be typed, each after a space. quote
// makes a value one word of a shell.
func (v Values) Typed(quote func(string) string, groups ...Group) string {
	var b strings.Builder
	for _, o := range table {
		if v[o] == "" || o.Flag == "" || !slices.Contains(groups, o.Group) {
			continue
		}
		b.WriteString(" --" + o.Flag)
		if !o.Switch {
			b.WriteString(" " + quote(v[o]))
		}
	}
	return b.String()
}

// Case says what the value of a waiver names.
func (o *Option) Case() string {
	if o.Waiver == ForWorker {
		return "the repository (host/owner/name) or the Worker version that may be replaced"
	}
	return "the commit that it is for"
}
