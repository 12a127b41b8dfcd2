package daemon

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/wholefile"
)

// KeptDeliveries is how many deliveries of webhooks are remembered.
const KeptDeliveries = 10_000

// Deliveries remembers which webhooks came already, so that one that is sent again
// does nothing. Its methods are safe for concurrent use.
//
// It lies in a file that lines are added to. They are not forced to the disk: what
// a power cut takes is one look at a branch that need not have been.
type Deliveries struct {
	mu    sync.Mutex
	file  *os.File
	path  string
	lines int
	known map[delivery]bool
	ring  []delivery // in the order of their coming
	next  int
}

// delivery is a hash: ids are the sender's to choose.
type delivery [12]byte

func deliveryOf(id string) delivery {
	sum := sha256.Sum256([]byte(id))
	return delivery(sum[:12])
}

// openDeliveries reads the file, in which lines that are none do not count.
func openDeliveries(path string) (*Deliveries, error) {
	d := &Deliveries{path: path, known: map[delivery]bool{}}
	f, err := os.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the list of deliveries: %w", err)
	}
	if err == nil {
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			var id delivery
			if n, err := hex.Decode(id[:], lines.Bytes()[:min(len(lines.Bytes()), 2*len(id))]); err == nil && n == len(id) {
				d.remember(id)
			}
		}
		_ = f.Close()
	}
	return d, d.rewrite()
}

// Seen reports whether a delivery came already.
func (d *Deliveries) Seen(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[deliveryOf(id)]
}

// Remember notes that a delivery has done what it was for.
func (d *Deliveries) Remember(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := deliveryOf(id)
	if d.known[key] {
		return nil
	}
	d.remember(key)
	if d.lines >= 2*KeptDeliveries {
		return d.rewrite()
	}
	d.lines++
	if _, err := d.file.WriteString(hex.EncodeToString(key[:]) + "\n"); err != nil {
		return fmt.Errorf("note a delivery: %w", err)
	}
	return nil
}

func (d *Deliveries) remember(id delivery) {
	if d.known[id] {
		return
	}
	d.known[id] = true
	if len(d.ring) < KeptDeliveries {
		d.ring = append(d.ring, id)
		return
	}
	delete(d.known, d.ring[d.next])
	d.ring[d.next] = id
	d.next = (d.next + 1) % KeptDeliveries
}

// rewrite writes what is remembered, the oldest first.
func (d *Deliveries) rewrite() error {
	var b strings.Builder
	for i := range d.ring {
		b.WriteString(hex.EncodeToString(d.ring[(d.next+i)%len(d.ring)][:]) + "\n")
	}
	if err := wholefile.Write(d.path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the list of deliveries: %w", err)
	}
	f, err := os.OpenFile(d.path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the list of deliveries: %w", err)
	}
	if d.file != nil {
		_ = d.file.Close()
	}
	d.file, d.lines = f, len(d.ring)
	return nil
}

// Close closes the file.
func (d *Deliveries) Close() error { return d.file.Close() }
