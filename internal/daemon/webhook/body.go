package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// MaxBody is the largest accepted body. GitHub and GitLab send nothing larger
// ("Payloads are capped at 25 MB",
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap).
const MaxBody = 25 << 20

// A body is in memory until its signature is checked, so the number of slots bounds
// the memory: about 120 MiB under attack. A push has some kilobytes. Large bodies
// have their own slots, so that senders of large bodies cannot block small ones.
const (
	smallBody   = 1 << 20
	smallBodies = 64
	largeBodies = 2
)

// bodies limits how many bodies are read at once, and for how long.
type bodies struct {
	small, large *slots
	time         time.Duration
}

func newBodies(t time.Duration) *bodies {
	return &bodies{small: newSlots(smallBodies), large: newSlots(largeBodies), time: t}
}

var (
	errTooLarge  = errors.New("the body is larger than 25 MiB")
	errNoSlot    = errors.New("too many deliveries at once")
	errTooSlow   = errors.New("the body took too long to arrive")
	errTruncated = errors.New("the body ended early")
)

// read reads a request's whole body. The caller must call release when it no
// longer needs the body, also after an error.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	if r.ContentLength > MaxBody {
		return nil, func() {}, errTooLarge
	}
	slots := b.small
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		slots = b.large
	}
	// Without a deadline a sender could hold a slot for ever.
	control := http.NewResponseController(w)
	reader := &slotReader{cutOff: func() { _ = control.SetReadDeadline(time.Unix(1, 0)) }}
	ctx, cancel := context.WithTimeout(r.Context(), b.time)
	defer cancel()
	if err := control.SetReadDeadline(time.Now().Add(b.time)); err != nil {
		return nil, func() {}, err
	}
	if err := slots.take(ctx, reader); err != nil {
		return nil, func() {}, err
	}
	release = slots.release
	defer slots.end(reader)
	length := r.ContentLength
	if length < 0 {
		length = MaxBody
	}
	var buf bytes.Buffer
	buf.Grow(int(length) + bytes.MinRead) // so that growing never holds two copies
	_, err = buf.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, release, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded) && slots.wasCutOff(reader):
		return nil, release, errNoSlot
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, release, errTooSlow
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, release, errTruncated
	case err != nil:
		return nil, release, err
	}
	slots.end(reader) // from here on nothing sets the deadline
	return buf.Bytes(), release, control.SetReadDeadline(time.Time{})
}
