package resources

import (
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/stored"
)

// Store has the resources of all accounts. Its methods are safe for concurrent use.
type Store struct {
	scripts  Scripts
	accounts *stored.Accounts[resources]
}

// Scripts are the scripts that bind resources.
type Scripts interface {
	// Has reports whether an account has a script.
	Has(account, script string) bool
	// Producers returns the scripts of an account that bind a queue.
	Producers(account, queue string) []string
}

// resources are the resources of one account, in the order of their creation. Their elements are
// immutable: a change replaces the element.
type resources struct {
	Buckets   []*bucket   `json:"buckets,omitempty"`
	Databases []*database `json:"databases,omitempty"`
	Queues    []*queue    `json:"queues,omitempty"`
}

// Open reads the resources that are stored in a folder.
func Open(dir string, scripts Scripts) (*Store, error) {
	accounts, err := stored.OpenAccounts[resources](dir, "resources.json")
	return &Store{scripts: scripts, accounts: accounts}, err
}

// Routes returns the routes of the API.
func (s *Store) Routes() []api.Route {
	const (
		buckets   = "/accounts/{account}/r2/buckets"
		databases = "/accounts/{account}/d1/database"
		queues    = "/accounts/{account}/queues"
		queue     = queues + "/{queue}"
		consumers = queue + "/consumers"
	)
	return []api.Route{
		api.On("GET "+buckets, "r2.buckets.list", api.WorkersRead, s.bucketsList),
		api.On("POST "+buckets, "r2.buckets.create", api.WorkersWrite, s.bucketCreate),
		api.On("GET "+buckets+"/{bucket}", "r2.buckets.get", api.WorkersRead, s.bucketGet),
		api.On("PATCH "+buckets+"/{bucket}", "r2.buckets.update", api.WorkersWrite, s.bucketUpdate),
		api.On("DELETE "+buckets+"/{bucket}", "r2.buckets.delete", api.WorkersWrite, s.bucketDelete),

		api.On("GET "+databases, "d1.databases.list", api.WorkersRead, s.databasesList),
		api.On("POST "+databases, "d1.databases.create", api.WorkersWrite, s.databaseCreate),
		api.On("GET "+databases+"/{database}", "d1.databases.get", api.WorkersRead, s.databaseGet),
		api.On("DELETE "+databases+"/{database}", "d1.databases.delete", api.WorkersWrite, s.databaseDelete),

		api.On("GET "+queues, "queues.list", api.WorkersRead, s.queuesList),
		api.On("POST "+queues, "queues.create", api.WorkersWrite, s.queueCreate),
		api.On("GET "+queue, "queues.get", api.WorkersRead, s.queueGet),
		api.On("PUT "+queue, "queues.update", api.WorkersWrite, s.queueUpdate),
		api.On("PATCH "+queue, "queues.update", api.WorkersWrite, s.queueUpdate),
		api.On("DELETE "+queue, "queues.delete", api.WorkersWrite, s.queueDelete),
		api.On("GET "+consumers, "queues.consumers.list", api.WorkersRead, s.consumersList),
		api.On("POST "+consumers, "queues.consumers.create", api.WorkersWrite, s.consumerCreate),
		api.On("GET "+consumers+"/{consumer}", "queues.consumers.get", api.WorkersRead, s.consumerGet),
		api.On("PUT "+consumers+"/{consumer}", "queues.consumers.update", api.WorkersWrite, s.consumerUpdate),
		api.On("DELETE "+consumers+"/{consumer}", "queues.consumers.delete", api.WorkersWrite, s.consumerDelete),
	}
}

// Forget removes a deleted script from the consumers of queues.
func (s *Store) Forget(account, script string) *api.Error {
	return s.accounts.Change(account, func(r *resources) *api.Error {
		consumes := func(c *consumer) bool { return c.Script == script }
		for i, q := range r.Queues {
			r.Queues[i] = q.with(slices.DeleteFunc(slices.Clone(q.Consumers), consumes))
		}
		return nil
	})
}

// without returns a list without one element.
func without[T comparable](list []T, element T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(e T) bool { return e == element })
}

// find returns the first element that matches, or the zero value.
func find[T any](list []T, matches func(T) bool) (found T) {
	if i := slices.IndexFunc(list, matches); i >= 0 {
		found = list[i]
	}
	return found
}
