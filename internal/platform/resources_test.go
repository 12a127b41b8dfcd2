package platform_test

import (
	"fmt"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
)

func TestBuckets(t *testing.T) {
	t.Parallel()
	c := start(t)
	const buckets = "/r2/buckets"
	c.want("POST", buckets, `{"name":"files","storageClass":"InfrequentAccess"}`, nil)
	c.refused("POST", buckets, `{"name":"files"}`, 409, 10004)
	c.refused("POST", buckets, `{"name":"Files"}`, 400, 10005)
	c.refused("GET", buckets+"/other", "", 404, 10006)
	c.refused("DELETE", buckets+"/other", "", 404, 10006)
	var b struct {
		Class string `json:"storage_class"`
	}
	if c.want("GET", buckets+"/files", "", &b); b.Class != "InfrequentAccess" {
		t.Errorf("bucket: %+v", b)
	}
	c.want("DELETE", buckets+"/files", "", nil)
	c.refused("GET", buckets+"/files", "", 404, 10006)
}

// A database is found by its id and by its name.
func TestDatabases(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, func(o *platform.Options) { o.Dir = dir })
	const databases = "/d1/database"
	var made, found struct{ UUID, Name string }
	c.want("POST", databases, `{"name":"orders"}`, &made)
	c.refused("POST", databases, `{"name":"orders"}`, 400, 7502)
	c.refused("POST", databases, `{}`, 400, 7400)
	c.refused("GET", databases+"/customers", "", 404, 7404)
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = start(t, func(o *platform.Options) { o.Dir = dir })
	for _, key := range []string{made.UUID, "orders"} {
		if c.want("GET", databases+"/"+key, "", &found); found != made {
			t.Errorf("%s: %+v", key, found)
		}
	}
	c.want("DELETE", databases+"/"+made.UUID, "", nil)
	c.refused("GET", databases+"/orders", "", 404, 7404)
}

func TestQueues(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("site", metadata(`,"bindings":[{"type":"queue","name":"JOBS","queue_name":"jobs"}]`), respondWith(""))
	var q struct {
		ID        string `json:"queue_id"`
		Name      string `json:"queue_name"`
		Producers int    `json:"producers_total_count"`
		Settings  struct {
			Delay int `json:"delivery_delay"`
		}
	}
	c.want("POST", "/queues", `{"queue_name":"jobs","settings":{"delivery_delay":7}}`, &q)
	c.want("POST", "/queues", `{"queue_name":"later"}`, nil)
	c.refused("POST", "/queues", `{"queue_name":"jobs"}`, 409, 11009)
	c.refused("POST", "/queues", `{"queue_name":"no spaces"}`, 400, 11003)
	one := "/queues/" + q.ID
	c.refused("PATCH", one, `{"queue_name":"later"}`, 409, 11009)
	c.refused("GET", "/queues/0", "", 404, 11000)
	c.want("PATCH", one, `{"settings":{"delivery_paused":true}}`, nil)
	if c.want("GET", one, "", &q); q.Producers != 1 || q.Settings.Delay != 7 || q.Name != "jobs" {
		t.Errorf("queue: %+v", q)
	}
	var named []any
	if c.want("GET", "/queues?name=jobs&name=never", "", &named); len(named) != 1 {
		t.Errorf("queues by name: %v", named)
	}

	var consumer struct {
		ID string `json:"consumer_id"`
	}
	consumers := one + "/consumers"
	c.refused("POST", consumers, `{"type":"worker","script_name":"nowhere"}`, 400, 11002)
	c.refused("POST", consumers, `{"type":"other"}`, 400, 11002)
	c.want("POST", consumers, `{"type":"worker","script_name":"site"}`, &consumer)
	c.refused("POST", consumers, `{"type":"http_pull"}`, 409, 11004)
	c.want("PUT", consumers+"/"+consumer.ID, `{"type":"http_pull","settings":{"batch_size":2}}`, nil)
	var shown struct {
		Type     string
		Settings struct {
			Size int `json:"batch_size"`
		}
	}
	if c.want("GET", consumers+"/"+consumer.ID, "", &shown); shown.Type != "http_pull" || shown.Settings.Size != 2 {
		t.Errorf("consumer: %+v", shown)
	}
	c.want("DELETE", consumers+"/"+consumer.ID, "", nil)
	c.refused("DELETE", consumers+"/"+consumer.ID, "", 404, 11001)
	c.want("DELETE", one, "", nil)
	c.refused("GET", one, "", 404, 11000)
}

// Requests for an account that does not exist are refused. Cloudflare refuses requests for another
// person's account in the same way.
func TestOtherAccounts(t *testing.T) {
	t.Parallel()
	c := start(t, func(o *platform.Options) { o.Accounts = []string{platform.DefaultAccount} })
	c.refused("GET", "/workers/scripts", "", 403, 10000)
	c.refused("POST", "/storage/kv/namespaces", `{"title":"cache"}`, 403, 10000)
	c.AccountID = platform.DefaultAccount
	c.namespace("cache")
	var accounts []struct{ ID string }
	if c.want("GET", "/../../accounts", "", &accounts); fmt.Sprint(accounts) != "[{"+platform.DefaultAccount+"}]" {
		t.Errorf("accounts: %v", accounts)
	}
}
