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

// The largest body is accepted. One byte more is refused, with or without a
// Content-Length.
func TestBodyCap(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	body = append(body, bytes.Repeat([]byte(" "), MaxBody-len(body))...)
	if code, text := r.send("/github", body, githubPush(body, "1")...); code != http.StatusAccepted {
		t.Errorf("%d bytes: %d %s", len(body), code, text)
	}
	body = append(body, ' ')
	if code, text := r.send("/github", body, githubPush(body, "2")...); code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes: %d %s", len(body), code, text)
	}
	if code, text := r.sendChunked("/github", body, githubPush(body, "3")...); code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes in chunks: %d %s", len(body), code, text)
	}
	if n := len(r.pushes()); n != 1 {
		t.Errorf("%d pushes", n)
	}
}

// raw opens a connection and writes a request's head and one byte of its body.
func (r *receiver) raw(length int) net.Conn {
	r.t.Helper()
	var d net.Dialer
	c, err := d.DialContext(r.t.Context(), "tcp", r.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "POST /github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"X-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n{", strings.Repeat("0", 64), length)
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

// A sender that stalls is cut off, and stalled large bodies do not block small ones.
func TestSlowBodies(t *testing.T) {
	patient := receive(t, Options{BodyTime: 2 * time.Minute}) // how long a body without a slot waits
	for range largeBodies + 1 {
		patient.raw(MaxBody)
	}
	for len(patient.handler.bodies.large.taken) < largeBodies && t.Context().Err() == nil {
		time.Sleep(time.Millisecond) // until each slot is taken
	}
	body := fixture(t, "github-push.json")
	if code, text := patient.send("/github", body, githubPush(body, "1")...); code != http.StatusAccepted {
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
	// The body without a slot times out together with the others.
	if answers["HTTP/1.1 408"] < largeBodies || answers["HTTP/1.1 408"]+answers["HTTP/1.1 503"] != largeBodies+1 {
		t.Error(answers)
	}
	small := r.raw(10)
	if s := status(t, small); s != "HTTP/1.1 408" {
		t.Error(s)
	}
}

// Slow senders without a signature do not delay others, in any number, for large and small
// bodies.
func TestSlowSendersDelayNobody(t *testing.T) {
	r := receive(t, Options{BodyTime: time.Hour}) // no slow body times out during the test
	for range 200 {
		r.raw(10)
	}
	for range largeBodies + 1 {
		r.raw(MaxBody)
	}
	full := func() bool {
		return len(r.handler.bodies.small.taken) == smallBodies && len(r.handler.bodies.large.taken) == largeBodies
	}
	for !full() && t.Context().Err() == nil {
		time.Sleep(time.Millisecond) // until each slot is taken
	}
	body := fixture(t, "github-push.json")
	large := append(bytes.Clone(body), bytes.Repeat([]byte(" "), smallBody)...)
	for i := range 50 {
		for name, b := range map[string][]byte{"small": body, "large": large} {
			if code, text := r.send("/github", b, githubPush(b, fmt.Sprint(name, i))...); code != http.StatusAccepted {
				t.Errorf("%s %d: %d %s", name, i, code, text)
			}
		}
	}
}

// occupy takes all slots. It fails the test if one is taken already.
func occupy(t *testing.T, slots chan struct{}) {
	t.Helper()
	for i := range cap(slots) {
		select {
		case slots <- struct{}{}:
		default:
			t.Fatalf("%d of %d slots are taken", cap(slots)-i, cap(slots))
		}
	}
}

// No more bodies are read at once than there are slots. Each slot is released,
// whatever the result.
func TestSlots(t *testing.T) {
	r := receive(t, Options{})
	small := fixture(t, "github-push.json")
	large := append(bytes.Clone(small), bytes.Repeat([]byte(" "), smallBody)...)
	n := 0
	check := func(body []byte, secret string, want int) {
		t.Helper()
		n++
		r.handler.bodies.time = time.Hour
		if want == http.StatusServiceUnavailable { // at any waiting time
			r.handler.bodies.time = 10 * time.Millisecond
		}
		if code, text := r.send("/github", body, github(secret, body, "push", fmt.Sprint(n))...); code != want {
			t.Errorf("%d %s, not %d", code, text, want)
		}
	}
	occupy(t, r.handler.bodies.large.taken)
	check(large, githubSecret, http.StatusServiceUnavailable)
	check(small, githubSecret, http.StatusAccepted)
	<-r.handler.bodies.large.taken
	for range 3 {
		check(large, githubSecret, http.StatusAccepted)
		check(large, "guess", http.StatusUnauthorized)
	}
	occupy(t, r.handler.bodies.small.taken)
	check(small, githubSecret, http.StatusServiceUnavailable)
	<-r.handler.bodies.small.taken
	for range 3 {
		check(small, githubSecret, http.StatusAccepted)
		check(small, "guess", http.StatusUnauthorized)
	}
}

// A body of unknown length takes a large slot, because memory for the largest body
// is reserved.
func TestBodyOfUnknownLengthIsLarge(t *testing.T) {
	r := receive(t, Options{BodyTime: time.Second})
	occupy(t, r.handler.bodies.large.taken)
	body := fixture(t, "github-push.json")
	if code, text := r.sendChunked("/github", body, githubPush(body, "1")...); code != http.StatusServiceUnavailable {
		t.Errorf("without a free large slot: %d %s", code, text)
	}
}

// A connection without read deadlines is refused: nothing would end a slow body.
func TestNoDeadline(t *testing.T) {
	r := receive(t, Options{})
	body := fixture(t, "github-push.json")
	req := request(t, "/github", bytes.NewReader(body), githubPush(body, "1")...)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusServiceUnavailable || len(r.pushes()) != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A truncated body is refused.
func TestTruncatedBody(t *testing.T) {
	r := receive(t, Options{})
	c := r.raw(10)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if s := status(t, c); s != "HTTP/1.1 400" {
		t.Error(s)
	}
}
