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

// MaxBody is the largest body that is taken. GitHub and GitLab send none that is
// larger ("Payloads are capped at 25 MB",
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap).
const MaxBody = 25 << 20

// Bodies are held until they are judged, so how many there may be at once is what
// bounds the memory: about 120 MiB when strangers do their worst. Pushes are some
// kilobytes, and large bodies have places of their own, so that those who claim
// to send much cannot keep out those who send little.
const (
	smallBody   = 1 << 20
	smallBodies = 64
	largeBodies = 2
)

// bodies hands out the places.
type bodies struct {
	small, large chan struct{}
	time         time.Duration
}

func newBodies(t time.Duration) *bodies {
	return &bodies{small: make(chan struct{}, smallBodies), large: make(chan struct{}, largeBodies), time: t}
}

var (
	errTooLarge = errors.New("the body is larger than 25 MiB")
	errNoPlace  = errors.New("too many deliveries at once")
	errTooSlow  = errors.New("the body took too long")
	errCutShort = errors.New("the body ended early")
)

// read reads a request's body whole. The caller calls done when it needs it no
// more, which it must also after an error.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, done func(), err error) {
	if r.ContentLength > MaxBody {
		return nil, func() {}, errTooLarge
	}
	place := b.small
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		place = b.large
	}
	ctx, cancel := context.WithTimeout(r.Context(), b.time)
	defer cancel()
	select {
	case place <- struct{}{}:
		done = func() { <-place }
	case <-ctx.Done():
		return nil, func() {}, errNoPlace
	}

	// Without a deadline a stranger holds a place for as long as it likes.
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(b.time)); err != nil {
		return nil, done, err
	}
	length := r.ContentLength
	if length < 0 {
		length = MaxBody
	}
	var buf bytes.Buffer
	buf.Grow(int(length) + bytes.MinRead) // as much as it needs at once, so that no copy is held while it grows
	_, err = buf.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, done, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, done, errTooSlow
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, done, errCutShort
	case err != nil:
		return nil, done, err
	}
	return buf.Bytes(), done, control.SetReadDeadline(time.Time{})
}
