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

	"github.com/kv-sync/kv-sync/internal/atomicfile"
)

// KeptDeliveries is how many webhook deliveries are kept.
const KeptDeliveries = 10_000

// Deliveries stores the ids of accepted webhook deliveries, so that a repeated one has
// no effect. Its methods are safe for concurrent use.
//
// Ids are appended to a file. They are not synced to disk: after a power failure a
// forgotten id costs one superfluous poll.
type Deliveries struct {
	mu    sync.Mutex
	file  *os.File
	path  string
	lines int
	known map[delivery]bool
	ring  []delivery // once full, the oldest is at next
	next  int
}

// delivery is the hash of an id, which the sender chooses.
type delivery [12]byte

func deliveryOf(id string) delivery {
	sum := sha256.Sum256([]byte(id))
	return delivery(sum[:12])
}

// newDeliveries returns an empty list. Nothing can be remembered before open.
func newDeliveries(path string) *Deliveries {
	return &Deliveries{path: path, known: map[delivery]bool{}}
}

// open reads the file. It ignores invalid lines.
func (d *Deliveries) open() error {
	f, err := os.Open(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open the list of deliveries: %w", err)
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
	return d.rewrite()
}

// Seen reports whether a delivery was accepted before.
func (d *Deliveries) Seen(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[deliveryOf(id)]
}

// Remember stores the id of an accepted delivery.
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
		return fmt.Errorf("store a delivery: %w", err)
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

// rewrite replaces the file by the ids that are kept, the oldest first.
func (d *Deliveries) rewrite() error {
	var b strings.Builder
	for i := range d.ring {
		b.WriteString(hex.EncodeToString(d.ring[(d.next+i)%len(d.ring)][:]) + "\n")
	}
	if err := atomicfile.Write(d.path, []byte(b.String()), 0o600); err != nil {
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
func (d *Deliveries) Close() error {
	if d.file == nil { // it was never opened
		return nil
	}
	return d.file.Close()
}
