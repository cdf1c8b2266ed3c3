# make help shows what there is. Variables: make demo PORT=8080 DATA=/srv/krabbel WORKERS=2

PORT ?= 8000
DATA ?= data
WORKERS ?= 1
BASE ?= http://localhost:$(PORT)
SYSTEM_PYTHON ?= python3
PY := .venv/bin/python
UP := .venv/bin/krabbel up --data-dir $(DATA) --port $(PORT) --workers $(WORKERS)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo up test lint format bench chaos accept drill screenshots k8s docs audit clean

help: ## show this
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: PORT=$(PORT) DATA=$(DATA) WORKERS=$(WORKERS)"

setup:
	@$(SYSTEM_PYTHON) deploy/setup.py demo

setup-dev:
	@$(SYSTEM_PYTHON) deploy/setup.py dev

demo: setup ## set everything up and start it, with three simulated camera traps
	@$(UP) --demo

up: setup ## the same without simulated traps
	@$(UP)

test: setup-dev ## all tests: first those that need no server, then those on real servers, two files side by side
	$(PY) -m pytest -n 2 -m "not stack and not browser"
	$(PY) -m pytest -n 2 --dist loadfile -m "stack or browser"

lint: setup-dev ## style, types, and who may import whom
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	cd clients/trap && ../../.venv/bin/mypy --strict --config-file "" krabbel_trap
	.venv/bin/lint-imports

format: setup-dev ## mend what ruff can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: setup-dev ## the benchmarks
	$(PY) -m benchmarks

chaos: setup-dev ## kill everything in turn under the load of sixteen traps, and count what is lost
	KRABBEL_CHAOS=full $(PY) -m pytest tests/chaos -s

accept: setup ## is a running Krabbel all right? make accept BASE=http://localhost:8000, with a camera's key in KRABBEL_API_KEY
	@$(PY) -m deploy.acceptance $(BASE)

drill: setup ## fresh start, load, kill one of each, back up, wipe, restore, compare; prints a table
	$(PY) -m deploy.drill

screenshots: setup-dev ## new pictures of the dashboard for the README, with simulated traps
	$(PY) -m deploy.screenshots

k8s: setup-dev ## bring the cluster's copy of the Caddyfile up to date, and check the manifests
	cp deploy/Caddyfile deploy/k8s/base/Caddyfile
	$(PY) -m pytest -q tests/unit/test_kubernetes.py

docs: setup-dev ## the documentation as a site, in build/docs, with its links checked
	$(PY) -m krabbel.reference
	$(PY) -m mkdocs build --quiet

audit: setup-dev ## ask the advisory database about all packages (needs a network that reaches it)
	@mkdir -p build
	.venv/bin/uv pip freeze --exclude-editable > build/packages.txt
	.venv/bin/uv tool run pip-audit --requirement build/packages.txt --no-deps --disable-pip

clean: ## remove what can be made again; data and the virtual environment stay
	rm -rf .setup .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
