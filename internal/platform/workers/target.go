package workers

import (
	"bytes"
	"net"
	"net/http"
	"strings"
)

// targetHeader has the request target as the visitor sent it. visitorConn puts it before all
// headers of the visitor, so its first value cannot come from the visitor.
const targetHeader = "Kv-Sync-Request-Target"

// longestLine bounds a request line. A longer one is passed on as it is; the server refuses it.
const longestLine = 64 << 10

// visitors accepts connections on which Workers see request targets as they were sent. net/http
// refuses a target with an invalid escape (/100%.txt), and changes the escapes of others (/a|b);
// Cloudflare does neither.
type visitors struct{ net.Listener }

func (v visitors) Accept() (net.Conn, error) {
	conn, err := v.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &visitorConn{Conn: conn, atStart: true}, nil
}

// serve serves connections of visitors.
func serve(listener net.Listener, handler *http.Server) {
	handler.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateIdle { // the next line that the server reads is a request line
			conn.(*visitorConn).atStart = true
		}
	}
	handler.Serve(visitors{listener}) //nolint:errcheck // it returns when the server is closed
}

// visitorConn makes each request line one that net/http accepts, and adds targetHeader. Only
// the goroutine that serves the connection uses its fields.
type visitorConn struct {
	net.Conn
	atStart bool   // what is read next begins with a request line
	line    []byte // the beginning of a request line that is not complete
	ready   []byte // what Read returns next
}

func (c *visitorConn) Read(p []byte) (int, error) {
	for {
		if len(c.ready) > 0 {
			n := copy(p, c.ready)
			c.ready = c.ready[n:]
			return n, nil
		}
		n, err := c.Conn.Read(p)
		if !c.atStart || n == 0 && len(c.line) == 0 {
			return n, err
		}
		c.line = append(c.line, p[:n]...)
		end := bytes.IndexByte(c.line, '\n')
		switch {
		case end >= 0:
			c.ready = append(requestLine(c.line[:end+1]), c.line[end+1:]...)
		case len(c.line) > longestLine:
			c.ready = c.line
		case err != nil:
			return 0, err // after a timeout, the rest of the line may still come
		default:
			continue
		}
		c.line, c.atStart = nil, false
	}
}

// CloseWrite lets the server close the connection without losing its last response.
func (c *visitorConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return nil
}

// requestLine returns a request line that net/http accepts, followed by targetHeader. It
// returns any other line unchanged.
func requestLine(line []byte) []byte {
	method, rest, _ := strings.Cut(string(line), " ")
	target, version, found := strings.Cut(rest, " ")
	if !found || !strings.HasPrefix(version, "HTTP/1.") || !strings.HasPrefix(target, "/") {
		return line
	}
	path, query, _ := strings.Cut(target, "?")
	accepted := escapeInvalid(path)
	if len(target) > len(path) {
		accepted += "?" + query
	}
	return []byte(method + " " + accepted + " " + version + targetHeader + ": " + target + "\r\n")
}

// escapeInvalid escapes each "%" of a path that does not begin an escape.
func escapeInvalid(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	isHex := func(at int) bool {
		return at < len(path) && strings.IndexByte("0123456789abcdefABCDEF", path[at]) >= 0
	}
	var b strings.Builder
	for i := range len(path) {
		b.WriteByte(path[i])
		if path[i] == '%' && (!isHex(i+1) || !isHex(i+2)) {
			b.WriteString("25")
		}
	}
	return b.String()
}

// asSent gives a request that is passed on the target that the visitor sent.
func asSent(out *http.Request) {
	target := out.Header.Get(targetHeader)
	out.Header.Del(targetHeader)
	if target == "" || strings.HasPrefix(target, "//") { // net/http would read it as a host
		return
	}
	var query bool
	out.URL.Opaque, out.URL.RawQuery, query = strings.Cut(target, "?")
	out.URL.ForceQuery = query && out.URL.RawQuery == ""
}
