package version

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// A deployment contains the changes by other tools since the deployment below them, and those that
// this one names, also when the list does not show them any more.
func TestChanges(t *testing.T) {
	below := Message{Deployment: testDeployment, Commit: testCommit, Over: "x", Has: "0123abcd"}.Text("")
	list := []cloud.Activation{{ID: "c"}, {ID: "b", Message: "by hand"}, {ID: "a", Message: below}, {ID: "older"}}
	want := []string{ChangeMark("c"), ChangeMark("b"), "0123abcd"}
	if got := Changes(list); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if m := ReadMessage(Message{Deployment: testDeployment, Over: "c", Has: Contained(list)}.Text("")); !slices.Equal(
		m.Changes(), want) {
		t.Errorf("the message says %+v", m)
	}
	repeated := cloud.Activation{ID: "d", Message: Again("b", []string{ChangeMark("b"), "0123abcd"}, "")}
	if got := Changes(append([]cloud.Activation{repeated}, list...)); !slices.Equal(got, want[1:]) {
		t.Errorf("a repetition contains %v", got)
	}
	var many []cloud.Activation
	for i := range 50 {
		many = append(many, cloud.Activation{ID: fmt.Sprint(i)})
	}
	if got := Changes(many); len(got) != mostChanges || got[0] != ChangeMark("0") {
		t.Errorf("of many changes %v are named", got)
	}
}
