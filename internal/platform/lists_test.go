package platform_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The page after the last one is empty. The SDKs' iterators read until they get an empty page.
func TestListsEnd(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("site", metadata(`,"migrations":{"new_tag":"v1","new_sqlite_classes":["Room"]}`), part{"main.mjs", esm,
		`import { DurableObject } from "cloudflare:workers";
		export class Room extends DurableObject {}
		export default { fetch() { return new Response("") } }`})
	for n := range 3 {
		c.namespace(fmt.Sprint("namespace ", n))
		c.want("POST", "/queues", fmt.Sprintf(`{"queue_name":"queue-%d"}`, n), nil)
		c.want("POST", "/d1/database", fmt.Sprintf(`{"name":"database-%d"}`, n), nil)
		c.version("site", metadata(""), respondWith(fmt.Sprint(n)))
	}
	for path, total := range map[string]int{
		"/../../accounts":                                1,
		"/../../memberships":                             1,
		"/../../zones?name=example.com":                  1,
		"/storage/kv/namespaces":                         3,
		"/queues":                                        3,
		"/d1/database":                                   3,
		"/workers/scripts":                               1,
		"/workers/durable_objects/namespaces":            1,
		"/workers/scripts/site/versions":                 4,
		"/workers/scripts/site/versions?deployable=true": 4,
		"/workers/scripts/site/secrets":                  0,
		"/workers/domains":                               0,
	} {
		if got := c.listed(path, 1, 0); got != total {
			t.Errorf("%s: %d elements, want %d", path, got, total)
		}
		if got := c.listed(path, 2, 0); got != 0 {
			t.Errorf("%s: %d elements on the second page", path, got)
		}
		if got, want := c.listed(path, 2, 2), max(0, min(2, total-2)); got != want {
			t.Errorf("%s: %d elements on the second page of 2, want %d", path, got, want)
		}
	}
}

// listed returns the number of elements on a page of a list.
func (c *client) listed(path string, page, perPage int) int {
	c.t.Helper()
	query := "?"
	if strings.Contains(path, "?") {
		query = "&"
	}
	query += fmt.Sprintf("page=%d", page)
	if perPage > 0 {
		query += fmt.Sprintf("&per_page=%d", perPage)
	}
	var result json.RawMessage
	c.want("GET", path+query, "", &result)
	var list []any
	var items struct{ Items []any }
	if json.Unmarshal(result, &list) != nil {
		if err := json.Unmarshal(result, &items); err != nil {
			c.t.Fatal(err)
		}
		return len(items.Items)
	}
	return len(list)
}
