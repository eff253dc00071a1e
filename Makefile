# The two commands of the README, and those behind them. Everything happens in .venv.

PYTHON ?= python3
BIN := .venv/bin
OUT ?= results

.PHONY: help setup reproduce test check slow faults docs clean

help:
	@echo "make reproduce   set up, pretrain on this machine and draw the report (OUT=results)"
	@echo "make test        set up, lint, check types and layers, run the tests"
	@echo "make slow        the slow tests too"
	@echo "make faults      kill runs, damage files, fill disks, mutate inputs: nothing may be lost (15 minutes)"
	@echo "make docs        build the documentation into site/; its tutorials run, and a broken link is an error"
	@echo "make clean       remove the environment and caches; results stay"

setup: .venv/installed

# torch first and alone: its pin keeps later packages from pulling in CUDA builds
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "priormix needs Python 3.11 or newer; try make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

reproduce: setup
	$(BIN)/priormix reproduce --preset quick --out $(OUT)

test: setup check
	$(BIN)/python -m pytest -m "not slow and not gpu" --numprocesses auto --dist loadfile

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

slow: setup
	$(BIN)/python -m pytest -m "not gpu" --numprocesses auto --dist loadfile --timeout 3000

faults: setup
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/campaign.py

docs: setup
	NO_MKDOCS_2_WARNING=1 OMP_NUM_THREADS=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf .venv site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist src/*.egg-info
