// Package options declares every option that more than one front end has: a flag of
// the command, an input of the Action, a setting in kv-sync.toml or the environment.
// Each option is declared once, in table.go. Everything else is derived from that table:
//
//   - the flags of cmd/kv-sync and their help,
//   - the inputs that cmd/action reads and checks,
//   - the keys and environment variables that internal/config accepts,
//   - the inputs in action.yml and the tables in docs/, which a test checks and writes:
//     go test ./internal/options -update
//
// To add an option, declare it in table.go and use its value:
//
//	if values.Is(options.Forget) { … }
//
// The value of a setting is in config.Settings.Options, whether it comes from a flag, an input,
// a variable or a file. If the values of a setting need their own check, the setting has a
// setter in internal/config/keys.go and a field in config.Settings.
package options

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/plan"
)

// Option is one option. Its value is text; the value of a switch is "true" or "".
type Option struct {
	// Flag is its name on the command line without "--"; "" means that it has no flag.
	// Commands are the subcommands that have the flag.
	Flag     string
	Commands []string
	// Input is its name in a workflow; "" means that it is not an input.
	Input string
	// Setting is its key in kv-sync.toml; "" means that it is not a setting. Variables are
	// the environment variables that set it; the first one that is set counts. Only
	// variables set a secret.
	Setting   string
	Variables []string

	// Switch reports whether the option is on or off, without a value of its own.
	Switch bool
	// Secret reports whether the value is secret: no output shows it, and it has no flag.
	Secret bool
	// Values are the allowed ones; nil allows any text.
	Values []string
	// Default is the value of an input that is not given. Expression is the default that
	// GitHub evaluates.
	Default, Expression string
	// Waiver says what the value must name in a workflow, if the option waives a guard.
	Waiver Waiver
	// Group selects the flags that a suggested command repeats: see [Values.Typed].
	Group Group
	// Engine returns the engine's option that this one switches on; nil means none.
	Engine func(*plan.Options) *bool

	// Placeholder is shown in place of the value in the help.
	Placeholder string
	// Help is the text of --help and action.yml.
	Help string
	// Doc is the text of the tables in docs/, in Markdown; "" means Help.
	Doc string
	// Otherwise describes in Markdown the value that applies if the option is not given; ""
	// means Default.
	Otherwise string
}

// Group names the options of one purpose.
type Group string

// The groups.
const (
	// GroupSite selects the site, GroupSource what is published.
	GroupSite   Group = "site"
	GroupSource Group = "source"
	// GroupGuards waives guards.
	GroupGuards Group = "guards"
	// GroupOnce applies to one deploy and is not repeated in later commands.
	GroupOnce Group = "once"
	// GroupOther is everything else.
	GroupOther Group = ""
)

// Waiver says what the value of an option that waives a guard must name in a workflow. With
// "true" the guard would be waived in every later run. So "true" counts only if somebody
// started the workflow by hand. On other events the value must name the one commit or Worker
// for which the guard is waived.
type Waiver string

// The waivers.
const (
	// NotWaiver is for options that waive nothing.
	NotWaiver Waiver = ""
	// ForCommit is for options whose value is the commit that is deployed.
	ForCommit Waiver = "commit"
	// ForWorker is for options whose value is the repository or the Worker version that
	// is replaced.
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

// OfFlag returns the option with this flag, or nil.
func OfFlag(flag string) *Option {
	for _, o := range where(func(o *Option) bool { return o.Flag == flag && flag != "" }) {
		return o
	}
	return nil
}

// Inputs lists the inputs of the Action.
func Inputs() []*Option { return where(func(o *Option) bool { return o.Input != "" }) }

// Settings lists the settings.
func Settings() []*Option { return where(func(o *Option) bool { return o.Setting != "" }) }

// Waivers lists the options that waive a guard.
func Waivers() []*Option { return where(func(o *Option) bool { return o.Waiver != NotWaiver }) }

// Allowed reports whether the option may have this value.
func (o *Option) Allowed(value string) bool {
	switch {
	case value == "":
		return true
	case o.Switch && o.Waiver == NotWaiver:
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	}
	return o.Values == nil || slices.Contains(o.Values, value)
}

// Choices are the allowed values; nil allows any text.
func (o *Option) Choices() []string {
	if o.Switch {
		return []string{"true", "false"}
	}
	return o.Values
}

// Want returns advice with the allowed values, such as "use true or false".
func (o *Option) Want() string {
	values := o.Choices()
	last := len(values) - 1
	return "use " + strings.Join(values[:last], ", ") + " or " + values[last]
}

// Values maps the options that were given to their values.
type Values map[*Option]string

// Text is the value of an option, "" if it was not given.
func (v Values) Text(o *Option) string { return v[o] }

// Is reports whether a switch is on.
func (v Values) Is(o *Option) bool { return strings.EqualFold(v[o], "true") }

// With returns a copy in which one value is replaced.
func (v Values) With(o *Option, value string) Values {
	out := Values{o: ""}
	maps.Copy(out, v)
	out[o] = value
	return out
}

// Engine returns the options of the engine.
func (v Values) Engine() (opt plan.Options) {
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

// Typed returns the flags of the groups as a person would type them in a shell, each after a space.
func (v Values) Typed(groups ...Group) string {
	var b strings.Builder
	for _, o := range table {
		if v[o] == "" || o.Flag == "" || !slices.Contains(groups, o.Group) {
			continue
		}
		b.WriteString(" --" + o.Flag)
		if !o.Switch {
			b.WriteString(" " + Quote(v[o]))
		}
	}
	return b.String()
}

var plainWord = regexp.MustCompile(`^[\w./:@^~=-]+$`)

// Quote quotes a value for a shell if necessary.
func Quote(value string) string {
	if plainWord.MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// Names describes what the value of a waiver must name.
func (o *Option) Names() string {
	if o.Waiver == ForWorker {
		return "the repository (host/owner/name) or the Worker version that may be replaced"
	}
	return "the commit that it is for"
}
