package webhook

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The largest body is taken, and one byte more is not, whether or not its length
// is told.
func TestBodyCap(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	body = append(body, bytes.Repeat([]byte(" "), MaxBody-len(body))...)
	if code, text := r.send("/github", body, github(githubSecret, body, "push", "1")...); code != http.StatusAccepted {
		t.Errorf("%d bytes: %d %s", len(body), code, text)
	}
	body = append(body, ' ')
	if code, text := r.send("/github", body, github(githubSecret, body, "push", "2")...); code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes: %d %s", len(body), code, text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/github", io.NopCloser(bytes.NewReader(body))) // chunked
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range github(githubSecret, body, "push", "3") {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := r.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes in chunks: %d", len(body), res.StatusCode)
	}
	if n := len(r.pushes()); n != 1 {
		t.Errorf("%d pushes", n)
	}
}

// raw opens a connection and writes a request's head.
func (r *receiver) raw(length int) net.Conn {
	r.t.Helper()
	var d net.Dialer
	c, err := d.DialContext(r.t.Context(), "tcp", r.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "POST /github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n{", strings.Repeat("0", 64), length)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func status(t *testing.T, c net.Conn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("HTTP/1.1 408"))
	if _, err := io.ReadFull(c, line); err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// A stranger who sends nothing is sent away, and one who claims to send much takes
// no place from those who send little.
func TestSlowBodies(t *testing.T) {
	patient := receive(t, Options{BodyTime: 2 * time.Minute}) // which a body without a place would wait
	for range largeBodies + 1 {
		patient.raw(MaxBody)
	}
	for len(patient.handler.bodies.large) < largeBodies && t.Context().Err() == nil {
		time.Sleep(time.Millisecond) // until each place is taken
	}
	body := fixture(t, "github-push.json")
	if code, text := patient.send("/github", body, github(githubSecret, body, "push", "1")...); code != http.StatusAccepted {
		t.Errorf("%d %s", code, text)
	}

	r := receive(t, Options{BodyTime: 200 * time.Millisecond})
	var slow []net.Conn
	for range largeBodies + 1 {
		slow = append(slow, r.raw(MaxBody))
	}
	answers := map[string]int{}
	for _, c := range slow {
		answers[status(t, c)]++
	}
	// The one without a place is turned away at about the moment at which the
	// others' time is up.
	if answers["HTTP/1.1 408"] < largeBodies || answers["HTTP/1.1 408"]+answers["HTTP/1.1 503"] != largeBodies+1 {
		t.Error(answers)
	}
	small := r.raw(10)
	if s := status(t, small); s != "HTTP/1.1 408" {
		t.Error(s)
	}
}

// occupy takes all places, of which none may be taken.
func occupy(t *testing.T, places chan struct{}) {
	t.Helper()
	for i := range cap(places) {
		select {
		case places <- struct{}{}:
		default:
			t.Fatalf("%d of %d places are not free", cap(places)-i, cap(places))
		}
	}
}

// No more bodies are held at once than there are places, and each place is given
// back, however the delivery ends.
func TestPlaces(t *testing.T) {
	r := receive(t, Options{})
	small := fixture(t, "github-push.json")
	large := append(bytes.Clone(small), bytes.Repeat([]byte(" "), smallBody)...)
	n := 0
	check := func(body []byte, secret string, want int) {
		t.Helper()
		n++
		r.handler.bodies.time = time.Hour
		if want == http.StatusServiceUnavailable { // which it is however long it waits
			r.handler.bodies.time = 10 * time.Millisecond
		}
		if code, text := r.send("/github", body, github(secret, body, "push", fmt.Sprint(n))...); code != want {
			t.Errorf("%d %s, not %d", code, text, want)
		}
	}
	occupy(t, r.handler.bodies.large)
	check(large, githubSecret, http.StatusServiceUnavailable)
	check(small, githubSecret, http.StatusAccepted)
	<-r.handler.bodies.large
	for range 3 {
		check(large, githubSecret, http.StatusAccepted)
		check(large, "guess", http.StatusUnauthorized)
	}
	occupy(t, r.handler.bodies.small)
	check(small, githubSecret, http.StatusServiceUnavailable)
	<-r.handler.bodies.small
	for range 3 {
		check(small, githubSecret, http.StatusAccepted)
		check(small, "guess", http.StatusUnauthorized)
	}
}

// A body whose length is not known in advance may be as large as any, and memory
// is made ready for that: it takes the place of a large one.
func TestBodyOfUnknownLengthIsLarge(t *testing.T) {
	r := receive(t, Options{BodyTime: time.Second})
	occupy(t, r.handler.bodies.large)
	body := fixture(t, "github-push.json")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/github", io.NopCloser(bytes.NewReader(body))) // chunked
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range github(githubSecret, body, "push", "1") {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := r.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("where no large body has a place: %d", res.StatusCode)
	}
}

// Without a deadline nothing would end a slow body, so nothing is read.
func TestNoDeadline(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/github", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for _, h := range github(githubSecret, body, "push", "1") {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusServiceUnavailable || len(r.pushes()) != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A body that ends early is no body.
func TestBodyCutShort(t *testing.T) {
	r := receive(t, Options{})
	c := r.raw(10)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if s := status(t, c); s != "HTTP/1.1 400" {
		t.Error(s)
	}
}
