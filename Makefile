# M1. `make` lists the targets.
GO      ?= go
BIN     := bin
LINT    := $(BIN)/golangci-lint-2.5.0
M1      := $(BIN)/m1
FUZZ    ?= 20s
SOAK    ?= 10m
SUDO    := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help build run test redis check lint fmt cover bench bench-peers bench-policy fuzz golden picture soak-cache clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/m1
	$(GO) build -trimpath -o $(M1) .

run: build ## build, and open the dashboard on the demo
	$(M1) demo

test: lint redis ## install what the tests need and run them all, with the race detector
	$(GO) test -race -count=1 -timeout=10m ./...

redis:
	@command -v redis-server >/dev/null || { \
	  echo "installing redis-server, which the tests start on ports of their own"; \
	  if command -v apt-get >/dev/null; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq redis-server; \
	  elif command -v brew >/dev/null; then brew install redis; \
	  else echo "no apt-get and no brew here: install Redis 7 or later and try again" >&2; exit 1; fi; }

check: ## all that must hold before a change lands
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) mod tidy -diff
	$(GO) mod verify
	$(MAKE) test build

lint: $(LINT) ## vet and lint
	$(GO) vet ./...
	$(LINT) run ./...

fmt: ## format the code
	gofmt -w .

cover: ## test coverage by package
	$(GO) test -coverprofile=coverage.out ./...
	$(GO) tool cover -func=coverage.out | tail -n 1

bench: ## benchmarks; run them on a quiet machine
	$(GO) test -run='^$$' -bench=. -benchmem ./...

bench-peers: ## M1's cache beside its peers; needs redis-server and a quiet machine
	cd bench && $(GO) test -run='^$$' -bench=. -benchtime=10x -timeout=10m ./cachebench

bench-policy: ## M1's policy beside its peers; needs a quiet machine
	cd bench && $(GO) test -run='^$$' -bench=. -benchtime=5x -timeout=15m ./policybench

fuzz: ## each fuzz target for FUZZ (20s)
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list='^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZ) $$pkg || exit 1; \
	  done; \
	done

golden: ## write the golden files anew; look at the difference
	$(GO) test ./views ./app -update

picture: build ## write docs/dashboard.svg, the picture in the README
	$(GO) test -run=TestPicture -timeout=3m . -picture docs/dashboard.svg

soak-cache: ## the cache's proof for SOAK (10m); needs redis-server
	M1_SOAK=$(SOAK) $(GO) test -run='^TestSoak$$' -count=1 -timeout=0 -v ./cache

clean: ## remove what was built
	rm -rf $(BIN) coverage.out

$(LINT):
	GOBIN=$(abspath $(BIN)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
	mv $(BIN)/golangci-lint $(LINT)
