package tails

import (
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// socketPath is the path of a tail's WebSocket, before its id. The id is the only credential:
// wrangler sends no token there.
const socketPath = "/tails/"

// protocol is the protocol of the WebSocket: each event is a text message in JSON.
const protocol = "trace-v1"

// Connect handles the WebSockets of tails. It returns when the tail has ended or its client
// has disconnected.
func (ts *Tails) Connect(w http.ResponseWriter, r *http.Request) {
	ts.mu.Lock()
	t := ts.open[r.PathValue("tail")]
	ts.mu.Unlock()
	if t == nil {
		http.Error(w, "there is no such tail", http.StatusNotFound)
		return
	}
	upgrader := ws.HTTPUpgrader{Protocol: func(name string) bool { return name == protocol }}
	conn, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		return // Upgrade has answered
	}
	defer conn.Close() //nolint:errcheck // nothing waits for it
	t.stream(conn, buffered.Reader)
}

// Pattern is the pattern of Connect.
const Pattern = "GET " + socketPath + "{tail}"

// writeLimit is the time that a client has to read a message.
const writeLimit = 10 * time.Second

// stream sends events until the tail or the connection ends.
func (t *tail) stream(conn net.Conn, in io.Reader) {
	replies, gone := make(chan ws.Frame), make(chan struct{})
	done := make(chan struct{})
	defer close(done)
	go func() {
		defer close(gone)
		receive(in, func(reply ws.Frame) {
			select {
			case replies <- reply:
			case <-done:
			}
		})
	}()
	for {
		var frame ws.Frame
		select {
		case event := <-t.events:
			frame = ws.NewTextFrame(event)
		case frame = <-replies:
		case <-t.ended:
			frame = ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
		case <-gone:
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeLimit))
		if ws.WriteFrame(conn, frame) != nil || frame.Header.OpCode == ws.OpClose {
			return
		}
	}
}

// maxFrame limits a message of the client, which is a setting or a ping.
const maxFrame = 64 << 10

// receive reads what the client sends, until it ends the connection. It passes the replies to
// pings and to a close on to reply. Other messages have no effect. Wrangler does not mask
// its messages, against RFC 6455, so receive accepts both forms.
func receive(in io.Reader, reply func(ws.Frame)) {
	for {
		header, err := ws.ReadHeader(in)
		if err != nil || header.Length > maxFrame {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		if header.Masked {
			ws.Cipher(payload, header.Mask, 0)
		}
		switch header.OpCode {
		case ws.OpPing:
			reply(ws.NewPongFrame(payload))
		case ws.OpClose:
			reply(ws.NewCloseFrame(payload))
			return
		}
	}
}
