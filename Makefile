# Run `make` for a list of targets. Each target first builds .venv if it is missing or older than requirements.lock.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
INTERPRETER = "$(PYTHON:~/%=$(HOME)/%)"
VENV := .venv
READY := $(VENV)/.ready
# Recipes name .venv's Python: the make of macOS looks a program up in its own PATH, not in the exported one.
RUN := $(VENV)/bin/python -m
# DVC runs `python` of PATH in a $SHELL, which may not run commands, or may change PATH. Notebooks set MPLBACKEND.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export SHELL := /bin/sh
export MPLBACKEND := agg
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help demo pretrained verify repro compare space push test test-fast exact benchmark sweep clean-env sample lint format lock venv

help:
	@echo 'make demo       run all stages on handwritten digits, in demo/ (2 minutes, no download)'
	@echo 'make pretrained make report and Space of CIFAR-10 from the released weights, without training (1 minute)'
	@echo 'make verify     evaluate the released weights on this machine and compare with the committed results'
	@echo 'make repro      run all stages on CIFAR-10 (dvc repro)'
	@echo 'make compare    compare two runs in one page: make compare A=main B=faster; names of git or of dvc exp show'
	@echo 'make space      start the packaged Space on this machine (SPACE=demo/space for the demo)'
	@echo 'make push       show what a push of the Space would do: make push SPACE_ID=user/name; YES=1 pushes,'
	@echo '                MODEL_ID=user/model also pushes the model bundle to a model repository'
	@echo 'make test       run ruff, mypy and every test (10 minutes)'
	@echo 'make test-fast  run the unit tests: no DVC, no browser (90 seconds)'
	@echo 'make exact      kill every stage at random moments and compare the results byte by byte (30 minutes)'
	@echo 'make clean-env  test the Space in a new environment from its requirements.txt (minutes, GBs)'
	@echo 'make benchmark  measure the speed, compared with a plain program and the hardware limits (15 minutes)'
	@echo 'make sweep      compare settings on held-out images, as a queue of experiments (hours; PLAN=FILE)'
	@echo 'make sample     make docs/sample-report/ anew, after a change of the report (1 minute)'
	@echo 'make lint       run ruff and mypy (make format fixes what ruff can)'
	@echo 'make lock       update requirements.lock (needs uv); make venv only builds .venv'

demo: $(READY)
	$(RUN) cifarlens.demo

pretrained: $(READY)
	$(RUN) cifarlens.release.pretrained

verify: $(READY)
	$(RUN) cifarlens.release.verify

repro: $(READY)
	$(RUN) dvc repro

# A is HEAD and B the workspace if they are not set.
# The shell takes the names from the environment, so it does not run their text.
compare: $(READY)
	$(RUN) cifarlens.comparison --a="$$A" --b="$$B"

SPACE ?= space
space: $(READY)
	$(RUN) cifarlens.space.packaging.serve $(SPACE)

push: $(READY)
	@test -n "$$SPACE_ID" || { echo 'SPACE_ID is not set; name the Space on Hugging Face: make push SPACE_ID=user/name (SPACE=demo/space for the demo).' >&2; exit 2; }
	$(RUN) cifarlens.space.packaging.push "$$SPACE_ID" $(if $(MODEL_ID),--model "$$MODEL_ID") --folder $(SPACE) $(if $(YES),--yes)

PYTEST := $(RUN) pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test: lint
	$(PYTEST)

test-fast: $(READY)
	$(PYTEST) -m 'not slow'

exact: $(READY)
	$(VENV)/bin/python tests/helpers/kill_table.py

benchmark: $(READY)
	@mkdir -p logs
	$(RUN) benchmarks --json logs/benchmark.json

PLAN ?= benchmarks/sweeps/width16.yaml
sweep: $(READY)
	$(RUN) benchmarks.sweep $(PLAN)

clean-env: $(READY)
	$(RUN) pytest -m clean_env

sample: $(READY)
	$(VENV)/bin/python docs/sample-report/make.py

lint: $(READY)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: $(READY)
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

venv: $(READY)

$(READY): requirements.lock
	@test -n "$(PYTHON)" || { echo 'cifarlens needs Python 3.11, 3.12 or 3.13; install one, or set PYTHON=/path/to/python.' >&2; exit 2; }
	@$(INTERPRETER) -c 'import ensurepip' 2>/dev/null || { echo 'This Python cannot make virtual environments; install its venv package (Debian: apt install python3-venv).' >&2; exit 2; }
	@echo 'Building $(VENV) (several GB, some minutes).'
	$(INTERPRETER) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Needs uv: pip install uv.
lock:
	UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev pyproject.toml -o requirements.lock
