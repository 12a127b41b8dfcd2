package workerlog

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sourcemap/sourcemap"
)

// position matches the position in a module at the end of a stack's frame. At the start of a Worker
// workerd prints the function after it.
var position = regexp.MustCompile(`([^\s()]+):(\d+):(\d+)\)?(?: in .+)?$`)

// mapped replaces positions in modules by those in the source.
func mapped(stack string, mapOf func(module string) []byte) string {
	if mapOf == nil || stack == "" {
		return stack
	}
	maps := map[string]*sourcemap.Consumer{}
	lines := strings.Split(stack, "\n")
	for i, line := range lines {
		at := position.FindStringSubmatchIndex(line)
		if at == nil {
			continue
		}
		module := line[at[2]:at[3]]
		if _, known := maps[module]; !known {
			maps[module] = consumer(mapOf(module))
		}
		if source := original(maps[module], line[at[4]:at[5]], line[at[6]:at[7]]); source != "" {
			lines[i] = line[:at[2]] + source + line[at[7]:]
		}
	}
	return strings.Join(lines, "\n")
}

// consumer reads a source map. It returns nil if raw is not a source map.
func consumer(raw []byte) *sourcemap.Consumer {
	if raw == nil {
		return nil
	}
	c, err := sourcemap.Parse("", raw)
	if err != nil {
		return nil
	}
	return c
}

// original returns the position in the source, or "".
func original(c *sourcemap.Consumer, lineText, columnText string) string {
	line, err := strconv.Atoi(lineText)
	column, cerr := strconv.Atoi(columnText)
	if c == nil || err != nil || cerr != nil {
		return ""
	}
	source, _, atLine, atColumn, ok := c.Source(line, column-1) // workerd counts columns from 1
	if !ok || source == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", strings.TrimPrefix(path.Clean("/"+source), "/"), atLine, atColumn+1)
}
