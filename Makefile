.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## / - /'

$(VENV)/.stamp: requirements/dev.txt pyproject.toml scripts/setup
	@bash scripts/setup

setup: $(VENV)/.stamp ## Create the virtual environment with the locked dependencies

demo: setup ## Run the main job end to end: make demo ARGS="--fault none --json"
	@$(BIN)/vigia demo $(ARGS)

test: setup ## Run the tests: make test ARGS="tests/unit -k policy"
	@$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-servers: setup ## Run the tests with a PostgreSQL and a Redis of their own
	@scripts/test-servers $(BIN)/pytest -n 2 --dist loadfile $(ARGS)

lint: setup ## ruff, pyright strict, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/pyright

evals: setup ## Run every scenario through the demo and score it
	@$(BIN)/python -m evals.run $(ARGS)

lock: ## Resolve the dependencies again, a week back, with hashes and without index addresses
	@bash scripts/lock

.PHONY: help setup demo test test-servers lint evals lock
