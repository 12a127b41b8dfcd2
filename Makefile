# make demo   see it work on this machine, without an account
# make test   every test; installs what it needs (Debian: chromium and cargo too), keeps screenshots in artefacts/
# make soak   make test 20 times (RUNS=…), each second run beside a busy loop on each core; goes on where it was
#             interrupted, writes a line a run into artefacts/soak.tsv, keeps the logs of runs that failed beside it
# make lint   formatting, vet, linters
# make bench  the table of docs/benchmarks.md
# make bench-serving  what serving costs, beside others that serve files on Workers
# make bench-git      plan and hook in a repository of 100,000 files with a pack of 429 MB
# make mutation   take out one guard after the other, and see that a test fails for each (an hour or more; it resumes)
# make large  a file of 1 GiB from disk and from git into KV and through workerd (make test: 256 MiB)
# make image  build the Action's image and run it (Debian: installs buildah)
# make image-daemon  run the daemon under systemd, build its image and run that (Debian: installs mmdebstrap, systemd-container)

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
export GOFLAGS := -buildvcs=false
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: mutation soak large bench-git demo-projects demo-publisher demo-rust build demo test test-go test-worker test-rust lint bench bench-serving image image-daemon fuzz clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/kv-sync ./cmd/action

demo: build
	bash examples/demo.sh

# A platform of Dynamic Workers with two projects.
demo-projects: build
	bash examples/dynamic-workers/start.sh

# A site whose pages are written in the browser.
demo-publisher: build
	bash examples/publisher/start.sh

# A site that a Worker in Rust serves.
demo-rust: build
	bash examples/rust-wasm/start.sh

test: test-worker test-rust test-go

# The limit is a package's, and only bounds a hang: the slowest takes two minutes alone.
test-go:
	$(GO) test -timeout 30m $(GOTESTFLAGS) ./...

test-worker: worker/node_modules/.package-lock.json
	cd worker && npm run check && npm test

test-rust:
	bash rust/test.sh

soak:
	bash .ci/soak $(RUNS)

worker/node_modules/.package-lock.json: worker/package-lock.json
	cd worker && npm ci --no-audit --no-fund

lint:
	@out="$$(gofmt -l $$(git ls-files '*.go'))"; test -z "$$out" || { echo "gofmt these files:"; echo "$$out"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) run $(GOLANGCI) run
	$(GO) run $(ACTIONLINT) examples/workflows/*.yml $(wildcard .github/workflows/*.yml)

bench: build
	$(GO) run ./bench

bench-serving: worker/node_modules/.package-lock.json
	cd worker && npm run bench

bench-git:
	$(GO) test ./cmd/kv-sync -count 1 -run '^TestBenchGit$$' -bench-git -v

mutation: worker/node_modules/.package-lock.json
	$(GO) run ./mutation

large:
	$(GO) test ./cmd/kv-sync -count 1 -run '^TestLargeFile$$' -large 1024 -v

image:
	bash cmd/action/image_test.sh

image-daemon:
	bash examples/testdata/daemon_test.sh

# A minute for each fuzz target, beyond the seeds that every test run tries.
fuzz:
	@for p in $$(grep -rl 'func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -rhoE 'func Fuzz[A-Za-z0-9_]+' $$p/*_test.go | cut -c6-); do \
	    echo "$$p $$f"; $(GO) test $$p -run '^$$' -fuzz "^$$f$$" -fuzztime 60s || exit 1; done; done

clean:
	rm -rf bin artefacts
