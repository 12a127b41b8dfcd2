package workers

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// readerConn is a connection on which a visitor sends the text of a reader.
type readerConn struct {
	net.Conn
	io.Reader
}

func (c readerConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func TestRequestLines(t *testing.T) {
	long := strings.Repeat("x", longestLine+1)
	for sent, want := range map[string]string{
		"GET /100% HTTP/1.1\r\nA: %\r\n": "GET /100%25 HTTP/1.1\r\nKv-Sync-Request-Target: /100%\r\nA: %\r\n",
		"GET /%4G?% HTTP/1.0\r\n":        "GET /%254G?% HTTP/1.0\r\nKv-Sync-Request-Target: /%4G?%\r\n",
		"GET /%41% HTTP/1.1\r\n":         "GET /%41%25 HTTP/1.1\r\nKv-Sync-Request-Target: /%41%\r\n",
		"GET http://a/% HTTP/1.1\r\n":    "GET http://a/% HTTP/1.1\r\n",
		"GET /%":                         "",
		"":                               "",
		"\r\nGET / HTTP/1.1\r\n":         "\r\nGET / HTTP/1.1\r\n",
		"GET /% XTTP/1.1\r\n":            "GET /% XTTP/1.1\r\n",
		long:                             long,
		long + "\n":                      long + "\n",
	} {
		for _, reader := range []io.Reader{strings.NewReader(sent), iotest.OneByteReader(strings.NewReader(sent))} {
			got, err := io.ReadAll(&visitorConn{Conn: readerConn{Reader: reader}, atStart: true})
			if err != nil || string(got) != want {
				t.Errorf("%.40q: got %.80q, %v; want %.80q", sent, got, err, want)
			}
		}
	}
}
