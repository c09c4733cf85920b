# `make demo` and `make test` need git, make and python3-venv alone; the first call makes the environment.
VENV := .venv
PYTHON := $(VENV)/bin/python
ALEXLAB := $(VENV)/bin/alexlab

.PHONY: demo test check install clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: install
	$(ALEXLAB) train lenet-relu digits --recipe demo
	@echo

test: install
	$(PYTHON) -m pytest

check: install
	$(PYTHON) -m ruff format --check src tests benchmarks
	$(PYTHON) -m ruff check src tests benchmarks
	$(PYTHON) -m mypy

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
