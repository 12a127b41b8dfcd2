package model

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// pageKeys is how many keys a page of a listing has at most. It is smaller than
// Cloudflare's, so that small sites have several pages.
const pageKeys = 8

func (c *Cloud) listNamespaces(_ *Request, _ []string, v View) *Reply {
	type shown struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	all := []shown{}
	there := slices.DeleteFunc(slices.Clone(c.namespaces), func(n *Namespace) bool { return n.created.After(v.at()) })
	for _, i := range v.places(len(there)) {
		all = append(all, shown{there[i].ID, there[i].Title})
	}
	return success(all, map[string]int{"page": 1, "per_page": 100, "count": len(all), "total_count": len(all),
		"total_pages": 1})
}

func (c *Cloud) createNamespace(r *Request, _ []string, _ View) *Reply {
	var in struct{ Title string }
	if err := json.Unmarshal(r.Body, &in); err != nil || in.Title == "" {
		return failure(http.StatusBadRequest, 10019, "no title")
	}
	n, ok := c.CreateNamespace(in.Title)
	if !ok {
		return failure(http.StatusBadRequest, 10014, "a namespace with this account ID and title already exists")
	}
	return success(map[string]string{"id": n.ID, "title": n.Title}, nil)
}

type bulkResult struct {
	Done   int      `json:"successful_key_count"`
	Failed []string `json:"unsuccessful_keys"`
}

func (n *Namespace) bulkPut(r *Request, _ []string, v View) *Reply {
	var pairs []struct {
		Key, Value string
		Base64     bool
		TTL        int64 `json:"expiration_ttl"`
	}
	if err := json.Unmarshal(r.Body, &pairs); err != nil {
		return failure(http.StatusBadRequest, 10026, err.Error())
	}
	out := bulkResult{Failed: []string{}}
	for i, p := range pairs {
		if v.Skips != nil && v.Skips(i) {
			out.Failed = append(out.Failed, p.Key)
			continue
		}
		value := []byte(p.Value)
		if p.Base64 {
			var err error
			if value, err = base64.StdEncoding.DecodeString(p.Value); err != nil {
				return failure(http.StatusBadRequest, 10026, err.Error())
			}
		}
		n.Put(r.By, p.Key, value, time.Duration(p.TTL)*time.Second)
		out.Done++
	}
	return success(out, nil)
}

func (n *Namespace) bulkDelete(r *Request, _ []string, v View) *Reply {
	var keys []string
	if err := json.Unmarshal(r.Body, &keys); err != nil {
		return failure(http.StatusBadRequest, 10026, err.Error())
	}
	out := bulkResult{Failed: []string{}}
	for i, key := range keys {
		if v.Skips != nil && v.Skips(i) {
			out.Failed = append(out.Failed, key)
			continue
		}
		n.Delete(r.By, key)
		out.Done++
	}
	return success(out, nil)
}

func (n *Namespace) bulkGet(r *Request, _ []string, v View) *Reply {
	var in struct{ Keys []string }
	if err := json.Unmarshal(r.Body, &in); err != nil {
		return failure(http.StatusBadRequest, 10026, err.Error())
	}
	values := make(map[string]any)
	for i, key := range in.Keys {
		values[key] = nil
		if value, ok := v.value(n, key); ok && (v.Lacks == nil || !v.Lacks(i)) {
			values[key] = map[string]any{"value": string(value), "metadata": nil}
		}
	}
	return success(map[string]any{"values": values}, nil)
}

func (n *Namespace) listKeys(r *Request, _ []string, v View) *Reply {
	all := n.KeysAt(r.Query.Get("prefix"), v.at())
	type shown struct {
		Name string `json:"name"`
	}
	var keys []shown
	for _, i := range v.places(len(all)) {
		keys = append(keys, shown{all[i]})
	}
	page, next := []shown{}, ""
	for _, k := range keys {
		switch after := r.Query.Get("cursor"); {
		case after != "" && k.Name <= strings.TrimPrefix(after, "after "):
		case len(page) == pageKeys:
			next = "after " + page[pageKeys-1].Name
		default:
			page = append(page, k)
		}
		if next != "" {
			break
		}
	}
	return success(page, map[string]any{"count": len(page), "cursor": next})
}

func (n *Namespace) getValue(_ *Request, args []string, v View) *Reply {
	value, ok := v.value(n, args[0])
	if !ok {
		return failure(http.StatusNotFound, 10009, "get: 'key not found'")
	}
	return &Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/octet-stream"}}, Body: value}
}

func (n *Namespace) putValue(r *Request, args []string, _ View) *Reply {
	n.Put(r.By, args[0], r.Body, 0)
	return success(struct{}{}, nil)
}
