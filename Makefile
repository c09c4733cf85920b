# `make demo` and `make test` need git, make and python3-venv alone; the first call makes the environment.
VENV := .venv
PYTHON := $(VENV)/bin/python
ALEXLAB := $(VENV)/bin/alexlab

.PHONY: install demo test check clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: export OMP_NUM_THREADS := 1  # as fast as two for so small a network, and not stalled by a busy machine
demo: install
	@run=runs/demo-$$(date +%Y%m%d-%H%M%S) && set -x && \
	$(ALEXLAB) train --recipe digits --out $$run && \
	$(ALEXLAB) evaluate $$run && \
	$(ALEXLAB) predict $$run examples/digits --top 3 && \
	{ set +x; } 2>/dev/null && \
	echo "report:    $$run/report.html" && \
	echo "next step: $(ALEXLAB) train --recipe tutorial-lenet-mnist   (fetches MNIST, 12 MB, if it is not there)"

test: install  # a process for each of two cores, and one thread in each
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2

check: install
	$(PYTHON) -m ruff format --check src tests benchmarks
	$(PYTHON) -m ruff check src tests benchmarks
	$(PYTHON) -m mypy

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
