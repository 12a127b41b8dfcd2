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

// pages are the templates by name, each with the layout.
var pages = parsePages("login", "sites", "site", "rollback", "message")

func parsePages(names ...string) map[string]*template.Template {
	layout := template.Must(template.New("layout").Funcs(template.FuncMap{"style": stylePath}).ParseFS(files,
		"pages/layout.html"))
	all := make(map[string]*template.Template)
	for _, name := range names {
		page := template.Must(layout.Clone())
		all[name] = template.Must(page.ParseFS(files, "pages/"+name+".html"))
	}
	return all
}

// stylePath changes with the style, so that browsers may cache it.
func stylePath() string {
	sum := sha256.Sum256(style)
	return "/style.css?" + hex.EncodeToString(sum[:6])
}

// screen is the data of a page.
type screen struct {
	Title string
	// Notice reports success, Alert a failure.
	Notice, Alert string
	Main          any

	// The rest is set by show. User is "" without a login.
	User, Token string
	Now         moment
	Clock       string
}

// messageView is a page with only a text.
type messageView struct{ Text, Back, BackText string }

// show renders a page.
func (p *page) show(w http.ResponseWriter, r *request, code int, name string, s screen) {
	now := p.now()
	s.Now, s.Clock = at(now, now), now.UTC().Format(time.TimeOnly)
	s.Title, s.Alert = visible(s.Title, maxName), visibleLines(s.Alert)
	if r.session != nil {
		s.User, s.Token = visible(p.user, maxName), r.session.token
		if r.Method == http.MethodGet && s.Notice == "" {
			n := p.sessions.takeNotice(r.session)
			s.Notice = n.text
			if n.reload {
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
	_, _ = w.Write(b.Bytes()) // the browser may have gone
}

// message is the content of a page with only a text. site is "" for none.
type message struct{ title, text, site string }

// message renders a text with a link back to a site, or to all sites for "".
func (p *page) message(w http.ResponseWriter, r *request, code int, m message) {
	v := messageView{Text: visibleLines(m.text), Back: "/", BackText: "All sites"}
	if m.site != "" {
		v.Back, v.BackText = sitePath(m.site), "Back to "+visible(m.site, maxName)
	}
	p.show(w, r, code, "message", screen{Title: m.title, Main: v})
}

// asset serves a static file, which browsers may cache.
func asset(content []byte, contentType string) func(http.ResponseWriter, *request) {
	return func(w http.ResponseWriter, _ *request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "private, max-age=86400")
		_, _ = w.Write(content)
	}
}
