package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/tree"
)

// deployConfig is where a build tool names the wrangler file that it generated. wrangler
// follows it.
// Source: https://developers.cloudflare.com/workers/wrangler/configuration/#generated-wrangler-configuration
const deployConfig = ".wrangler/deploy/config.json"

// redirect returns the wrangler file that a build tool generated, and names the file used. It
// returns "" if there is none. Such a file belongs to the files on the disk, not to a commit.
func (l *loader) redirect() string {
	at := filepath.Join(l.root, filepath.FromSlash(deployConfig))
	if l.in.Commit != nil {
		return ""
	}
	info, err := l.boundary.Stat(at)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	top := l.parse(at, deployConfig, true)
	if top == nil {
		return ""
	}
	from, name := origin{place: deployConfig, file: true}, ""
	if n := top.Get("configPath"); n != nil {
		name, _ = n.Value.(string)
	}
	if name == "" {
		l.refuse(from, `there is no "configPath", which names the file that the build generated`,
			"run the build again, or remove this file")
		return ""
	}
	file := filepath.FromSlash(name)
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(at), file)
	}
	if !l.confine(file, from, "configPath") {
		return ""
	}
	if info, err := l.boundary.Stat(file); err != nil || !info.Mode().IsRegular() {
		l.refuse(from, fmt.Sprintf("it names %s, which does not exist", l.display(file)),
			"run the build again, or remove this file")
		return ""
	}
	l.notice(from, fmt.Sprintf("the build generated %s, which is used, as with wrangler", l.display(file)), "")
	return file
}

// sourceOf returns the file from which a build tool generated a wrangler file, nil if it is not in
// the project. The tool records an absolute path. An artifact that another machine built names a
// path that does not exist here. Then sourceOf returns the file of that name in the project.
func (l *loader) sourceOf(generated string, top *tree.Table) *tree.Source {
	text := func(member string) string {
		if n := top.Get(member); n != nil {
			s, _ := n.Value.(string)
			return s
		}
		return ""
	}
	recorded := cmp.Or(text("userConfigPath"), text("configPath"))
	if recorded == "" {
		return nil
	}
	abs := filepath.FromSlash(recorded)
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(filepath.Dir(generated), abs)
	}
	for _, file := range []string{abs, filepath.Join(l.root, filepath.Base(abs))} {
		if file == generated {
			continue
		}
		name := l.display(file)
		if source, err := tree.Parse(name, l.files.readSmall(file)); err == nil && len(source.Names) > 0 {
			return tree.NewSource(name, source, text("targetEnvironment"))
		}
	}
	return nil
}

// checkEnvironment refuses an environment other than that of a generated file. Such a file has the
// sections of one environment, so there is nothing to choose in it.
func (l *loader) checkEnvironment(top *tree.Table, env value) {
	n := top.Get("targetEnvironment")
	if n == nil || env.text == "" {
		return
	}
	if built, _ := n.Value.(string); built != "" && built != env.text {
		l.refuse(env.from, fmt.Sprintf("the build was made for the environment %q, and not for %q", built, env.text),
			fmt.Sprintf("build again with CLOUDFLARE_ENV=%s, or choose %s", env.text, built))
	}
}

// checkBuilt refuses a project whose build has not run, if the build tool decides which code is
// deployed.
func (l *loader) checkBuilt() {
	s := l.s
	main, at := s.Code.Main, s.origins["worker"]
	if at.file && (strings.Contains(main, ":") || strings.HasPrefix(main, "@")) && !l.files.isFile(l.resolve(main)) {
		l.refuse(at, fmt.Sprintf("main is %.80q, a module that only the build tool knows", main), l.buildFirst())
	}
}
