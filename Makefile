GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
export GOFLAGS := -buildvcs=false
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.DEFAULT_GOAL := help
.PHONY: help setup build demo demo-projects demo-publisher demo-rust check hook lint lint-worker test test-go \
	test-worker test-rust test-frameworks fuzz fuzz-build kills torture mutation large rounds soak bench bench-serving \
	bench-git image image-daemon clean

# make help prints the text after ##. ##@ begins a section of the help.
help: ## show this list
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Begin here
setup: worker/node_modules/.package-lock.json ## download what Go and TypeScript need
	$(GO) mod download

build: ## build the commands into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/kv-sync ./cmd/action

demo: build ## show a deploy, a refusal and a rollback on this machine, without an account
	bash examples/demo.sh

demo-projects: build ## show a platform of Dynamic Workers with two projects
	bash examples/dynamic-workers/start.sh

demo-publisher: build ## show a site whose pages are edited in the browser
	bash examples/publisher/start.sh

demo-rust: build ## show a site that a Worker in Rust serves
	bash examples/rust-wasm/start.sh

worker/node_modules/.package-lock.json: worker/package-lock.json
	cd worker && npm ci --no-audit --no-fund

##@ Check a change
check: lint worker/node_modules/.package-lock.json ## check what takes seconds: lint, types, the mutation table
	cd worker && npm run --silent check
	$(GO) test -run '^TestGuards$$' ./mutation

hook: ## run make check before each commit of this clone
	bash .ci/install-hook

lint: lint-worker ## check formatting, go.mod, and what the linters find, in Go and in TypeScript
	@out="$$(gofmt -l $$(git ls-files '*.go'))"; test -z "$$out" || { echo "gofmt these files:"; echo "$$out"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) run $(GOLANGCI) run
	$(GO) run $(ACTIONLINT) examples/workflows/*.yml $(wildcard .github/workflows/*.yml)

lint-worker: worker/node_modules/.package-lock.json ## check only TypeScript (fix: npm run format in worker/)
	cd worker && npm run --silent lint

test: test-worker test-rust test-go ## run every test; Debian: installs chromium and cargo; screenshots go to artefacts/

# The time limit is for one package. It ends a test that hangs. The slowest package takes six
# minutes. Most tests wait for other processes, so two packages run for each core, the slowest ones
# first. Without cgo the tests share the compiled packages of the commands that they build. Set
# CGO_ENABLED=1 for -race. make lint runs go vet.
test-go: export CGO_ENABLED ?= 0
test-go: ## run the tests in Go
	$(GO) test -vet=off -timeout 60m -p $$((2 * $$(getconf _NPROCESSORS_ONLN))) $(GOTESTFLAGS) ./cmd/kv-sync \
	  ./internal/app ./internal/platform/clients ./cmd/action ./internal/platform ./...

test-worker: worker/node_modules/.package-lock.json ## run the tests in TypeScript
	cd worker && npm run check && npm test

test-rust: ## run the tests in Rust
	bash rust/test.sh

test-frameworks: ## build testdata/frameworks from npm and PyPI, and deploy them (half an hour; FRAMEWORK=name)
	$(GO) test -timeout 2h ./cmd/kv-sync -run '^TestFrameworks$$/$(FRAMEWORK)' -count 1 -v -frameworks $(RECORD)

fuzz: ## fuzz each decoder for FUZZTIME=1m, those that ran least first (TARGET=regex); resumes
	GO="$(GO)" bash .ci/fuzz $(TARGET)

fuzz-build: ## build each fuzz target as a program in bin/fuzz, as OSS-Fuzz does
	GO="$(GO)" bash .ci/fuzz-build bin/fuzz

kills: ## kill the built commands at each request, and fill their disks (an hour; CASE="deploy: SIGKILL")
	$(GO) test ./internal/crashtest -count 1 -timeout 0 -v -parallel 4 -every 1 -case '$(CASE)'

DURATION ?= 10m
JOBS ?= $(shell nproc)
torture: ## search for an order and a fault that break a promise, for DURATION=10m and the time of every fault
	$(GO) test ./internal/simulation -count 1 -timeout 0 -v -run '^TestEveryFault$$|^TestPairs$$|^TestSchedules$$' \
	  -every 1 -crash 1 -pairs 1 -first $$(date +%s) -duration $(DURATION) -processes $(JOBS)

mutation: worker/node_modules/.package-lock.json ## remove each guard, and check that a test fails (over an hour; resumes)
	$(GO) run ./mutation

large: ## deploy and serve a file of 1 GiB (make test: 256 MiB)
	$(GO) test ./cmd/kv-sync -count 1 -run '^TestLargeFile$$' -large 1024 -v

rounds: ## let several processes deploy at the same moment (half an hour; ROUNDS=…)
	$(GO) test ./cmd/kv-sync -count 1 -timeout 6h -run '^TestRounds$$' -rounds $(or $(ROUNDS),200) -v

soak: ## run make test 20 times (RUNS=…), half of them on busy cores; resumes
	bash .ci/soak $(RUNS)

##@ Measure
bench: build ## write the tables of docs/benchmarks.md
	$(GO) run ./bench

bench-serving: worker/node_modules/.package-lock.json ## measure what serving costs, beside others on Workers
	cd worker && npm run bench

bench-git: ## measure plan and hook in a repository of 100,000 files
	$(GO) test ./cmd/kv-sync -count 1 -run '^TestBenchGit$$' -bench-git -v

##@ Images
image: ## build the Action's image and run it (Debian: installs buildah)
	bash cmd/action/image_test.sh

image-daemon: ## run the daemon's image and unit (Debian: installs mmdebstrap, systemd-container)
	bash examples/testdata/daemon_test.sh

clean: ## remove bin/ and artefacts/
	rm -rf bin artefacts
