package platform

import (
	"errors"
	"net"
	"syscall"
)

// earlyAnswer is a connection to workerd. A Worker may answer without reading
// what is sent to it, a 405 to an upload say; workerd then answers and hangs up.
// The rest of the body has nowhere to go, but the answer is there to be read: so
// what is written to a peer that has hung up counts as written. One that hung up
// without an answer is noticed by whoever reads.
type earlyAnswer struct{ net.Conn }

func (c earlyAnswer) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return len(b), nil
	}
	return n, err
}
