PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

# Idle OpenMP threads sleep instead of spinning: on a busy machine small
# networks train several times faster.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench wheel clean

help:  ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

# The environment is made once, and again when what it holds may have changed.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable ".[plot,test]"
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(INSTALL) --editable ".[docs]"
	@touch $@

demo: $(VENV)/installed  ## train, predict and explain; results in demo_output/
	$(BIN)/python examples/demo.py

test: $(VENV)/installed  ## run the tests and the doctests
	$(BIN)/python -m pytest --numprocesses auto

lint: $(VENV)/installed  ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed-docs  ## build the pages in docs/_build/html, warnings are errors
	$(BIN)/sphinx-build -E -W --keep-going --jobs auto -b html docs docs/_build/html

bench: $(VENV)/installed  ## measure speed beside a plain torch loop and skorch
	$(BIN)/python benchmarks/run.py

wheel: $(VENV)/installed  ## build the source archive and the wheel in dist/
	$(INSTALL) build
	rm -rf build dist
	$(BIN)/python -m build

clean:  ## remove what the other commands made, except the environment
	rm -rf build dist *.egg-info demo_output .mypy_cache .pytest_cache .ruff_cache
	rm -rf docs/_build docs/api docs/auto_examples docs/sg_execution_times.rst
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +
