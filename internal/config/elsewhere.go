package config

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// howToPublish is the fix for a project whose site is in none of Directories. If other folders could
// be the output of its build, it names them.
func (l *loader) howToPublish() string {
	if dir := l.onDisk(); dir != "" {
		return fmt.Sprintf("the commit has no folder %s, which is on the disk: commit it, or publish it without --commit",
			dir)
	}
	found := l.elsewhere()
	switch len(found) {
	case 0:
		return l.buildFirst()
	case 1:
		return fmt.Sprintf("%s has an index.html: publish it with --dir %[1]s, or run %s first",
			found[0], l.buildCommand())
	default:
		return strings.Join(found, ", ") +
			" have an index.html: publish one of them with --dir, or run " + l.buildCommand() + " first"
	}
}

// onDisk returns the folder of the site that only the disk has and not the commit that is read, or "".
func (l *loader) onDisk() string {
	if l.files.commit == nil {
		return ""
	}
	disk := l.files
	disk.commit = nil
	i := slices.IndexFunc(Directories, func(dir string) bool {
		return dir != public && disk.isFile(filepath.Join(l.root, dir, "index.html"))
	})
	if i < 0 {
		return ""
	}
	return Directories[i]
}

// neverOutput are the names of folders that no build writes: packages, sources and templates.
var neverOutput = []string{
	"node_modules", "vendor", "src", ".git", "layouts", "_layouts", "_includes", "themes", "templates", "views",
}

// elsewhere returns folders of the project that have an index.html, sorted and at most three: some
// tools write the site to a folder such as dist/app/browser, site or docs/.vitepress/dist. It looks
// at the disk, where builds are, and not into sources, templates or packages.
func (l *loader) elsewhere() []string {
	const deepest, mostEntries, mostFound = 4, 10_000, 3
	var found []string
	entries, tool := 0, l.buildTool()
	_ = filepath.WalkDir(l.root, func(file string, d fs.DirEntry, err error) error { // errors skip a folder
		if entries++; entries > mostEntries || len(found) == mostFound {
			return fs.SkipAll
		}
		rel, relErr := filepath.Rel(l.root, file)
		if err != nil || relErr != nil || !d.IsDir() || rel == "." {
			return relErr
		}
		if slices.Contains(neverOutput, d.Name()) || strings.Count(filepath.ToSlash(rel), "/") >= deepest ||
			l.inputOfBuild(tool, rel) != "" {
			return fs.SkipDir
		}
		if l.files.isFile(filepath.Join(file, "index.html")) {
			found = append(found, filepath.ToSlash(rel))
			return fs.SkipDir
		}
		return nil
	})
	return found
}
