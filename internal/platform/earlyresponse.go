package platform

import (
	"errors"
	"net"
	"syscall"
)

// earlyResponse is a connection to workerd. A Worker may answer without reading the
// request's body, for example an upload with a 405. workerd then sends the answer and
// closes the connection. Writing the rest of the body fails, but the answer can be
// read. So writes to a closed connection count as successful. If there is no answer,
// the read fails.
type earlyResponse struct{ net.Conn }

func (c earlyResponse) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return len(b), nil
	}
	return n, err
}
