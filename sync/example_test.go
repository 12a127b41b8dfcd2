package kvsync_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// exampleEngine returns the engine of the site "blog" on a local platform, which
// stands for Cloudflare.
func exampleEngine() (e *kvsync.Engine, closeAll func()) {
	server, err := platform.Open(platform.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	account, err := cloudflare.New(cloudflare.Options{
		Token: "test-token-with-every-permission", AccountID: "0123456789abcdef0123456789abcdef", BaseURL: server.URL(),
	})
	if err != nil {
		log.Fatal(err)
	}
	e, err = kvsync.New(site.Config{Site: "blog", Account: account})
	if err != nil {
		log.Fatal(err)
	}
	return e, func() {
		account.Close()
		_ = server.Close(context.Background())
	}
}

// New checks the configuration, and Deploy makes the files of a source live.
func ExampleEngine_Deploy() {
	e, closeAll := exampleEngine()
	defer closeAll()
	source := history(files{"/index.html": "Hello", "/about.html": "About"})[0]

	result, err := e.Deploy(context.Background(), source, script, plan.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("switched:", result.Switched, "blobs:", result.Uploaded)

	again, err := e.Deploy(context.Background(), source, script, plan.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("switched:", again.Switched, "no change:", again.Plan.NoChange)
	// Output:
	// switched: true blobs: 2
	// switched: false no change: true
}

// Plan returns what Deploy would change. It writes nothing.
func ExampleEngine_Plan() {
	e, closeAll := exampleEngine()
	defer closeAll()
	commits := history(
		files{"/index.html": "Hello", "/about.html": "About"},
		files{"/index.html": "Hello, world", "/contact.html": "Contact"},
	)
	if _, err := e.Deploy(context.Background(), commits[0], script, plan.Options{}); err != nil {
		fmt.Println(err)
		return
	}

	plan, err := e.Plan(context.Background(), commits[1], script, plan.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range plan.Added {
		fmt.Println("add", c.Path)
	}
	for _, c := range plan.Changed {
		fmt.Println("change", c.Path, c.Before, "to", c.Size, "bytes")
	}
	for _, c := range plan.Removed {
		fmt.Println("remove", c.Path)
	}
	// Output:
	// add /contact.html
	// change /index.html 5 to 12 bytes
	// remove /about.html
}

// A run that a guard stops returns a guard.Error. The live site does not change.
func ExampleEngine_Deploy_guard() {
	e, closeAll := exampleEngine()
	defer closeAll()
	commits := history(files{"/index.html": "old"}, files{"/index.html": "new"})
	if _, err := e.Deploy(context.Background(), commits[1], script, plan.Options{}); err != nil {
		fmt.Println(err)
		return
	}

	_, err := e.Deploy(context.Background(), commits[0], script, plan.Options{})
	var stopped *guard.Error
	if errors.As(err, &stopped) {
		fmt.Println(stopped.Guard)
	}
	// Output:
	// older
}

// Rollback makes the deployment before the live one live again and holds back the
// commit that it leaves. Options.Release deploys that commit again.
func ExampleEngine_Rollback() {
	e, closeAll := exampleEngine()
	defer closeAll()
	commits := history(files{"/index.html": "good"}, files{"/index.html": "bad"})
	for _, source := range commits {
		if _, err := e.Deploy(context.Background(), source, script, plan.Options{}); err != nil {
			fmt.Println(err)
			return
		}
	}

	result, err := e.Rollback(context.Background(), kvsync.RollbackOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("live again:", result.Commit == commits[0].commit, "held back:", result.Hold == commits[1].commit)

	_, err = e.Deploy(context.Background(), commits[1], script, plan.Options{})
	fmt.Println(err)
	// Output:
	// live again: true held back: true
	// commit 000000000000 is held back: the site was rolled back from it
}

// Prune deletes what no retained deployment needs and what is older than the grace
// period. With DryRun it returns the keys and deletes nothing.
func ExampleEngine_Prune() {
	e, closeAll := exampleEngine()
	defer closeAll()
	for _, source := range history(files{"/index.html": "old"}, files{"/index.html": "new"}) {
		if _, err := e.Deploy(context.Background(), source, script, plan.Options{}); err != nil {
			fmt.Println(err)
			return
		}
	}

	pruned, err := e.Prune(context.Background(), layout.PruneOptions{DryRun: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("delete:", pruned.Deleted, "keep:", pruned.Kept)
	// Output:
	// delete: 0 keep: 6
}

// History lists the deployments, newest first.
func ExampleEngine_History() {
	e, closeAll := exampleEngine()
	defer closeAll()
	for _, source := range history(files{"/index.html": "old"}, files{"/index.html": "new"}) {
		if _, err := e.Deploy(context.Background(), source, script, plan.Options{}); err != nil {
			fmt.Println(err)
			return
		}
	}

	deployments, err := e.History(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range deployments {
		fmt.Printf("%.4s…%s live: %t retained: %t\n", d.Commit, d.Commit[38:], d.Live, d.Retained)
	}
	// Output:
	// 0000…02 live: true retained: true
	// 0000…01 live: false retained: true
}

// Verify reports the files whose blobs are missing or damaged.
func ExampleEngine_Verify() {
	e, closeAll := exampleEngine()
	defer closeAll()
	source := history(files{"/index.html": "Hello", "/about.html": "About"})[0]
	if _, err := e.Deploy(context.Background(), source, script, plan.Options{}); err != nil {
		fmt.Println(err)
		return
	}

	const readData = true // compare the bytes of each blob with its hash
	found, err := e.Verify(context.Background(), readData)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("complete:", found.Whole(), "keys:", found.Keys)
	// Output:
	// complete: true keys: 4
}
