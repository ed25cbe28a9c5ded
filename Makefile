# Gantry's commands; `make` alone lists them.
PYTHON ?= python3
VENV := .venv/bin

.DEFAULT_GOAL := help

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## set up what is missing and run the whole product (Ctrl-C stops it)
	@$(PYTHON) bootstrap.py run

demo: ## send synthetic studies through a running product to a synthetic PACS
	@test -x $(VENV)/python || { echo "Start the product first, in another terminal: make run"; exit 1; }
	@$(VENV)/python manage.py demo $(ARGS)

test: dev ## set up what is missing and run all tests, on SQLite and on PostgreSQL (ARGS="-k name")
	@$(VENV)/python -m tests.run $(ARGS)

e2e: dev ## run the tests in a real browser only
	@$(VENV)/pytest tests/e2e $(ARGS)

faults: dev ## run the whole fault and bad-input tests, of which make test has a sample (half an hour)
	@$(VENV)/python -m tests.run -m faults $(ARGS)

bench: dev ## measure beside Orthanc, DCMTK and pynetdicom (ARGS="--quick", "--only receive-ct")
	@$(VENV)/python -m benchmarks $(ARGS)

check: lint types imports migrations ## lint, types, imports and migrations

lint: dev ## style and common mistakes
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .

types: dev ## static types
	@$(VENV)/mypy .

imports: dev ## the direction of imports between the apps
	@$(VENV)/lint-imports

migrations: dev ## every model change has its migration
	@$(VENV)/python manage.py makemigrations --check --dry-run

fix: dev ## mend what lint can mend
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

translations: dev ## bring the catalogue of translations up to date with pages and sources, and compile it
	@$(VENV)/python -m gateway.languages.catalogue $(ARGS)

docs: dev ## make the screenshots of the documentation again
	@$(VENV)/python tests/e2e/screenshots.py $(ARGS)

viewer: dev ## build the viewer's bundle, where it is not built yet (Node.js is fetched where it is missing)
	@$(VENV)/python -m gateway.viewer.build

ohif: ## install OHIF, the advanced viewer (50 MB from the npm registry)
	@test -x $(VENV)/python || { echo "Set Gantry up first: make run"; exit 1; }
	@$(VENV)/python manage.py installohif

LOCK := $(VENV)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: dev ## pin all packages anew, newest releases that the lower and upper bounds allow (on Python 3.11)
	@$(LOCK) --upgrade --output-file=requirements/base.txt requirements/base.in
	@$(LOCK) --upgrade --output-file=requirements/dev.txt requirements/dev.in

clean: ## remove what can be made again: .venv and caches; var/, your data, stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

dev:
	@$(PYTHON) bootstrap.py dev

.PHONY: help run demo test e2e faults bench check lint types imports migrations fix translations docs viewer ohif lock clean dev
