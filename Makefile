# `make demo` and `make test` need git, make and python3-venv alone; the first call makes the environment.
VENV := .venv
PYTHON := $(VENV)/bin/python
ALEXLAB := $(VENV)/bin/alexlab

.PHONY: install demo studio studio-page test coverage bench check clean

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

# The studio's page takes nodejs and npm; a wheel has it built.
studio: install studio-page
	$(ALEXLAB) studio

studio-page:
	cd studio && npm ci --no-audit --no-fund && npm run build

test: install  # a process for each of two cores, and one thread in each; what a file's tests share is made once
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile

coverage: install  # the share of the source's lines that the tests run; shown, and no test of its own
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered --cov-report=html:.coverage-html

# The parts are scripts of benchmarks/; each writes the table that has its name. Keras gets an environment of its own, ONNX Runtime a folder.
PARTS := limits training pipeline streaming inference scaling shards scaling_out lrn describe gpu serving
bench: install .bench/keras/bin/keras-is-here .bench/onnx/onnx-is-here
	@cd benchmarks && for part in $(PARTS); do \
	  echo $$part; ALEXLAB_DATA=$(abspath $(ALEXLAB_DATA)) PYTHONPATH=$(CURDIR)/.bench/onnx ../$(PYTHON) $$part.py > $$part.new && mv $$part.new $$part.md || exit 1; done

.bench/keras/bin/keras-is-here:
	python3 -m venv .bench/keras
	.bench/keras/bin/pip install --quiet --disable-pip-version-check tensorflow-cpu
	touch $@

.bench/onnx/onnx-is-here:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target .bench/onnx onnx onnxruntime protobuf flatbuffers ml_dtypes
	touch $@

check: install
	$(PYTHON) -m ruff format --check src tests benchmarks docs
	$(PYTHON) -m ruff check src tests benchmarks docs
	$(VENV)/bin/lint-imports
	$(PYTHON) -m mypy

clean:
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage-html
