# make run    set up what is missing, then serve the app on http://127.0.0.1:8501
# make test   set up what is missing, then run the whole suite
# make test-portable   the numerical part of the suite as other processors, threads and seeds have it
# make lint   ruff and mypy;  make bench  the short benchmarks;  make clean  remove the environment
# make bench-samples   sheets of generated digits after a stated budget (ten minutes of one core)
# make bench-modes   modes reached by ten GANs on ring and grid, five seeds (half an hour)
# make bench-nll   test log-likelihood on the full MNIST (three quarters of an hour)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
WORKERS ?= 2

.PHONY: run test test-portable test-portable-short lint bench bench-samples bench-nll bench-modes clean

run: $(VENV)/.runtime
	$(BIN)/streamlit run app.py --server.port $(PORT)

# Two groups: what may run side by side, and what drives a real browser and wants the machine alone.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) -m "not browser" --durations=15
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser tests/browser --durations=15

# Settings under which a result that hangs on a processor or a seed shows. One alone, on one folder:
# make test-portable SETTINGS=avx2 PARTS=tests/learn
old := OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE
avx2 := OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
threads := OMP_NUM_THREADS=2
seed := OMP_NUM_THREADS=1 GENLAB_TEST_SEED=1
SETTINGS ?= old avx2 threads seed
NUMERICAL := $(addprefix tests/,compare data distributions divergences evaluate figures inference \
	latent learn models nets objectives report science sentinel train)
PARTS ?= $(NUMERICAL)
# What trains or samples, and takes less than three minutes.
SAMPLING := $(addprefix tests/,distributions inference learn science train)

test-portable: $(addprefix portable-,$(SETTINGS))

portable-%: $(VENV)/.dev
	@echo "== $*: $($*)"
	$($*) $(BIN)/python -m pytest -n $(WORKERS) $(PARTS)

test-portable-short:
	$(MAKE) test-portable SETTINGS=old PARTS="$(SAMPLING)"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

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

clean:
	rm -rf $(VENV)
