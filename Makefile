# make        set up and train: the main job
# make test   set up and run every test
# Any Python from 3.11 on; choose one with `make PYTHON=python3.12`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: all test setup clean

all: $(VENV)/.ready
	$(BIN)/convscope train

test: setup
	scripts/check $(BIN)
	scripts/test $(BIN)

setup: $(VENV)/.tests

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Convscope needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1" # 25.1: --group
	$(BIN)/python -m pip install --quiet -c constraints.txt ./packages/convscope-mnist -e ".[train]"
	touch $@

$(VENV)/.tests: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dev
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt torchvision timm # --no-deps: see constraints.txt
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
