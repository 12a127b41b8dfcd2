package model

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Reply is an answer of the API.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// View makes an answer other than complete and up to date. The zero value does not.
type View struct {
	// At is the time whose state reads show; zero is now.
	At time.Time
	// Before: reads of a key show what was there before its last change.
	Before bool
	// Nothing: reads of a key find nothing.
	Nothing bool
	// Lacks reports whether a bulk read finds nothing for its i-th key.
	Lacks func(i int) bool
	// Skips reports whether a bulk call leaves its i-th key out, and says so.
	Skips func(i int) bool
	// List changes a listing of keys or deployments of n entries: it returns the places of
	// those that it has.
	List func(n int) []int
}

func (v View) at() time.Time {
	if v.At.IsZero() {
		return time.Now()
	}
	return v.At
}

// value reads a key.
func (v View) value(n *Namespace, key string) ([]byte, bool) {
	switch writes := n.keys[key]; {
	case v.Nothing, v.Before && len(writes) < 2:
		return nil, false
	case v.Before:
		return n.GetAt(key, writes[len(writes)-1].At.Add(-1))
	}
	return n.GetAt(key, v.at())
}

func (v View) places(n int) []int {
	if v.List != nil {
		return v.List(n)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type envelope struct {
	Success    bool       `json:"success"`
	Errors     []apiError `json:"errors"`
	Messages   []apiError `json:"messages"`
	Result     any        `json:"result"`
	ResultInfo any        `json:"result_info,omitempty"`
}

func success(result, info any) *Reply {
	return encode(http.StatusOK, envelope{Success: true, Errors: []apiError{}, Messages: []apiError{}, Result: result,
		ResultInfo: info})
}

func failure(status, code int, message string) *Reply {
	return encode(status, envelope{Errors: []apiError{{code, message}}, Messages: []apiError{}})
}

// Failure is the answer of the API to a request that it refuses.
func Failure(status, code int, message string) *Reply { return failure(status, code, message) }

// Confirmation is the answer of the API to a request that it has carried out.
func Confirmation() *Reply { return success(map[string]string{"id": "confirmed"}, nil) }

func encode(status int, e envelope) *Reply {
	b, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Errorf("encode an answer: %w", err))
	}
	return &Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: b}
}

// handlers by kind.
var handlers = map[string]func(*Cloud, *Request, []string, View) *Reply{
	"kv.namespaces.list":         (*Cloud).listNamespaces,
	"kv.namespaces.create":       (*Cloud).createNamespace,
	"kv.bulk.put":                inNamespace((*Namespace).bulkPut),
	"kv.bulk.delete":             inNamespace((*Namespace).bulkDelete),
	"kv.bulk.get":                inNamespace((*Namespace).bulkGet),
	"kv.keys.list":               inNamespace((*Namespace).listKeys),
	"kv.values.get":              inNamespace((*Namespace).getValue),
	"kv.values.put":              inNamespace((*Namespace).putValue),
	"workers.scripts.list":       (*Cloud).listScripts,
	"workers.scripts.put":        (*Cloud).putScript,
	"workers.scripts.delete":     (*Cloud).deleteScript,
	"workers.deployments.list":   inScript((*Script).listDeployments),
	"workers.deployments.create": inScript((*Script).deploy),
	"workers.versions.create":    inScript((*Script).createVersion),
	"workers.versions.get":       inScript((*Script).getVersion),
	"workers.settings.patch":     inScript((*Script).patchSettings),
	"workers.subdomain.enable":   inScript((*Script).enable),
	"workers.subdomain.get":      (*Cloud).subdomain,
}

// Handle carries a request out and answers it.
func (c *Cloud) Handle(r *Request, v View) *Reply {
	kind, args := r.Kind()
	handle := handlers[kind]
	if handle == nil {
		return failure(http.StatusNotFound, 7000, "no route for "+r.Method+" "+r.Path)
	}
	return handle(c, r, args, v)
}

func inNamespace(f func(*Namespace, *Request, []string, View) *Reply) func(*Cloud, *Request, []string, View) *Reply {
	return func(c *Cloud, r *Request, args []string, v View) *Reply {
		if n := c.Namespace(args[0]); n != nil {
			return f(n, r, args[1:], v)
		}
		return failure(http.StatusNotFound, 10013, "namespace not found")
	}
}

func inScript(f func(*Script, *Request, []string, View) *Reply) func(*Cloud, *Request, []string, View) *Reply {
	return func(c *Cloud, r *Request, args []string, v View) *Reply {
		if s := c.Script(args[0]); s != nil {
			return f(s, r, args[1:], v)
		}
		return failure(http.StatusNotFound, 10007, "workers.api.error.script_not_found")
	}
}
