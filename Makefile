# The two commands of the README, and what they stand on. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
JOBS   ?= 3

.PHONY: help demo test lint bench chaos clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(STAMP) ## start a server with a demo account and 100 € of sandbox credit
	@$(BIN)/portevoix demo

test: $(STAMP) ## run the whole suite against a real PostgreSQL
	@echo "==> running the tests (an embedded PostgreSQL starts in a temporary folder)"
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --max-worker-restart 0 $(ARGS)

lint: $(STAMP) ## style, types and the rooms' import contracts
	@echo "==> style";   $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> types";   $(BIN)/mypy
	@echo "==> imports"; $(BIN)/lint-imports --no-cache

bench: $(STAMP) ## measure, beside baselines in the same run
	@$(BIN)/python -m bench $(ARGS)

chaos: $(STAMP) ## let faults come over nodes that dial, and see that no promise breaks
	@$(BIN)/python -m tests.chaos $(ARGS)

clean: ## remove the virtual environment (the data in ./var stays)
	rm -rf $(VENV)

$(STAMP): pyproject.toml constraints.txt
	@echo "==> setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Portevoix needs Python 3.11 or newer; try: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python has no venv module here; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[server]' --group dev
	@touch $(STAMP)
	@echo "==> ready"
