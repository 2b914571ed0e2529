# make        set up and train: the main job
# make test   set up and run the tests; CONVSCOPE_TESTS=all runs the long lists of cases whole
# Any Python from 3.11 on; choose one with `make PYTHON=python3.12`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL = scripts/install $(BIN)

.PHONY: all test setup clean

all: $(VENV)/.ready
	@scripts/first $(BIN)

test: setup
	scripts/check $(BIN)
	scripts/test $(BIN)

setup: $(VENV)/.tests

$(VENV)/.ready: pyproject.toml constraints.txt packages/convscope-mnist/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Convscope needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) "pip>=25.1" # 25.1: --group
	@$(INSTALL) -c constraints.txt ./packages/convscope-mnist -e ".[train,onnx,explore]"
	@touch $@

$(VENV)/.tests: $(VENV)/.ready
	@$(INSTALL) -c constraints.txt --group dev
	@$(INSTALL) --no-deps -c constraints.txt torchvision timm # --no-deps: see constraints.txt
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
