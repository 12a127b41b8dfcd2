package webhook

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Each of a thousand deliveries is accepted once, though each is sent twice, beside
// a forged one, by 64 senders at a time.
func TestBurst(t *testing.T) {
	const deliveries, repositories, senders = 1000, 20, 64
	var mu sync.Mutex
	accepted := map[string]int{}
	again := make([]chan struct{}, deliveries) // closed when a delivery is sent again
	for id := range again {
		again[id] = make(chan struct{})
	}
	r := receive(t, Options{
		Hooks: []Hook{{Path: "/github", Forge: GitHub, Secrets: []string{githubSecret}}},
		Accept: func(_ context.Context, p Push) (bool, error) {
			id, err := strconv.Atoi(p.Delivery)
			if err != nil {
				return false, err
			}
			<-again[id]
			mu.Lock()
			defer mu.Unlock()
			accepted[p.Delivery+" "+Repository(p.Addresses[0])]++
			return true, nil
		},
	})
	r.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = senders

	fixture := fixture(t, "github-push.json")
	type job struct {
		id    int
		good  bool
		again bool
	}
	jobs := make(chan job)
	var took []time.Duration
	var senderGroup sync.WaitGroup
	for range senders {
		senderGroup.Go(func() {
			for j := range jobs {
				if j.again {
					close(again[j.id])
				}
				body := bytes.ReplaceAll(fixture, []byte("me/blog"), fmt.Appendf(nil, "me/blog-%d", j.id%repositories))
				secret, want := githubSecret, http.StatusAccepted
				if !j.good {
					secret, want = "guess", http.StatusUnauthorized
				}
				started := time.Now()
				if code, text := r.send("/github", body, github(secret, body, "push", fmt.Sprint(j.id))...); code != want {
					t.Errorf("delivery %d: %d %s", j.id, code, text)
				}
				mu.Lock()
				took = append(took, time.Since(started))
				mu.Unlock()
			}
		})
	}
	for id := range deliveries { // the same id three times in a row, so that they overlap
		jobs <- job{id: id, good: true}
		jobs <- job{id: id}
		jobs <- job{id: id, good: true, again: true}
	}
	close(jobs)
	senderGroup.Wait()

	if len(accepted) != deliveries {
		t.Errorf("%d deliveries were accepted", len(accepted))
	}
	for id, n := range accepted {
		if n != 1 {
			t.Errorf("delivery %s was accepted %d times", id, n)
		}
	}
	slices.Sort(took)
	t.Logf("median %s, worst %s", took[len(took)/2], took[len(took)-1])
}
