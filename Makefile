# M1. `make` lists the targets.
GO      ?= go
BIN     := bin
LINT    := $(BIN)/golangci-lint-2.5.0
M1      := $(BIN)/m1
FUZZ    ?= 20s

.DEFAULT_GOAL := help
.PHONY: help build run test check lint fmt cover bench fuzz golden picture clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/m1
	$(GO) build -trimpath -o $(M1) .

run: build ## build, and open the dashboard on the demo
	$(M1) demo

test: lint ## install what the tests need and run them all, with the race detector
	$(GO) test -race -count=1 -timeout=10m ./...

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

clean: ## remove what was built
	rm -rf $(BIN) coverage.out

$(LINT):
	GOBIN=$(abspath $(BIN)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
	mv $(BIN)/golangci-lint $(LINT)
