# `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
UP := go run ./internal/testservers/up --
PKG ?= ./...

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## start everything in one process on http://localhost:8080
	go run ./cmd/madang

.PHONY: build
build: ## build bin/madang
	CGO_ENABLED=0 go build -trimpath -o bin/madang ./cmd/madang

.PHONY: test
test: ## all tests; brings RabbitMQ, PostgreSQL and Chromium up by itself (PKG=./worker for one package)
	$(UP) go test -count=1 -timeout 14m $(PKG)
	@$(MAKE) --no-print-directory test-js

.PHONY: race
race: ## all tests with the race detector (needs a C compiler)
	MADANG_TEST_RACE=1 $(UP) go test -race -count=1 -timeout 25m $(PKG)

.PHONY: test-js
test-js: ## the JavaScript client's tests, where Node is there
	@if command -v node >/dev/null; then cd web/site && node --test test/*.test.mjs; \
	elif [ "$$CI" = true ]; then echo "node is not there: the JavaScript tests were NOT RUN"; exit 1; \
	else echo "node is not there: the JavaScript tests were NOT RUN"; fi

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, and tsc for the JavaScript where Node is there
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	@if command -v npm >/dev/null; then cd web/site && npm install --silent --no-audit --no-fund --no-package-lock && npm run --silent check ; \
	elif [ "$$CI" = true ]; then echo "npm is not there: the JavaScript types were NOT CHECKED"; exit 1; \
	else echo "npm is not there: the JavaScript types were NOT CHECKED"; fi

.PHONY: fuzz
fuzz: ## fuzz the STOMP decoder and the lobby's routes, each for a minute
	go test -run '^$$' -fuzz FuzzDecoder -fuzztime 60s ./web/stomp
	go test -run '^$$' -fuzz FuzzRoutes -fuzztime 60s ./lobby

.PHONY: chaos
chaos: ## every fault under load, everything at once for 10 minutes (MADANG_CHAOS_TIME), and how long takeovers take
	$(UP) env MADANG_CHAOS=full go test -v -count=1 -timeout 90m ./internal/chaos

.PHONY: bench
bench: ## Go benchmarks (PKG=./web/stomp for one package)
	$(UP) go test -run '^$$' -bench . -benchmem $(PKG)

.PHONY: clean
clean: ## remove what was built; ./data stays
	rm -rf bin build web/site/node_modules
