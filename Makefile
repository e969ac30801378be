# Everything happens inside this checkout: packages in .venv, state of services in .clarify, the demo's report in
# demo-output. Needs make, git and Python 3.11 or later.

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-browser up down bench-bias bench-shap constraints clean

# Prefect, matplotlib and the tracking store would otherwise write into the home directory; nobody phones home.
export PREFECT_HOME := $(CURDIR)/.clarify/prefect
export MPLCONFIGDIR := $(CURDIR)/.clarify/matplotlib
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
# The demo and the tests must not write to servers that the caller's shell happens to point at.
unexport PREFECT_API_URL PREFECT_API_KEY PREFECT_PROFILE MLFLOW_TRACKING_URI MLFLOW_REGISTRY_URI VIRTUAL_ENV PYTHONPATH
# Every test process and server imports large libraries: compiled once, they load much faster.
unexport PYTHONDONTWRITEBYTECODE

PEER ?= .venv/bin/python
BENCH_GAMES := accuracy interval_coverage stopping global_intervals break_even
BENCH_FULL := $(if $(FULL),--full)
BENCH_FILES := $(if $(GERMAN),--german $(GERMAN)) $(if $(ADULT),--adult $(ADULT))

help:
	@echo "make setup       packages into .venv, and nothing else; then .venv/bin/clarify --help"
	@echo "make demo        train a small model and analyse it; the report is in demo-output/"
	@echo "make test        ruff, mypy and the whole test suite"
	@echo "make test-browser  the report's pages in a Chromium of this machine, in every scheme and on paper"
	@echo "make up          start Prefect, MLflow and a worker on this machine"
	@echo "make down        stop exactly those"
	@echo "make bench-bias  coverage of the intervals, errors of the verdicts, power against simulation (half an hour)"
	@echo "make bench-shap  accuracy, honesty and cost of the SHAP engine, beside shap.KernelExplainer (FULL=1: hours)"
	@echo "make constraints resolve constraints.txt again from pyproject.toml"
	@echo "make clean       stop the services; remove the demo's output and caches, but neither runs (.clarify) nor .venv"

# Test files are shared among processes; each starts its own servers.
TEST_PROCESSES ?= 2

setup:
	@sh scripts/setup.sh demo

demo:
	@sh scripts/setup.sh demo
	@.venv/bin/clarify demo --output demo-output

test:
	@sh scripts/setup.sh test
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-browser:
	@sh scripts/setup.sh browser
	.venv/bin/pytest tests/browser

up:
	@sh scripts/setup.sh demo
	@.venv/bin/python -m deployments.services up

down:
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m deployments.services down; fi

bench-bias:
	@sh scripts/setup.sh test
	.venv/bin/python benchmarks/bias/coverage_of_intervals.py
	.venv/bin/python benchmarks/bias/verdict_errors.py --tables 250 --n-d 50 100 500
	.venv/bin/python benchmarks/bias/power_against_simulation.py

# FULL=1 runs more rows and seeds; GERMAN=FILE and ADULT=FILE add the games of those data; PEER=PYTHON is the Python of
# an environment with benchmarks/shap/peers-requirements.txt.
bench-shap:
	@sh scripts/setup.sh test
	@set -e; for script in $(BENCH_GAMES); do \
		printf '\n## %s\n\n' $$script; \
		OMP_NUM_THREADS=1 PYTHONPATH=. $(PEER) benchmarks/shap/$$script.py $(BENCH_FULL) $(BENCH_FILES); \
	done
	@printf '\n## throughput\n\n'
	@.venv/bin/python benchmarks/shap/throughput.py $(BENCH_FULL) $(if $(FULL),,--estimators kriging)
	@printf '\n## overhead\n\n'
	@.venv/bin/python benchmarks/shap/overhead.py --clock cpu $(if $(FULL),,--rows 32 --repeats 3)

# Plain name==version lines: no index, no path. uv is listed because set-up uses it.
constraints:
	@sh scripts/setup.sh demo
	@echo uv | .venv/bin/uv pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --extra test --extra browser --extra java --extra xgboost pyproject.toml - -o constraints.txt

clean: down
	@rm -rf demo-output spark-warehouse .mypy_cache .ruff_cache .pytest_cache .clarify/logs .clarify/matplotlib
	@find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
