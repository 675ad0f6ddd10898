# Needs Python 3.11 or newer and make, nothing else. `make` alone lists what there is.
SHELL := /bin/sh
export PATH := $(or $(PATH),/usr/local/bin:/usr/bin:/bin)
export UV_PYTHON_DOWNLOADS := never
export PYTHONDONTWRITEBYTECODE :=
PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python

# make itself answers 2 to any recipe that fails. Question mode answers 1 to a target that is not
# up to date: so `make drill` ends with the drill's own status, 0 PASSED, 1 FAILED, 2 INCONCLUSIVE.
# The file that says so carries make's own process id, so that drills may run side by side.
PASSED := $(VENV)/passed.$(shell echo $$PPID)
ifeq (drill,$(MAKECMDGOALS))
MAKEFLAGS += -q
endif

.PHONY: help setup drill run-drill test lint lock clean

help: ## list the targets
	@echo 'RDS Time Machine: prove that an RDS for PostgreSQL database comes back.'; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'
	@echo; echo 'Options of make drill:'
	@echo '  DAMAGE=<name>  damage the backup and watch it being caught (DAMAGE=list lists the ways)'
	@echo '  INPUT=<file>   an execution input, see statemachine/examples/'
	@echo '  SQL=<file>     your own SQL or pg_dump file as the source'
	@echo '  KEEP=1         keep the logs and all evidence beside the report'

setup: $(VENV)/ready ## set up the virtual environment (the other targets do it by themselves)

$(VENV)/ready: requirements.txt local/setup.sh
	+@/bin/sh local/setup.sh "$(PYTHON)" "$(VENV)"

drill: run-drill $(PASSED) ## run a whole drill on this machine; exit status 0 PASSED, 1 FAILED, 2 INCONCLUSIVE

run-drill: $(VENV)/ready
	+@find $(VENV) -maxdepth 1 -name 'passed.*' -mtime +0 -delete; rm -f $(PASSED); status=0; \
	$(RUN) -m local.drill --damage="$(DAMAGE)" --input="$(INPUT)" --sql="$(SQL)" \
	  $(if $(filter-out 0,$(KEEP)),--keep) || status=$$?; \
	if [ $$status = 0 ]; then touch $(PASSED); fi; \
	if [ $$status -gt 1 ]; then exit $$status; fi

# Order only: it is not there unless the drill has just passed.
$(PASSED): | run-drill
	@false

test: $(VENV)/ready lint ## lint, then run every test
	@$(RUN) -m pytest -n auto --dist worksteal

lint: $(VENV)/ready ## ruff and mypy
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy

lock: $(VENV)/ready ## write requirements.txt anew from requirements.in
	@$(VENV)/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 --custom-compile-command "make lock" requirements.in -o requirements.txt

clean: ## remove what the targets made
	@rm -rf $(VENV) reports .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
