# make run    set up what is missing, then serve the app on http://127.0.0.1:8501
# make test   set up what is missing, then run the whole suite
# make test-portable   the numerical part of the suite as other processors, threads and seeds have it
# make docs   the documentation, into build/docs/site;  make measures  the size and shape of the code
# make lint   ruff and mypy, eslint, prettier and tsc;  make bench  the short benchmarks;  make clean  remove the environment
# make bench-samples   sheets of generated digits after a stated budget (ten minutes of one core)
# make bench-modes   modes reached by ten GANs on ring and grid, five seeds (half an hour)
# make bench-nll   test log-likelihood on the full MNIST (three quarters of an hour)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
WORKERS ?= 2

.PHONY: run test test-js test-portable test-portable-short lint lint-js docs measures bench bench-samples bench-nll bench-modes clean

run: $(VENV)/.runtime
	$(BIN)/streamlit run app.py --server.port $(PORT)

# Two groups: what may run side by side, and what drives a real browser and wants the machine alone.
test: $(VENV)/.dev test-js
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) -m "not browser" --durations=15
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser tests/browser --durations=15

# Settings under which a result that hangs on a processor or a seed shows. One alone, on one folder:
# make test-portable SETTINGS=avx2 PARTS=tests/lessons
old := OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE
avx2 := OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
# Threads that spin while they wait would take the cores from each other.
threads := OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE
seed := OMP_NUM_THREADS=1 GENLAB_TEST_SEED=1
SETTINGS ?= old avx2 threads seed
NUMERICAL := $(addprefix tests/,accelerate compare core data distributions divergences \
	figures inference latent lessons metrics models nets objectives panels paths probes report \
	science sentinel train)
PARTS ?= $(NUMERICAL)
# What trains or samples, and takes less than three minutes.
SAMPLING := $(addprefix tests/,distributions inference lessons)

test-portable: $(addprefix portable-,$(SETTINGS))

portable-%: $(VENV)/.dev
	@echo "== $*: $($*)"
	$($*) $(BIN)/python -m pytest -n $(WORKERS) $(PARTS)

test-portable-short:
	$(MAKE) test-portable SETTINGS=old PARTS="$(SAMPLING)"

# The scripts of the pages, without a browser; node is all they need.
test-js:
	@if command -v node >/dev/null; then node --test $(wildcard tests/js/*.test.js); \
	else echo "node is not installed: the unit tests of the scripts are skipped"; fi

lint: $(VENV)/.dev lint-js
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	$(BIN)/python scripts/make_docs.py

# More of it: MEASURES="--types --strict".
measures: $(VENV)/.dev
	$(BIN)/python scripts/measure_house.py $(MEASURES)

lint-js: node_modules/.stamp
	@if command -v npm >/dev/null; then npm run --silent lint; \
	else echo "npm is not installed: eslint, prettier and tsc are skipped"; fi

# What checks the scripts; nothing of it is needed to run the app.
node_modules/.stamp: package.json package-lock.json .npmrc
	@if command -v npm >/dev/null; then npm ci --silent && touch $@; fi

bench: $(VENV)/.dev
	@for file in $(filter-out bench/nll.py bench/samples.py bench/modes.py,$(wildcard bench/*.py)); do echo "== $$file"; PYTHONPATH=. $(BIN)/python $$file || exit 1; done

# The files of MNIST, as torchvision has them, packed or not; one model: NLL="--only made".
GENLAB_DATA ?= ../shared/data
bench-nll: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python bench/nll.py --data $(GENLAB_DATA) $(NLL)

# Half an hour on two cores; less with ARGS="--seeds 2 --only r3gan".
bench-modes: $(VENV)/.dev
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python bench/modes.py $(ARGS)

# Another budget or data: SAMPLES="--seconds 60 --data digits".
bench-samples: $(VENV)/.dev
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python bench/samples.py $(SAMPLES)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("GenLab needs Python 3.11 or newer; this is %d.%d" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@ $(VENV)/.runtime

$(VENV)/.docs: requirements-docs.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --requirement requirements-docs.txt
	@touch $@

clean:
	rm -rf $(VENV) build node_modules
