package resources

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// bucket is an R2 bucket. Buckets of different jurisdictions may have the same name.
type bucket struct {
	Name         string    `json:"name"`
	Created      time.Time `json:"creation_date"`
	Location     string    `json:"location,omitempty"`
	StorageClass string    `json:"storage_class"`
	Jurisdiction string    `json:"jurisdiction"`
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// jurisdiction returns the jurisdiction of a request.
func jurisdiction(c *api.Call) string {
	if name := c.R.Header.Get("Cf-R2-Jurisdiction"); name != "" {
		return name
	}
	return "default"
}

// bucket returns the bucket that the path names, or nil.
func (r *resources) bucket(c *api.Call, name string) *bucket {
	return find(r.Buckets, func(b *bucket) bool { return b.Name == name && b.Jurisdiction == jurisdiction(c) })
}

var errNoBucket = api.Failure(http.StatusNotFound, 10006, "The specified bucket does not exist.")

func (s *Store) bucketsList(c *api.Call) *api.Error {
	q := c.R.URL.Query()
	list := []*bucket{}
	s.accounts.View(c.Account, func(r *resources) {
		for _, b := range r.Buckets {
			if b.Jurisdiction == jurisdiction(c) && strings.Contains(b.Name, q.Get("name_contains")) {
				list = append(list, b)
			}
		}
	})
	slices.SortFunc(list, func(a, b *bucket) int { return strings.Compare(a.Name, b.Name) })
	return c.Reply(map[string]any{"buckets": list})
}

func (s *Store) bucketCreate(c *api.Call) *api.Error {
	var body struct {
		Name         string `json:"name"`
		Location     string `json:"locationHint"`
		StorageClass string `json:"storageClass"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	if !bucketName.MatchString(body.Name) {
		return api.Failure(http.StatusBadRequest, 10005, "The specified bucket name is not valid.")
	}
	b := &bucket{Name: body.Name, Created: api.Now(), Location: body.Location, StorageClass: "Standard",
		Jurisdiction: jurisdiction(c)}
	if body.StorageClass != "" {
		b.StorageClass = body.StorageClass
	}
	apiErr := s.accounts.Change(c.Account, func(r *resources) *api.Error {
		if r.bucket(c, b.Name) != nil {
			return api.Failure(http.StatusConflict, 10004, "The bucket you tried to create already exists, and you own it.")
		}
		r.Buckets = append(r.Buckets, b)
		return nil
	})
	return c.ReplyUnless(apiErr, b)
}

func (s *Store) bucketGet(c *api.Call) *api.Error {
	var found *bucket
	s.accounts.View(c.Account, func(r *resources) { found = r.bucket(c, c.R.PathValue("bucket")) })
	if found == nil {
		return errNoBucket
	}
	return c.Reply(found)
}

// bucketUpdate changes the storage class of new objects.
func (s *Store) bucketUpdate(c *api.Call) *api.Error {
	var changed bucket
	apiErr := s.accounts.Change(c.Account, func(r *resources) *api.Error {
		old := r.bucket(c, c.R.PathValue("bucket"))
		if old == nil {
			return errNoBucket
		}
		changed = *old
		changed.StorageClass = c.R.Header.Get("Cf-R2-Storage-Class")
		r.Buckets[slices.Index(r.Buckets, old)] = &changed
		return nil
	})
	return c.ReplyUnless(apiErr, changed)
}

func (s *Store) bucketDelete(c *api.Call) *api.Error {
	apiErr := s.accounts.Change(c.Account, func(r *resources) *api.Error {
		old := r.bucket(c, c.R.PathValue("bucket"))
		if old == nil {
			return errNoBucket
		}
		r.Buckets = without(r.Buckets, old)
		return nil
	})
	return c.ReplyUnless(apiErr, map[string]any{})
}
