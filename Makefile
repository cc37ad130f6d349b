# Every target sets up what it needs. `make help` lists them.
AIRFLOW ?= 3.3
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
LOCAL := .local
RUN := $(VENV)/bin
KFP := $(LOCAL)/kfp/bin/python

export MLJOBS_KFP_PYTHON := $(CURDIR)/$(KFP)
# Airflow reads its settings from here at import, and must not meet those of another installation.
export AIRFLOW_HOME := $(CURDIR)/$(LOCAL)/airflow
export AIRFLOW__CORE__LOAD_EXAMPLES := False
# Where bytecode is not kept, each of Airflow's processes spends half of its start on compiling.
export PYTHONDONTWRITEBYTECODE :=

# These wait for servers more than they compute; those with an Airflow of their own have the machine alone.
SIDE_BY_SIDE := --numprocesses 3

.DEFAULT_GOAL := help
.PHONY: help demo docs test test-matrix wheel chaos bench screenshots lint unit contract e2e format clean

help: ## List the targets
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 19

demo: $(VENV)/ready $(KFP) ## Run the example DAGs for real: Airflow, emulator and jobs on this machine (KEEP=1 leaves it up)
	@exec $(RUN)/python scripts/demo.py $(if $(KEEP),--keep)

docs: $(VENV)/ready ## Build the documentation, to docs/_build/html; a warning is an error
	@# What is kept of a page with a warning would be silent about it the next time.
	$(RUN)/sphinx-build -q -W --keep-going -d $(LOCAL)/doctrees docs docs/_build/html \
		|| { rm -rf $(LOCAL)/doctrees; exit 1; }

test: $(VENV)/ready $(KFP) lint docs ## Run every check and every test
	$(RUN)/coverage erase
	$(RUN)/coverage run -m pytest tests/unit/jobs
	$(RUN)/coverage report --include='src/airflow_mljobs/jobs/*' --fail-under=100 --show-missing
	$(RUN)/pytest tests/unit tests/contract tests/docs tests/emulator tests/clients $(SIDE_BY_SIDE)
	$(RUN)/pytest tests/benchmarks tests/e2e tests/chaos

test-matrix: $(VENV)/ready ## Test the wheel on every Airflow and Python that is here (AIRFLOWS="3.1 3.3" PYTHONS="3.12")
	@exec $(RUN)/python scripts/matrix.py $(if $(AIRFLOWS),--airflow $(AIRFLOWS)) $(if $(PYTHONS),--python $(PYTHONS))

wheel: $(VENV)/ready ## Build the wheel in dist/, install it alone, and test it there
	@exec $(RUN)/python scripts/matrix.py --suites wheel unit --airflow $(AIRFLOW) \
		--python $$($(RUN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

chaos: $(VENV)/ready ## Kill, lose and refuse whatever can be, and count the jobs (TRIALS=228 SEED=0)
	@PYTHONPATH=scripts:tests exec $(RUN)/python -m chaos \
		$(if $(TRIALS),--trials $(TRIALS)) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/ready ## Measure polling and starting beside the Google provider, and check the claims (JOBS="100 1000 5000")
	@PYTHONPATH=scripts exec $(RUN)/python -m benchmarks --jobs $(or $(JOBS),100 1000 5000) --check

screenshots: $(VENV)/ready $(KFP) ## Take the pictures in docs/images anew (needs Debian's chromium, or CHROMIUM=…)
	$(RUN)/uv pip install --quiet --python $(RUN)/python --group screenshots -c constraints/airflow-$(AIRFLOW).txt
	@exec $(RUN)/python scripts/screenshots.py $(if $(CHROMIUM),--chromium $(CHROMIUM))

lint: $(VENV)/ready ## Run ruff, mypy and import-linter
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

unit contract e2e: $(VENV)/ready $(KFP) ## Run one folder of the tests
	$(RUN)/pytest tests/$@

format: $(VENV)/ready ## Mend what ruff can mend
	$(RUN)/ruff check --fix-only .
	$(RUN)/ruff format .

clean: ## Remove everything that was set up or left behind
	rm -rf $(VENV) $(LOCAL) dist docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage

$(VENV)/ready: pyproject.toml constraints/airflow-$(AIRFLOW).txt constraints/setup.txt
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed; name one with PYTHON=…' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check -r constraints/setup.txt
	$(RUN)/uv pip install --quiet --python $(RUN)/python -e . --group dev -c constraints/airflow-$(AIRFLOW).txt
	@touch $@

$(KFP): constraints/kfp.txt $(VENV)/ready
	$(PYTHON) -m venv --clear $(LOCAL)/kfp
	$(RUN)/uv pip install --quiet --python $@ -r constraints/kfp.txt
	@touch $@
