# make demo | repro | space | push | test | exact | benchmark | sweep | lint: each builds .venv from requirements.lock first if it is missing or older.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo repro space push test exact benchmark sweep clean-env lint format lock venv

help:
	@echo 'make demo   all seven stages on handwritten digits, in demo/ (minutes, no data to download)'
	@echo 'make repro  all seven stages on CIFAR-10 (dvc repro)'
	@echo 'make space  start the packaged Space on this machine (SPACE=demo/space for the demo)'
	@echo 'make push   show what pushing the Space would do: make push SPACE_ID=user/name; with YES=1 do it'
	@echo 'make test   lint, then every test'
	@echo 'make exact  kill every stage at random moments and compare the bytes (half an hour)'
	@echo 'make benchmark  how fast it is, beside a plain program and what the hardware allows (10 minutes)'
	@echo 'make sweep  compare settings on held-out images, as a queue of experiments (hours; PLAN=benchmarks/sweeps/full.yaml for a GPU)'
	@echo 'make clean-env  the Space on its own requirements.txt, installed by pip (minutes, GBs)'
	@echo 'make lint   ruff and mypy (make format mends what ruff can)'
	@echo 'make lock   renew the pins (needs uv); make venv builds .venv alone'

demo: $(READY)
	python -m cifarlens.demo

repro: $(READY)
	dvc repro

SPACE ?= space
space: $(READY)
	python -m cifarlens.space.packaging.serve $(SPACE)

push: $(READY)
	@test -n "$(SPACE_ID)" || { echo 'Name the Space on Hugging Face: make push SPACE_ID=user/name (SPACE=demo/space for the demo).' >&2; exit 2; }
	python -m cifarlens.space.packaging.push "$(SPACE_ID)" --folder $(SPACE) $(if $(YES),--yes)

test: lint
	python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

exact: $(READY)
	python tests/helpers/kill_table.py

benchmark: $(READY)
	@mkdir -p logs
	python -m benchmarks --json logs/benchmark.json

PLAN ?= benchmarks/sweeps/width16.yaml
sweep: $(READY)
	python -m benchmarks.sweep $(PLAN)

clean-env: $(READY)
	python -m pytest -m clean_env

lint: $(READY)
	ruff check .
	ruff format --check .
	mypy

format: $(READY)
	ruff check --fix .
	ruff format .

venv: $(READY)

$(READY): requirements.lock
	@test -n "$(PYTHON)" || { echo 'cifarlens needs Python 3.11, 3.12 or 3.13: install one, or name it with PYTHON=/path/to/python.' >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo 'This Python cannot make virtual environments: install its venv package (Debian: apt install python3-venv).' >&2; exit 2; }
	@echo 'Building $(VENV): several GB, some minutes.'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Renew the pins (needs uv: pip install uv).
lock:
	UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev pyproject.toml -o requirements.lock
