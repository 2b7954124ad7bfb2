.DEFAULT_GOAL := help
.PHONY: run example test race lint check bench profile chaos fuzz help

run: ## start a development server
	go run ./cmd/usher dev

example: ## start a product that uses usher, and its server
	go run ./examples/atlas

test: ## run all tests
	go test ./...

race: ## run all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./...

lint: ## run the linters, in the version that .ci/tool pins
	"$$(.ci/tool golangci-lint)" run

check: ## do everything CI does
	.ci/run

bench: ## measure against this machine's ceilings
	go run ./bench

profile: ## measure the server for the compiler, which optimizes by it
	go run ./bench -duration 4s -rounds 1 -connections 64 -many 1000 -profile cmd/usher/default.pgo

chaos: ## break everything around a server, and count what is lost
	.ci/chaos

fuzz: ## run every fuzz target for 10 seconds
	@grep -rE '^func Fuzz' --include='*_test.go' . | sed -E 's|/[^/]*:func ([A-Za-z0-9_]+).*| \1|' | \
	while read -r dir name; do go test -run '^$$' -fuzz "^$$name\$$" -fuzztime 10s "$$dir" || exit 1; done

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
