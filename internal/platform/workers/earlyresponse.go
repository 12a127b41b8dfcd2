package workers

import (
	"errors"
	"net"
	"syscall"
)

// earlyResponse is a connection to workerd that ignores failed writes. A Worker may respond
// without reading the request's body, for example to an upload with a 405. workerd then
// sends the response and closes the connection. Writing the rest of the body fails, but the
// response can still be read. If there is no response, the read fails.
type earlyResponse struct{ net.Conn }

func (r earlyResponse) Write(b []byte) (int, error) {
	n, err := r.Conn.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return len(b), nil
	}
	return n, err
}
