package config

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/buildtool"
)

// public is the folder that most build tools take for input, and that is the site without a build.
const public = "public"

// www is the site as it is, or the folder into which a build writes scripts.
const www = "www"

// projectFiles are the files of the project for package buildtool.
type projectFiles struct{ l *loader }

func (p projectFiles) IsFile(name string) bool {
	return p.l.files.isFile(p.l.resolve(name))
}

func (p projectFiles) IsDir(name string) bool {
	return p.l.files.isDir(p.l.resolve(name))
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
	return cmp.Or(l.toolCommand(), buildtool.Command(projectFiles{l}), "the build of the project")
}

// toolCommand is the command of the build tool, "" if none is recognised.
func (l *loader) toolCommand() string {
	if tool := l.buildTool(); tool != nil {
		return tool.Command
	}
	return ""
}

// buildFirst is the fix for what the build tool has not written.
func (l *loader) buildFirst() string {
	return "run " + l.buildCommand() + " first, or name the folder of the site with --dir"
}

// leftToBuild reports whether a wrangler file has assets, and leaves their folder to the build.
func (l *loader) leftToBuild() bool { return l.hasAssets() && l.s.Project == "" }

// hasAssets reports whether a wrangler file has assets.
func (l *loader) hasAssets() bool {
	_, has := l.s.origins["assets"]
	return has
}

// input is a folder that is no site but the input of a build, or was not built yet.
type input struct{ dir, why string }

// inputs are those of Directories, and "." for the top of the project.
type inputs []input

// none says that no folder is the site. Folders that are known to be input are not among those that
// it names.
func (list inputs) none() string {
	others := slices.DeleteFunc(slices.Clone(Directories), func(d string) bool {
		return slices.ContainsFunc(list, func(in input) bool { return in.dir == d })
	})
	text := "there is no index.html in " + strings.Join(others, ", ")
	for _, in := range list {
		if in.why != "" {
			text += fmt.Sprintf("; %s %s", cmp.Or(strings.TrimPrefix(in.dir, "."), "that at the top"), in.why)
		}
	}
	return text
}

// sites returns the folders that have a page and are no input, and those that are input.
func (l *loader) sites(tool *buildtool.Tool) (found []string, list inputs) {
	for _, dir := range append(slices.Clone(Directories), ".") {
		page := l.has(path.Join(dir, "index.html"))
		why := l.inputOfBuild(tool, dir)
		switch {
		case why != "" && l.files.isDir(filepath.Join(l.root, dir)):
			list = append(list, input{dir, why})
		case dir == public && l.leftToBuild():
			list = append(list, input{dir: dir})
		case page && dir != ".":
			found = append(found, dir)
		}
	}
	return found, list
}

// inputOfBuild says why a folder is not the site but the input of its build, or returns "".
func (l *loader) inputOfBuild(tool *buildtool.Tool, dir string) string {
	if dir == public && tool != nil && !tool.IntoPublic {
		return "is its input"
	}
	if text := buildtool.Unbuilt(projectFiles{l}, dir); text != "" {
		return "is the input of a build, which replaces " + text
	}
	if dir == public || dir == www {
		return l.unfinished(tool, dir)
	}
	return ""
}

// unfinished says why the page of a folder is the input of a build that writes into the folder, or
// returns "". A Worker may serve what a page lacks, and a generator has written the page itself.
func (l *loader) unfinished(tool *buildtool.Tool, dir string) string {
	project := projectFiles{l}
	built := buildtool.Command(project) != ""
	switch {
	case l.s.Code.Main != "", tool != nil && tool.Pages, !built && l.fileBeside() == "":
		return ""
	case built && buildtool.Empty(project, dir):
		return "was not built yet: its page is empty and loads no script"
	}
	if name := buildtool.Missing(project, dir); name != "" {
		return fmt.Sprintf("was not built yet: its page loads %s, which is not there", name)
	}
	return ""
}

// refuseUnbuilt refuses a project whose build has not run, or whose code makes the site. It reports
// whether the project is one.
func (l *loader) refuseUnbuilt(tool *buildtool.Tool, list inputs) bool {
	program := buildtool.Program(projectFiles{l})
	top, raw := l.has("index.html"), l.files.isDir(filepath.Join(l.root, public))
	switch {
	case l.leftToBuild():
		l.refuse(l.s.origins["assets"], "assets has no directory, so a build tool decides which folder is published, and "+
			list.none(), l.howToPublish())
	case l.has("public/index.php"):
		l.refuse(origin{place: "public/index.php"}, "public has the code of a server, which is not run",
			"name the folder of the site's files with --dir")
	case tool != nil:
		l.refuse(origin{place: tool.Evidence}, "the project has a build, and "+list.none(), l.howToPublish())
	case len(list) > 0:
		l.refuse(origin{place: path.Join(list[0].dir, "index.html")}, list.none(), l.howToPublish())
	case program != "" && (top || raw && l.s.Code.Main == "" && l.s.Project == ""):
		l.refuse(origin{place: "package.json"}, program+", and "+list.none(), l.howToPublish())
	default:
		return false
	}
	return true
}
