package daemon

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// The log of a build keeps the beginning and the end of the output.
const (
	logHead = 1 << 20
	logTail = 256 << 10
)

// buildLog writes a build's output to a file, without secrets.
type buildLog struct {
	mu      sync.Mutex
	file    *os.File
	redact  func(string) string
	line    []byte // an incomplete line
	written int64
	omitted int64  // bytes after the head
	end     []byte // the newest bytes
}

func openBuildLog(name string, redact func(string) string) (*buildLog, error) {
	// A build may have left a symlink, which leads elsewhere, or a FIFO, which blocks.
	if err := os.RemoveAll(name); err != nil {
		return nil, fmt.Errorf("open the build's log: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the build's log: %w", err)
	}
	return &buildLog{file: f, redact: redact}, nil
}

var _ io.Writer = (*buildLog)(nil)

// longestLine is the length after which an incomplete line is written.
const longestLine = 64 << 10

// Write never fails, so that a full disk does not end a build. It writes whole
// lines, because a secret that arrives in two parts is only found in the line.
func (b *buildLog) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.line = append(b.line, p...)
	whole := bytes.LastIndexByte(b.line, '\n') + 1
	if len(b.line)-whole > longestLine {
		whole = len(b.line)
	}
	b.record(b.line[:whole])
	b.line = append(b.line[:0], b.line[whole:]...)
	return len(p), nil
}

func (b *buildLog) record(p []byte) {
	text := []byte(b.redact(string(p)))
	if free := logHead - b.written; free > 0 {
		head := text[:min(int64(len(text)), free)]
		n, _ := b.file.Write(head)
		b.written += int64(n)
		b.omitted -= int64(n)
	}
	b.omitted += int64(len(text))
	b.end = append(b.end, text...)
	if len(b.end) > 2*logTail {
		b.end = append([]byte(nil), b.end[len(b.end)-logTail:]...)
	}
}

// flush records an incomplete last line.
func (b *buildLog) flush() {
	b.record(b.line)
	b.line = nil
}

// Close writes the end of the output after the head.
func (b *buildLog) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	if b.omitted > 0 {
		end := b.end[max(0, int64(len(b.end))-min(b.omitted, logTail)):]
		if out := b.omitted - int64(len(end)); out > 0 {
			fmt.Fprintf(b.file, "\n… %d bytes are left out here …\n", out)
		}
		_, _ = b.file.Write(end)
	}
	return b.file.Close()
}

// tail returns the end of the output for an error message.
func (b *buildLog) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	const most, lines = 2 << 10, 15
	text := string(b.end[max(0, len(b.end)-most):])
	parts := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(parts[max(0, len(parts)-lines):], "\n")
}
