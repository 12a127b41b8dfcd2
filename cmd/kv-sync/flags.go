package main

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kv-sync/kv-sync/internal/options"
)

// flags are the flags of one subcommand that internal/options declares. kong reads flags from a
// struct, which flagsOf makes at run time.
type flags struct {
	kong.Plugins // one pointer to that struct

	declared []*options.Option // by the field's index
}

func flagsOf(command string) flags {
	f := flags{declared: options.Flags(command)}
	fields := make([]reflect.StructField, 0, len(f.declared))
	for i, o := range f.declared {
		field := reflect.StructField{Name: "F" + strconv.Itoa(i), Type: reflect.TypeFor[string](), Tag: tag(o)}
		if o.Switch {
			field.Type = reflect.TypeFor[bool]()
		}
		fields = append(fields, field)
	}
	f.Plugins = kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}
	return f
}

// tag returns the struct tag of an option for kong.
func tag(o *options.Option) reflect.StructTag {
	parts := []string{`name:` + strconv.Quote(o.Flag), `help:` + strconv.Quote(o.Help)}
	if o.Placeholder != "" {
		parts = append(parts, `placeholder:`+strconv.Quote(o.Placeholder))
	}
	if o.Group == options.GroupGuards {
		parts = append(parts, `group:"guards"`)
	}
	return reflect.StructTag(strings.Join(parts, " "))
}

// values returns the flags that were given.
func (f flags) values() options.Values {
	v := options.Values{}
	if len(f.Plugins) == 0 {
		return v
	}
	parsed := reflect.ValueOf(f.Plugins[0]).Elem()
	for i, o := range f.declared {
		switch field := parsed.Field(i); {
		case !o.Switch:
			v[o] = field.String()
		case field.Bool():
			v[o] = "true"
		}
	}
	return v
}

// siteFlags are the flags of every command about a site.
type siteFlags struct {
	flags
	Local   bool `help:"Use the local platform instead of Cloudflare. No account is needed."`
	JSON    bool `name:"json" help:"Print one JSON object on stdout, everything else on stderr."`
	Verbose bool `short:"v" help:"Also print what was chosen, and why."`
}

// siteFlagsOf returns the flags of a command about a site.
func siteFlagsOf(command string) siteFlags { return siteFlags{flags: flagsOf(command)} }
