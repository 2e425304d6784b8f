# All of it works offline once `make tools` and a first build have run, except
# for `vuln`, which asks the vulnerability database.

STATICCHECK_VERSION  := v0.8.2
GOLANGCI_VERSION     := v2.15.0
GOVULNCHECK_VERSION  := v1.9.0

GO       ?= go
FUZZTIME ?= 30s
# Of one package; sync takes minutes on two cores by itself, with -race.
TIMEOUT  ?= 25m
# SQLite and its libc are C in the clothes of Go: their own locks keep them, the
# detector finds nothing there, and takes four times as long over it. Everything
# else is instrumented, the driver included.
RACE     := -race -gcflags='modernc.org/sqlite/lib=-race=false' -gcflags='modernc.org/libc/...=-race=false'
BIN      := $(CURDIR)/bin
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -X main.version=$(VERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## build ./bin/satchel
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/satchel ./cmd/satchel

.PHONY: install
install: ## install satchel where go install puts programs
	$(GO) install -trimpath -ldflags '$(LDFLAGS)' ./cmd/satchel

.PHONY: test
test: ## run all tests, with a real Dovecot and mail programs (fetched when missing)
	./.ci/dovecot.sh
	./.ci/mailers.sh
	$(GO) test $(RACE) -shuffle=on -timeout $(TIMEOUT) ./...
	$(GO) test -timeout $(TIMEOUT) -v -run '^Test(Simulate|Small)$$' ./sync/simulate

.PHONY: check
check: tools ## what has to pass before a commit: format, modules, linters, quick tests
	@out=$$(gofmt -d .); test -z "$$out" || { printf '%s\n' "$$out"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(BIN)/staticcheck ./...
	$(BIN)/golangci-lint run
	$(GO) test $(RACE) -shuffle=on -short -timeout $(TIMEOUT) ./...

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (30s)
	@set -e; for pkg in $$($(GO) list ./...); do \
		list=$$($(GO) test -list '^Fuzz' $$pkg); \
		for name in $$(printf '%s\n' "$$list" | grep '^Fuzz' || true); do \
			echo "== $$pkg $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

.PHONY: bench
bench: build ## compare with mbsync on the same work (BENCH=regexp BENCH_COUNT=5 BENCH_MILLION=1)
	./.ci/dovecot.sh
	$(GO) test -c -o $(BIN)/bench.test ./sync/bench
	cd sync/bench && SATCHEL_BENCH=$(BIN)/satchel $(BIN)/bench.test -test.v -test.run '^TestCompare$$' -test.timeout 0

.PHONY: micro
micro: ## Go benchmarks by size: scan, plan, commit, parsing, idle runs (BENCH=regexp BENCH_MILLION=1)
	$(GO) test -run '^$$' -bench '$(or $(BENCH),.)' -benchtime $(or $(BENCH_TIME),5x) -timeout 0 ./...

.PHONY: crash
crash: ## stop, cut and break syncs everywhere, long form (CRASH_STEP=1: every nth byte of the wire)
	./.ci/dovecot.sh
	$(GO) test -count=1 -timeout 0 ./sync -run '^Test(Interrupt|RandomHistories|PowerLoss|Wire|DiskFaults|ServerFaults|Mailbox|Kill|Resume|Fault|Half|Copy|Mark|MadeAnew|.*MovedOn)' \
		-crash -crash.step $(or $(CRASH_STEP),1)

.PHONY: simulate
simulate: ## random histories of everything that may happen, under all laws but those with open faults, in JOBS processes (SIM=10m SEED=1; EXCEPT=none: all laws)
	$(call simulations,'^TestSimulate$$' -simulate.pairs -simulate.time $(or $(SIM),10m) -simulate.ignore $(or $(EXCEPT),open) \
		-simulate.seed $$(($(or $(SEED),1)+i)) -simulate.stride $$n)

.PHONY: simulate-small
simulate-small: ## every history of up to SMALL=3 events on two messages and two mailboxes, in JOBS processes
	$(call simulations,'^TestSmall$$' -small.events $(or $(SMALL),3) -small.first $$i -small.stride $$n)

# A simulation has one CPU, so that a seed has one order of events.
define simulations
$(GO) test -c -o $(BIN)/simulate.test ./sync/simulate
cd sync/simulate && n=$(or $(JOBS),$$(nproc)); pids=; for i in $$(seq 0 $$((n-1))); do \
	$(BIN)/simulate.test -test.timeout 0 -test.v -test.run $(1) & pids="$$pids $$!"; \
done; bad=0; for p in $$pids; do wait $$p || bad=1; done; exit $$bad
endef

.PHONY: mutants
mutants: ## plant the faults of testdata/mutants.txt, one at a time, and say what finds them (ONLY=regexp)
	$(GO) test -count=1 -timeout 0 ./sync/simulate -run '^TestMutants$$' -mutants -mutants.only '$(ONLY)'

.PHONY: variants
variants: ## random histories with kills on all variants of Dovecot (VARIANTS=10 each, SEED=1), and judge for satchel alone (JUDGE=200)
	./.ci/dovecot.sh
	$(GO) test -count=1 -timeout 0 ./sync/judge -run '^TestJudge$$' -v -judge.histories $(or $(JUDGE),200) -judge.seed $(or $(SEED),1)
	$(GO) test -count=1 -timeout 0 ./cmd/satchel -run '^TestDovecotVariants$$' -variants $(or $(VARIANTS),10) -variants.seed $(or $(SEED),1)

.PHONY: judge
judge: ## random histories for all programs of this kind that are installed (JUDGE=100 histories each, SEED=1)
	./.ci/dovecot.sh
	$(GO) test -count=1 -timeout 0 ./sync/judge -run '^TestJudge$$' -v -judge.tools all -judge.strict=false \
		-judge.histories $(or $(JUDGE),100) -judge.seed $(or $(SEED),1)

.PHONY: golden
golden: ## rewrite golden files from what the code does now; review the diff
	@pkgs=$$(grep -rlE --include='*_test.go' 'flag\.Bool(Var)?\(.*"update"' . | xargs -r -n1 dirname | sort -u); \
	if [ -z "$$pkgs" ]; then echo 'no package has golden files'; else \
		echo $(GO) test $$pkgs -update; $(GO) test $$pkgs -update; fi

.PHONY: cover
cover: ## measure test coverage, across packages, into coverage.html
	$(GO) test -timeout $(TIMEOUT) -coverpkg=./... -coverprofile=coverage.out ./...
	$(GO) tool cover -html=coverage.out -o coverage.html
	@$(GO) tool cover -func=coverage.out | tail -1

.PHONY: vuln
vuln: $(BIN)/.govulncheck-$(GOVULNCHECK_VERSION) ## look for known vulnerabilities (needs the network)
	$(BIN)/govulncheck ./...

.PHONY: demo
demo: build ## show satchel at work on an embedded server, in a temporary folder
	$(BIN)/satchel demo

.PHONY: tools
tools: $(BIN)/.staticcheck-$(STATICCHECK_VERSION) $(BIN)/.golangci-lint-$(GOLANGCI_VERSION) ## install the pinned tools to ./bin
tools: $(BIN)/.govulncheck-$(GOVULNCHECK_VERSION)

# An empty file beside each tool tells its version.
define tool
$(BIN)/.$(1)-$(2):
	GOBIN=$(BIN) $(GO) install $(3)@$(2)
	@rm -f $(BIN)/.$(1)-*
	@touch $$@
endef
$(eval $(call tool,staticcheck,$(STATICCHECK_VERSION),honnef.co/go/tools/cmd/staticcheck))
$(eval $(call tool,golangci-lint,$(GOLANGCI_VERSION),github.com/golangci/golangci-lint/v2/cmd/golangci-lint))
$(eval $(call tool,govulncheck,$(GOVULNCHECK_VERSION),golang.org/x/vuln/cmd/govulncheck))

.PHONY: clean
clean: ## remove what was built; .cache with a fetched Dovecot stays
	rm -rf $(BIN) coverage.*
