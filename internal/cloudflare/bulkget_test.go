package cloudflare

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

func TestBulkGet(t *testing.T) {
	keys := []string{"a", "none"}
	for name, tt := range map[string]struct {
		reply reply
		want  map[string][]byte
		fault error
		text  string
	}{
		"values": {
			reply: result(`{"values":{"a":{"value":"\u00e4\u0000","metadata":null},"none":null}}`),
			want:  map[string][]byte{"a": []byte("ä\x00")},
		},
		"a key left out": {reply: result(`{"values":{"a":{"value":"1"}}}`), text: `does not name the key "none"`},
		"no text":        {reply: result(`{"values":{"a":{"value":{"x":1}},"none":null}}`), text: "documented form"},
		"no value":       {reply: result(`{"values":{"a":{},"none":null}}`), text: `no value for the key "a"`},
		"too many bytes": {reply: refuse(413, 10054, "too large"), fault: cloud.ErrRefused, text: "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				values, err := s.store().(cloud.BulkReader).GetBulk(t.Context(), keys)
				if tt.text == "" && (err != nil || !reflect.DeepEqual(values, tt.want)) {
					t.Errorf("got %q, %v", values, err)
				}
				if tt.text != "" && (err == nil || !strings.Contains(err.Error(), tt.text)) {
					t.Errorf("got %v, want %q", err, tt.text)
				}
				if tt.fault != nil && !errors.Is(err, tt.fault) {
					t.Errorf("%v is not %v", err, tt.fault)
				}
				const want = `{"keys":["a","none"],"type":"text","withMetadata":true}`
				sent := s.requests()[0]
				if sent.Method != "POST" || !strings.HasSuffix(sent.Path, "/bulk/get") ||
					string(sent.Body) != want {
					t.Errorf("sent %s %s %q", sent.Method, sent.Path, sent.Body)
				}
			}, tt.reply, tt.reply, tt.reply, tt.reply, tt.reply, tt.reply, tt.reply, tt.reply)
		})
	}
}
