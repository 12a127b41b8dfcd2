package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"time"
)

//go:embed pages/*.html
var files embed.FS

var (
	//go:embed pages/style.css
	style []byte
	//go:embed pages/icon.svg
	icon []byte
)

// pages are the templates by name, each within the layout.
var pages = parsePages("login", "sites", "site", "rollback", "message")

func parsePages(names ...string) map[string]*template.Template {
	layout := template.Must(template.New("layout").Funcs(template.FuncMap{"style": stylePath}).ParseFS(files, "pages/layout.html"))
	all := make(map[string]*template.Template)
	for _, name := range names {
		page := template.Must(layout.Clone())
		all[name] = template.Must(page.ParseFS(files, "pages/"+name+".html"))
	}
	return all
}

// stylePath changes with the style, which a browser may therefore keep.
func stylePath() string {
	sum := sha256.Sum256(style)
	return "/style.css?" + hex.EncodeToString(sum[:6])
}

// screen is what every page is made of.
type screen struct {
	Title string
	// Notice is something that was done, Alert something that was not.
	Notice, Alert string
	Main          any

	// The rest is filled in by show. User is "" where nobody is logged in.
	User, Token string
	Now         moment
	Clock       string
}

// toldView is a page that only says something.
type toldView struct{ Text, Back, BackText string }

// show answers with a page.
func (p *page) show(w http.ResponseWriter, r *request, code int, name string, s screen) {
	now := p.now()
	s.Now, s.Clock = at(now, now), now.UTC().Format(time.TimeOnly)
	s.Title, s.Alert = visible(s.Title, maxName), visibleLines(s.Alert)
	if r.session != nil {
		s.User, s.Token = visible(p.user, maxName), r.session.token
		if r.Method == http.MethodGet && s.Notice == "" {
			what := p.sessions.hear(r.session)
			s.Notice = what.text
			if what.soon {
				w.Header().Set("Refresh", reloadAfter)
			}
		}
	}
	var b bytes.Buffer
	if err := pages[name].Execute(&b, s); err != nil {
		p.log.Error("admin: a page cannot be shown", "page", name, "error", err)
		http.Error(w, "This page cannot be shown: see the daemon's log.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // whoever asked may have gone
}

// tell answers with a sentence, and the way back to a site or to all.
func (p *page) tell(w http.ResponseWriter, r *request, code int, title, text, site string) {
	v := toldView{Text: visibleLines(text), Back: "/", BackText: "All sites"}
	if site != "" {
		v.Back, v.BackText = sitePath(site), "Back to "+visible(site, maxName)
	}
	p.show(w, r, code, "message", screen{Title: title, Main: v})
}

// asset serves a file that tells nothing of the sites, so a browser may keep it.
func asset(content []byte, contentType string) func(http.ResponseWriter, *request) {
	return func(w http.ResponseWriter, _ *request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "private, max-age=86400")
		_, _ = w.Write(content)
	}
}
