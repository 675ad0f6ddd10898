# Needs Python 3.11 or newer and make, nothing else. `make` alone lists what there is.
SHELL := /bin/sh
export PATH := $(or $(PATH),/usr/local/bin:/usr/bin:/bin)
export UV_PYTHON_DOWNLOADS := never
export PYTHONDONTWRITEBYTECODE :=
PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python
CDK = $$($(RUN) -c 'from ops.node import NODE; print(NODE)') stacks/cli/node_modules/aws-cdk/bin/cdk
SETTINGS := $(if $(CONTEXT),--context $(CONTEXT))
export CDK_ARGS := $(ARGS)

# make itself answers 2 to any recipe that fails. Question mode answers 1 to a target that is not
# up to date: so `make drill` ends with the drill's own status, 0 PASSED, 1 FAILED, 2 INCONCLUSIVE.
# The file that says so carries make's own process id, so that drills may run side by side.
PASSED := $(VENV)/passed.$(shell echo $$PPID)
ifeq (drill,$(MAKECMDGOALS))
MAKEFLAGS += -q
endif

.PHONY: help setup drill run-drill load bench-load bench-tables bench-verify campaign synth build preflight bootstrap deploy destroy snapshots test test-all test-majors lint docs lock certificates clean

help: ## list the targets
	@echo 'RDS Time Machine: prove that an RDS for PostgreSQL database comes back.'; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'
	@echo; echo 'Options of make drill:'
	@echo '  DAMAGE=<name>  damage the backup and watch it being caught (DAMAGE=list lists the ways)'
	@echo '  INPUT=<file>   an execution input, see statemachine/examples/'
	@echo '  SQL=<file>     your own SQL or pg_dump file as the source'
	@echo '  KEEP=1         keep the logs and all evidence beside the report'
	@echo; echo 'Options of make load:'
	@echo '  CSV=<file>     the CSV; gzip, bzip2 and zstandard too'
	@echo '  TABLE=<name>   the table, made if it is not there; by default named like the file'
	@echo '  SQL=<file>     SQL or a pg_dump file to run first, to make the table yourself'
	@echo '  OPTIONS=<json> more of the input, as in {"max_errors": 10}'
	@echo; echo 'Options of make bench-load:'
	@echo '  MIB=<number>   size of the data in MiB (192)'
	@echo '  ROUNDS=<number> runs of every contender (9)'
	@echo; echo 'Options of make bench-tables:'
	@echo '  TABLES=<number> how many tables (5000)'
	@echo; echo 'Options of make bench-verify:'
	@echo '  MIB=<number>   size of the data in MiB, about (400)'
	@echo '  ROUNDS=<number> runs of every contender (7)'
	@echo; echo 'Options of make campaign:'
	@echo '  ONLY=<names>   damages or families, parts of their names, with commas; none: none (all)'
	@echo '  SAMPLE=<n>     only every n-th of them (1)'
	@echo '  CHECKSUMS=<on> data checksums of the source: on, off or both (both)'
	@echo '  POSTGRES=<bin> bin folders of other PostgreSQLs, with commas; embedded is ours (embedded)'
	@echo '  JOBS=<number>  copies at the same time (2)'
	@echo '  WORKLOADS=<n>  besides, n generated workloads during the drill, on the first POSTGRES (0)'
	@echo '  SEED=<number>  of every choice (1)'
	@echo '  LIST=1         list the damages'
	@echo; echo 'Options of make synth, preflight, bootstrap, deploy and destroy:'
	@echo '  CONTEXT=<file> a JSON file of settings, instead of those in cdk.json'
	@echo '  ARGS=<options> more options: --json, --policy (preflight); those of CDK (bootstrap, deploy, destroy)'
	@echo; echo 'Options of make snapshots:'
	@echo '  SOURCE=<name>  only those of one instance'
	@echo '  ARGS=<options> --stack, --prefix, --json'

setup: $(VENV)/ready ## set up the virtual environment (the other targets do it by themselves)

$(VENV)/ready: requirements.txt local/setup.sh
	+@/bin/sh local/setup.sh "$(PYTHON)" "$(VENV)"

drill: run-drill $(PASSED) ## run a whole drill on this machine; exit status 0 PASSED, 1 FAILED, 2 INCONCLUSIVE

# A signal to make reaches its shell, which hands it on: a shell that waits for a program in front
# would hear it only at that program's end.
run-drill: $(VENV)/ready
	+@find $(VENV) -maxdepth 1 -name 'passed.*' -mtime +0 -delete; rm -f $(PASSED); status=0; \
	$(RUN) -m local.drill --damage="$(DAMAGE)" --input="$(INPUT)" --sql="$(SQL)" \
	  $(if $(filter-out 0,$(KEEP)),--keep) & drill=$$!; trap 'kill -TERM $$drill' TERM; \
	wait $$drill || status=$$?; \
	while kill -0 $$drill 2>/dev/null; do wait $$drill && status=0 || status=$$?; done; \
	if [ $$status = 0 ]; then touch $(PASSED); fi; \
	if [ $$status -gt 1 ]; then exit $$status; fi

# Order only: it is not there unless the drill has just passed.
$(PASSED): | run-drill
	@false

# A table's name and JSON hold quotes: the shell has them from the environment, where make puts what
# its command line says.
load: $(VENV)/ready ## load a CSV on this machine into a real PostgreSQL
	@$(RUN) -m local.load --csv="$(CSV)" --table="$$TABLE" --sql="$(SQL)" --options="$$OPTIONS"

bench-load: $(VENV)/ready ## measure the load of a CSV against the other ways to do it (some minutes)
	@$(RUN) -m bench.load $(if $(MIB),--mib "$(MIB)") $(if $(ROUNDS),--rounds "$(ROUNDS)")

bench-tables: $(VENV)/ready ## a drill over 5,000 tables, and the plan of 10 TiB (half an hour)
	@$(RUN) -m bench.tables $(if $(TABLES),--tables "$(TABLES)")

bench-verify: $(VENV)/ready ## measure the count with its fingerprint against the other ways (some minutes)
	@$(RUN) -m bench.verification $(if $(MIB),--mib "$(MIB)") $(if $(ROUNDS),--rounds "$(ROUNDS)")

campaign: $(VENV)/ready ## damage copies in hundreds of ways and verify each (an hour; see its options)
	@$(RUN) -m campaign --only="$(ONLY)" $(if $(SAMPLE),--sample="$(SAMPLE)") $(if $(CHECKSUMS),--checksums="$(CHECKSUMS)") \
	  $(if $(POSTGRES),--postgres="$(POSTGRES)") $(if $(JOBS),--jobs="$(JOBS)") \
	  $(if $(WORKLOADS),--workloads="$(WORKLOADS)") $(if $(SEED),--seed="$(SEED)") \
	  $(if $(filter-out 0,$(LIST)),--list)

synth: $(VENV)/ready ## write the CloudFormation template into build/cdk.out; asks nobody anything
	@rm -rf build/cdk.out
	@CDK_OUTDIR=build/cdk.out $(RUN) app.py -c 'aws:cdk:bundling-stacks=[]' $(SETTINGS)
	@ls build/cdk.out/*.template.json

build: $(VENV)/ready ## build the functions' asset and the layer into build/; print what they weigh
	@$(RUN) -m ops.build build

preflight: $(VENV)/ready ## ask the AWS account of the environment whether it can be deployed; it only reads
	@$(RUN) -m ops.preflight $(SETTINGS) $(ARGS)

bootstrap: $(VENV)/ready ## prepare the account and region of the environment for CDK, once
	@$(RUN) -m ops.node install stacks/cli
	@$(CDK) bootstrap --app '$(RUN) app.py $(SETTINGS)' $(ARGS)

deploy: $(VENV)/ready ## deploy to the AWS account of the environment
	@$(RUN) -m ops.node install stacks/cli
	@$(CDK) deploy --app '$(RUN) app.py $(SETTINGS)' --all $(ARGS)

destroy: $(VENV)/ready ## take the deployment down; the evidence bucket stays
	@$(RUN) -m ops.node install stacks/cli
	@$(CDK) destroy --app '$(RUN) app.py $(SETTINGS)' --all $(ARGS)

snapshots: $(VENV)/ready ## list the snapshots that drills took in the AWS account of the environment
	@$(RUN) -m ops.snapshots --source="$(SOURCE)" $(ARGS)

# One more worker than cores: drills wait for their clocks.
PARALLEL = -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist worksteal

test: $(VENV)/ready lint ## lint, then run the tests (ten minutes on two cores)
	@$(RUN) -m pytest $(PARALLEL) -m 'not thorough'

test-all: $(VENV)/ready lint ## lint, then every test: those too that repeat another at length
	@TM_THOROUGH=1 $(RUN) -m pytest $(PARALLEL)

test-majors: $(VENV)/ready ## drills, checks and damages on PostgreSQL 14, 16 and 17 (MAJORS='14 16 17'; half an hour)
	@$(RUN) -m local.majors $(MAJORS)

lint: $(VENV)/ready ## ruff and mypy
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy

docs: $(VENV)/ready ## write what comes from something else: the deployed state machines, the tables of docs/
	@$(RUN) -m ops.tables

lock: $(VENV)/ready ## write requirements.txt again from requirements.in
	@UV_SYSTEM_CERTS=1 $(VENV)/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 --custom-compile-command "make lock" requirements.in -o requirements.txt
	@UV_SYSTEM_CERTS=1 $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.13 --custom-compile-command "make lock" --constraint requirements.txt \
	  --no-annotate layer/requirements.in -o layer/requirements.txt

certificates: $(VENV)/ready ## renew the RDS certificate authorities (BUNDLE=<the vendor's file>, or npm's copy)
	@$(RUN) -m ops.certificates $(if $(BUNDLE),--bundle "$(BUNDLE)")

clean: ## remove what the targets made
	@rm -rf $(VENV) build reports */cli/node_modules tests/infra/node/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
