package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/buildtool"
)

// public is the folder that most build tools take for input, and that is the site without a build.
const public = "public"

// projectFiles are the files of the project for package buildtool.
type projectFiles struct{ l *loader }

func (p projectFiles) IsFile(name string) bool {
	return p.l.files.isFile(p.l.resolve(name))
}

func (p projectFiles) Read(name string) []byte {
	if !p.IsFile(name) {
		return nil
	}
	return p.l.files.readSmall(p.l.resolve(name))
}

func (l *loader) buildTool() *buildtool.Tool { return buildtool.Of(projectFiles{l}) }

// buildCommand names the command of the project's build.
func (l *loader) buildCommand() string {
	if tool := l.buildTool(); tool != nil && tool.Command != "" {
		return tool.Command
	}
	return cmp.Or(buildtool.Command(projectFiles{l}), "the build of the project")
}

// buildFirst is the fix for what the build tool has not written.
func (l *loader) buildFirst() string {
	return "run " + l.buildCommand() + " first, or name the folder of the site with --dir"
}

// leftToBuild reports whether a wrangler file has assets, and leaves their folder to the build.
func (l *loader) leftToBuild() bool {
	_, has := l.s.origins["assets"]
	return has && l.s.Project == ""
}

// inputOfBuild says why the folder public is not the site but the input of its build, or returns "".
func (l *loader) inputOfBuild(tool *buildtool.Tool) string {
	if tool != nil && !tool.IntoPublic {
		return "its input"
	}
	if text := buildtool.Unbuilt(projectFiles{l}, public); text != "" {
		return fmt.Sprintf("the input of a build, which replaces %s", text)
	}
	return ""
}

// outputs are folders of build tools that need not have an index.html.
var outputs = []string{
	"dist", "build", "out", "_site", "storybook-static", ".output", ".svelte-kit", ".next", ".vercel", ".open-next",
}

// output returns a folder that a build may have written, or "".
func (l *loader) output() string {
	i := slices.IndexFunc(outputs, func(dir string) bool { return l.files.isDir(filepath.Join(l.root, dir)) })
	if i < 0 {
		return ""
	}
	return outputs[i]
}

// refuseUnbuilt refuses a project whose build has not run, or has an output without an index.html. It
// reports whether the project is one.
func (l *loader) refuseUnbuilt(tool *buildtool.Tool, input string) bool {
	none := "there is no index.html in " + strings.Join(slices.DeleteFunc(slices.Clone(Directories), func(d string) bool {
		return d == public && (input != "" || l.leftToBuild())
	}), ", ")
	if input != "" && l.files.isDir(filepath.Join(l.root, public)) {
		none += "; public is " + input
	}
	switch {
	case l.leftToBuild():
		l.refuse(l.s.origins["assets"], "assets has no directory, so a build tool decides which folder is published, and "+
			none, l.howToPublish())
	case tool != nil:
		l.refuse(origin{place: tool.Evidence}, "the project has a build, and "+none, l.howToPublish())
	case input != "":
		l.refuse(origin{place: "public/index.html"}, none, l.howToPublish())
	case !l.files.isDir(filepath.Join(l.root, public)):
		return false
	case l.has("public/index.php"):
		l.refuse(origin{place: "public/index.php"}, none+"; public has the code of a server", l.howToPublish())
	case l.s.Code.Main == "" && l.s.Project == "" && buildtool.Command(projectFiles{l}) != "":
		l.refuse(origin{place: "package.json"}, `it has a script "build", and `+none, l.howToPublish())
	case l.output() != "":
		l.refuse(origin{place: public}, fmt.Sprintf("it has no index.html, and %s may be the output of a build", l.output()),
			l.howToPublish())
	default:
		return false
	}
	return true
}
