# Everything a fresh machine with Python 3.11+, pip, git and make needs: `make run` and `make test`.
# Set-up leaves stamps in .venv/, so the second time is quick.

PYTHON ?= python3
# Installed before anything else, so that nothing pulls another build of it. On Linux PyPI's default build carries CUDA;
# TORCH_INSTALL="--index-url https://download.pytorch.org/whl/cpu torch torchvision" is smaller without a GPU.
TORCH_INSTALL ?= torch==2.13.0
TORCHVISION_INSTALL ?= --no-deps torchvision==0.28.0
PORT ?= 8321

venv := .venv
bin := $(venv)/bin
runtime := $(venv)/.runtime
tools := $(venv)/.tools
browser := $(venv)/.browser
fuzzer := $(venv)/.fuzzer
bundle := web/dist/index.html
web_sources := $(shell find web/src web/public web/index.html web/*.json web/*.ts web/*.js web/.npmrc 2>/dev/null)

export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help run test check bench fuzz chaos soak test-postgres mutants docs pictures web wheel starter clean
.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

run: $(runtime) ## Set up, make a first picture, and serve at http://127.0.0.1:8321 (ONCE=1 ends after the picture)
	@$(MAKE) --no-print-directory web || echo "The web page could not be built (see above); the server runs without it."
	@$(bin)/mintaka serve --port $(PORT) --run examples/hello.mtk $(if $(ONCE),--once)

test: $(tools) $(browser) web ## Set up and run all tests
	web/npm.sh test --silent
	$(bin)/python -m pytest $(ARGS)

check: $(tools) web ## Format, lint, types, import contract
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy -p mintaka
	$(bin)/pyright
	$(bin)/lint-imports --no-cache
	web/npm.sh run --silent lint

bench: $(tools) ## Print measured ratios (docs/performance.md keeps the last ones)
	@for file in bench/*.py; do echo "== $$file"; $(bin)/python $$file || exit 1; done

fuzz: $(fuzzer) ## Fuzz the readers and the ops, and compare programs with the reference (SECONDS=60, PROGRAMS=50000)
	$(bin)/python -m fuzz.readers $(or $(SECONDS),60)
	$(bin)/python -m fuzz.ops $(or $(SECONDS),60)
	$(bin)/python -m fuzz.differential $(or $(PROGRAMS),50000)
	$(bin)/python -m fuzz.histories
	$(bin)/python -m fuzz.ledger

chaos: $(tools) ## Kill a server at random moments under random jobs, and see that nothing is lost or done twice (KILLS=100)
	$(bin)/python -m fuzz.chaos $(or $(KILLS),100)

soak: $(tools) ## Mixed requests at a real engine with cancels, killed workers and bad inputs; each ends once (CALLS=1000)
	$(bin)/python -m fuzz.engine $(or $(CALLS),1000)

test-postgres: $(tools) ## Run the tests of capabilities on PostgreSQL too (Debian's, installed where it is missing)
	@command -v pg_virtualenv >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; }
	@$(bin)/python -m pip install --quiet --editable '.[postgres]'
	MINTAKA_TEST_DATABASE=postgresql+psycopg:///postgres pg_virtualenv $(bin)/python -m pytest tests/capabilities

mutants: $(tools) ## Plant faults in the capabilities one at a time; each must be caught by the test named beside it
	$(bin)/python fuzz/mutants.py

docs: $(tools) ## Write docs/reference from the ops and the capabilities
	$(bin)/python docs/generate.py

pictures: $(tools) ## Make the pictures of docs/pictures.md anew
	$(bin)/python docs/pictures.py

web: $(bundle) ## Build the web page

wheel: $(tools) $(bundle) ## Build dist/*.whl and dist/*.tar.gz
	rm -rf build
	$(bin)/python -m build

starter: $(runtime) ## Train models/starter and what goes with it anew (about three hours; goes on where it stopped)
	$(bin)/python -m models.recipe

clean: ## Remove everything that set-up and builds made
	rm -rf $(venv) build dist web/dist web/node_modules *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(venv)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mintaka needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(venv) || { $(PYTHON) -m pip install --quiet --user virtualenv && $(PYTHON) -m virtualenv --quiet $(venv); }

$(runtime): pyproject.toml $(venv)/pyvenv.cfg
	@echo "Installing Mintaka and its libraries into $(venv) (the first time takes some minutes) …"
	@$(bin)/python -m pip install --quiet --upgrade pip 'setuptools>=77'
	@$(bin)/python -m pip install --quiet $(TORCH_INSTALL)
	@$(bin)/python -m pip install --quiet $(TORCHVISION_INSTALL)
	@PYTHONWARNINGS=ignore $(bin)/python -m pip install --quiet --editable '.[all]'
	@touch $@

$(tools): $(runtime)
	@echo "Installing the development tools …"
	@$(bin)/python -m pip install --quiet --group dev
	@touch $@

$(fuzzer): $(tools)
	@$(bin)/python -m pip install --quiet --group fuzz || { echo "make fuzz needs atheris, which has no build for this Python or system; the other targets run alone: $(bin)/python -m fuzz.ops, $(bin)/python -m fuzz.differential." >&2; exit 1; }
	@touch $@

$(browser): $(tools)
	@tests/web/find_browser.sh
	@touch $@

$(bundle): $(venv)/pyvenv.cfg $(web_sources)
	@web/npm.sh ci --silent --no-audit --no-fund || { echo "npm could not fetch the packages of web/package-lock.json: it needs the npm registry once." >&2; exit 1; }
	@web/npm.sh run --silent build
	@touch $@
