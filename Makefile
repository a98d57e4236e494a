# Two commands for a fresh clone: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
RUN = OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(VENV)/bin/python
WORKERS ?= 2
PYTEST_ARGS ?=
FAST = tests/epropnp tests/epropnp_data tests/epropnp_6dof/metrics tests/epropnp_6dof/bop \
	tests/epropnp_det/evaluation tests/epropnp_det/datasets \
	tests/test_repository.py tests/test_layering.py tests/test_support.py tests/test_readme.py
LMO_ARGS ?=
export VENV

.PHONY: bench docs help setup demo demo-6dof lmo test test-fast test-processors lint format check-env

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## local .venv with everything in it; the first time compiles mmcv (about ten minutes)
	@$(PYTHON) tools/setup_env.py

demo: setup  ## synthetic nuScenes -> training -> official score -> pictures (15 minutes)
	@$(VENV)/bin/python tools/demo.py

demo-6dof: setup  ## synthetic BOP set -> 6DoF training -> scores -> pictures (9 minutes)
	@$(VENV)/bin/python tools/demo_6dof.py

lmo: setup  ## LM-O without any download page: prepare -> render -> train -> test on 200 real images (an hour, extrapolated)
	@$(VENV)/bin/python tools/lmo.py $(LMO_ARGS)

test: setup  ## all tests and the linter; PYTEST_ARGS="-k name" selects
	@$(RUN) -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS); code=$$?; \
	if [ -n "$(EXIT_CODE_FILE)" ]; then echo $$code > "$(EXIT_CODE_FILE)"; fi; exit $$code

test-fast: setup  ## the layer, data and metrics, without slow tests (under 90 seconds)
	@$(RUN) -m pytest -n $(WORKERS) --dist loadfile -m "not slow" $(FAST) $(PYTEST_ARGS)

test-processors: setup  ## the tests as other processors would run them; PYTEST_ARGS selects
	@$(VENV)/bin/python tools/dev/processors.py $(PYTEST_ARGS)

bench: setup  ## time and memory of the layer, beside other solvers (under 10 minutes, idle machine)
	@$(VENV)/bin/python benchmarks/bench_layer.py $(BENCH_ARGS)

docs: setup  ## the documentation as a site in build/docs, offline; every broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --clean && echo build/docs/index.html

lint: setup  ## ruff: rules and formatting
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

format: setup  ## ruff: repair what can be repaired
	@$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

check-env:  ## say in plain words what is missing or incompatible
	@if [ -x $(VENV)/bin/python ]; then $(RUN) tools/check_env.py; else $(PYTHON) tools/check_env.py; fi
