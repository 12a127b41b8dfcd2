package objects

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"sync"
)

var errCorrupt = errors.New("the object is corrupt; run git fsck")

// inflater reads one zlib stream. Its buffers, some 60 KiB, are reused for the next stream.
type inflater struct {
	in   *bufio.Reader
	zlib io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return &inflater{in: bufio.NewReaderSize(nil, 16<<10)} }}

// inflate starts to read a stream. The caller releases the inflater after use.
func inflate(r io.Reader) (*inflater, error) {
	z := inflaters.Get().(*inflater)
	z.in.Reset(r)
	var err error
	if z.zlib == nil {
		z.zlib, err = zlib.NewReader(z.in)
	} else {
		err = z.zlib.(zlib.Resetter).Reset(z.in, nil)
	}
	if err != nil {
		z.release()
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return z, nil
}

func (i *inflater) release() {
	i.in.Reset(nil)
	inflaters.Put(i)
}

// content reads the rest of a stream, which must have exactly left bytes.
type content struct {
	z      *inflater
	left   int64
	closer io.Closer // nil if there is none
}

// Read fails if the stream is shorter or longer than the object's header says.
func (c *content) Read(p []byte) (int, error) {
	if c.z == nil {
		return 0, errors.New("read after close")
	}
	if c.left == 0 {
		// Reading to the end also verifies the checksum of the stream.
		var none [1]byte
		switch n, err := io.ReadFull(c.z.zlib, none[:]); {
		case n > 0:
			return 0, errCorrupt
		case !errors.Is(err, io.EOF):
			return 0, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		return 0, io.EOF
	}
	n, err := c.z.zlib.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil && (c.left > 0 || !errors.Is(err, io.EOF)) {
		return n, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return n, nil
}

// Close may be called more than once, by one goroutine.
func (c *content) Close() error {
	if c.z == nil {
		return nil
	}
	c.z.release()
	c.z = nil
	if c.closer == nil {
		return nil
	}
	return c.closer.Close()
}
