package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// crawl sends the same requests to two sites, and collects the differences of the answers.
type crawl struct {
	t            *testing.T
	ours, theirs string // addresses without a slash at the end
	asked        int
	lostPage     string      // the site's 404.html, if the configuration does not name it
	statuses     map[int]int // of the answers of theirs
	differences  []string
}

// pathnames returns the pathnames that concern a file of a site: its own, other spellings, and
// those that html_handling makes of it.
func pathnames(file string) []string {
	var escaped []string
	for _, part := range strings.Split(file, "/") {
		escaped = append(escaped, url.PathEscape(part))
	}
	own := "/" + strings.Join(escaped, "/")
	all := []string{own, "/" + own, own + "/", own + "?q=1", own + "x", strings.ToUpper(own)}
	if page, ok := strings.CutSuffix(own, ".html"); ok {
		all = append(all, page, page+"/", page+"/missing")
	}
	if folder, ok := strings.CutSuffix(own, "/index.html"); ok && folder != "" {
		all = append(all, folder, folder+"/", folder+"/missing.js")
	}
	return all
}

// doubleIndex matches pathnames whose redirects kv-sync shortens (docs/serving.md).
var doubleIndex = regexp.MustCompile(`/index/(index|missing)?$`)

// paths returns the pathnames of the files, some that every site lacks, and others. Dotfiles are
// left out: kv-sync does not publish them.
func paths(files, others []string) []string {
	all := append([]string{"/", "/?q=1", "/missing", "/missing/", "/missing.js", "/api/missing", "/%zz", "/constructor"},
		others...)
	for _, file := range files {
		if !strings.HasPrefix(file, ".") && !strings.Contains(file, "/.") {
			all = append(all, pathnames(file)...)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), doubleIndex.MatchString)
}

// forms are the requests for each path. The header value "ETag" stands for the ETag of the same
// site's answer.
var forms = []struct {
	method string
	header map[string]string
}{
	{http.MethodGet, nil},
	{http.MethodHead, nil},
	{http.MethodGet, map[string]string{"Accept-Encoding": "gzip"}},
	{http.MethodGet, map[string]string{"Accept-Encoding": "br, gzip"}},
	{http.MethodGet, map[string]string{"If-None-Match": "ETag"}},
	{http.MethodGet, map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}},
	{http.MethodPost, nil},
}

// visit sends every form of request for a path.
func (c *crawl) visit(path string) {
	c.t.Helper()
	var tags [2]string
	for _, form := range forms {
		conditional := form.header["If-None-Match"] != ""
		if conditional && (tags[0] == "" || tags[1] == "") {
			continue
		}
		var answers [2]reply
		for i, site := range []string{c.ours, c.theirs} {
			header := maps.Clone(form.header)
			if conditional {
				header["If-None-Match"] = tags[i]
			}
			answers[i] = c.ask(site, form.method, path, header)
			if form.method == http.MethodGet && form.header == nil {
				tags[i] = answers[i].tag
			}
		}
		c.asked++
		c.statuses[answers[1].status]++
		ours, theirs := answers[0], answers[1]
		if ours.text() != theirs.text() && !c.lost(ours, theirs) {
			c.differences = append(c.differences, fmt.Sprintf("%s %s %v\n  kv-sync  %s\n  wrangler %s",
				form.method, path, form.header, ours.text(), theirs.text()))
		}
	}
}

// lost reports whether the answers differ because kv-sync uses the site's 404.html. wrangler uses
// it only if the configuration says so (docs/serving.md).
func (c *crawl) lost(ours, theirs reply) bool {
	return ours.status == http.StatusNotFound && theirs.status == http.StatusNotFound && theirs.body == "" &&
		len(theirs.header) == 0 && c.lostPage != "" && (ours.body == c.lostPage || ours.body == "")
}

// reply has the parts of an answer that can be compared.
type reply struct {
	status int
	header map[string][]string
	body   string
	tag    string // the ETag, which cannot be compared
}

func (r reply) text() string {
	text, err := json.Marshal([]any{r.status, r.header, r.body})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// raw leaves the encoding of an answer as it is.
var raw = &http.Transport{DisableCompression: true}

func (c *crawl) ask(site, method, path string, header map[string]string) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, site, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + path // keeps the spelling of path
	req.Header["Idempotency-Key"] = nil         // not sent; allows another attempt on a closed connection
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := raw.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	same := func(text string) string {
		return moment.ReplaceAllString(strings.ReplaceAll(text, req.URL.Host, "HOST"), "NOW")
	}
	headers := comparable(path, res)
	for _, values := range headers {
		for i := range values {
			values[i] = same(values[i])
		}
	}
	return reply{res.StatusCode, headers, same(string(b)), res.Header.Get("ETag")}
}

// moment matches a time in milliseconds, which pages that are rendered on request may have.
var moment = regexp.MustCompile(`\b1[0-9]{12}\b`)

// hashed matches a name with a hash, as docs/serving.md describes it.
var hashed = regexp.MustCompile(`\.[0-9a-f]{8,}\.`)

// comparable returns the headers of an answer without those of the connection, and without the
// differences that docs/serving.md lists.
func comparable(at string, res *http.Response) map[string][]string {
	h := map[string][]string(res.Header.Clone())
	for _, name := range []string{"Date", "Connection", "Last-Modified", "Accept-Ranges", "Allow"} {
		delete(h, name)
	}
	if res.Header.Get("ETag") != "" {
		h["Etag"] = []string{"a tag"}
	}
	if res.Header.Get("Content-Length") == "0" {
		delete(h, "Content-Length")
	}
	if res.StatusCode == http.StatusNotModified || res.Header.Get("Content-Type") == "application/octet-stream" {
		delete(h, "Content-Type")
	}
	if hashed.MatchString(path.Base(at)) {
		delete(h, "Cache-Control")
	}
	return h
}
