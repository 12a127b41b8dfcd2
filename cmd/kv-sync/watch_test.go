package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// awaitfile FILE REGEXP waits until a line of the file matches.
func awaitFile(ts *testscript.TestScript, neg bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[1])
	var b []byte
	if !eventually(func() bool {
		b, _ = os.ReadFile(ts.MkAbs(args[0]))
		return want.Match(b)
	}) {
		ts.Fatalf("%s has no line %s:\n%s", args[0], args[1], b)
	}
}

// shows SITE PATH TEXT waits until a page of the local platform contains the text. "! shows" waits
// until it does not.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	last := ""
	awaitAnswer(ts, args[0], args[1], func(a answer) bool {
		last = a.body
		return strings.Contains(a.body, args[2]) != neg
	}, &last)
}

// showsheader SITE PATH NAME VALUE waits until the response has the header.
func showsHeader(ts *testscript.TestScript, neg bool, args []string) {
	last := ""
	awaitAnswer(ts, args[0], args[1], func(a answer) bool {
		last = a.header.Get(args[2])
		return (last == args[3]) != neg
	}, &last)
}

// awaitAnswer requests a page of the local platform until the response satisfies enough.
func awaitAnswer(ts *testscript.TestScript, site, path string, enough func(answer) bool, last *string) {
	if eventually(func() bool {
		url := localURL(ts, site)
		if url == "" {
			return false
		}
		a, err := get(url + path)
		return err == nil && enough(a) // an error means that the platform is starting or ending
	}) {
		return
	}
	out, _ := os.ReadFile(ts.MkAbs("out.txt"))
	log, _ := os.ReadFile(ts.MkAbs("err.txt"))
	ts.Fatalf("%s%s never had the expected response; the last one was %q\n%s%s", site, path, *last, out, log)
}

// localURL returns the address of a site on the running local platform, or "".
func localURL(ts *testscript.TestScript, site string) string {
	b, err := os.ReadFile(devFile(ts))
	if err != nil {
		return ""
	}
	var at struct{ API, Control string }
	if json.Unmarshal(b, &at) != nil {
		return ""
	}
	req, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(at.API, "/client/v4")+"/__platform/sites", http.NoBody)
	ts.Check(err)
	req.Header.Set(platform.ControlHeader, at.Control)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	var sites map[string]string
	_ = json.NewDecoder(res.Body).Decode(&sites)
	return sites[site]
}
