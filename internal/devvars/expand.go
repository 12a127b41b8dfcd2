package devvars

import (
	"regexp"
	"slices"
	"strings"
)

// variables are the variables of all files, in the order of their first occurrence.
type variables []variable

// with sets a variable.
func (vs variables) with(v variable) variables {
	if i := slices.IndexFunc(vs, func(o variable) bool { return o.name == v.name }); i >= 0 {
		vs[i].value = v.value
		return vs
	}
	return append(vs, v)
}

// expand replaces the references in each value, such as $NAME and ${NAME:-default}, by the
// variables before it and by those of the process, which come first.
func (vs variables) expand(process map[string]string) map[string]string {
	values := map[string]string{}
	known := func(name string) string {
		if value, ok := process[name]; ok {
			return value
		}
		return values[name]
	}
	for _, v := range vs {
		value := process[v.name]
		if value == "" || value == v.value {
			value = expandValue(v.value, known, values)
		}
		values[v.name] = strings.ReplaceAll(value, `\$`, `$`)
	}
	for name, value := range process {
		if _, ok := values[name]; !ok {
			values[name] = value
		}
	}
	return values
}

var (
	// reference is a reference to a variable. The first group is the character before it.
	reference = regexp.MustCompile(`(^|[^\\])(\$\{([^{}]+)\}|\$([A-Za-z_][A-Za-z0-9_]*))`)
	operator  = regexp.MustCompile(`:\+|\+|:-|-`)
)

// expandValue replaces references until there are none. The value of a variable may have
// references itself.
func expandValue(value string, known func(string) string, before map[string]string) string {
	seen := map[string]bool{}
	for range maxReferences {
		at := reference.FindStringSubmatchIndex(value)
		if at == nil {
			break
		}
		seen[value] = true
		name, replacement := resolve(value[at[4]:at[5]], known, seen)
		value = strings.Replace(value, value[at[4]:at[5]], replacement, 1)
		if earlier, ok := before[name]; ok && value == earlier {
			break
		}
	}
	return value
}

// maxReferences ends a value that refers to itself.
const maxReferences = 1000

// resolve returns the variable that a reference names, and what replaces the reference.
func resolve(reference string, known func(string) string, seen map[string]bool) (name, replacement string) {
	expression := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(reference, "$"), "{"), "}")
	name, op, otherwise := expression, "", ""
	if at := operator.FindStringIndex(expression); at != nil {
		name, op, otherwise = expression[:at[0]], expression[at[0]:at[1]], expression[at[1]:]
	}
	value := known(name)
	switch {
	case (op == "+" || op == ":+") && value == "":
		return name, ""
	case op == "+" || op == ":+" || value == "" || seen[value]:
		return name, otherwise
	}
	return name, value
}
