# visalign: `make` sets up and runs the main job, `make test` sets up and tests.
.DEFAULT_GOAL := reproduce
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= all
VENV := .venv
IN := . $(VENV)/bin/activate &&
STAMP := $(VENV)/.installed

.PHONY: reproduce setup test test-slow test-generators test-slurm mutants lint bench refresh real harmonize-demo harmonize-study rehearse clean help

reproduce: setup  ## set up, then run config/config.yaml: scores, figures, report (the default)
	$(IN) snakemake --cores $(CORES) || { \
	  snakemake --cores $(CORES) --config allow_missing=True --forcerun scores; \
	  echo "Some models failed: see the status column of results/scores.csv. 'make' again retries them." >&2; exit 1; }

setup: $(STAMP)  ## create .venv with the pins of envs/

# The lists of envs/ are the only place where versions stand.
$(STAMP): envs/analysis.yaml envs/vision.yaml envs/workflow.yaml
	$(PYTHON) -c 'import sys; sys.exit("visalign needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	sed -n 's/^ *- \([]A-Za-z0-9_.[-]*==[^ ]*\)$$/\1/p' envs/*.yaml | sort -u > $(VENV)/pins.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/pins.txt
	echo '$(CURDIR)/workflow' > "$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/visalign.pth"
	touch $@

# A process per core, each with one thread; the tests of a file share what they set up.
test: setup  ## set up, then run all tests that are not slow
	$(IN) OMP_NUM_THREADS=1 pytest -n logical --dist loadfile -m "not slow and not slurm" tests

test-slow: setup  ## run the slow tests
	$(IN) OMP_NUM_THREADS=1 pytest -n logical --dist loadfile -m slow tests

test-generators: setup  ## show the claims about generators of visual tasks on 1,000 images each (about 40 minutes)
	$(IN) IMAGES=1000 OMP_NUM_THREADS=1 pytest -n logical -m slow tests/unit/visual_tasks

test-slurm: setup  ## start a Slurm of one node and run the tests on it (as root on Debian, install it first)
	command -v slurmctld > /dev/null || test "$$(id -u)" != 0 || { apt-get update -qq && \
	  apt-get install -qq -y --no-install-recommends slurmctld slurmd slurm-client munge; } || true
	$(IN) pytest -m slurm tests/slurm

mutants: setup  ## can the tests fail? wrong estimators that they must notice (about 40 minutes)
	$(IN) python tests/mutants.py --json results/mutants.json

lint: setup  ## check style, types, rules and what a repository of Python should have
	$(IN) ruff check workflow tests bench
	$(IN) ruff format --check workflow tests bench
	$(IN) snakefmt --check --no-sort Snakefile workflow/rules
	$(IN) snakemake --lint --config check=False > .venv/lint.txt 2>&1 || { cat .venv/lint.txt; exit 1; }
	$(IN) mypy
	$(IN) sp-repo-review . > .venv/repo-review.txt || { cat .venv/repo-review.txt; exit 1; }

bench: setup $(patsubst bench/%.py,bench-%,$(wildcard bench/[a-z]*.py))  ## run all benchmarks; JSON in results/bench

bench-%: setup  ## run one benchmark, bench/NAME.py
	$(IN) python bench/$*.py

refresh: setup  ## rerun RULE=..., then only what its changed results affect
	$(IN) snakemake --cores $(CORES) --until $(RULE) --forcerun $(RULE) && snakemake --cores $(CORES)

# A folder of its own, which sees this one's config and data. MIRROR=URL fetches from there.
real: setup  ## fetch public recordings of V4, IT and fixations (13 MB), and compare the networks with them
	mkdir -p results/real data && ln -sfn ../../config results/real/config && ln -sfn ../../data results/real/data
	$(IN) snakemake --cores $(CORES) --directory results/real --configfile config/real.yaml \
	  $(if $(MIRROR),--config 'downloads={"mirror": "$(MIRROR)"}')

rehearse: setup  ## run the full study on synthetic contents of the public sizes; REHEARSE='--scale 0.01' for less
	$(IN) python bench/rehearse $(REHEARSE)

# Each has a folder of its own, which sees this one's config.
harmonize-demo harmonize-study: harmonize-%: setup
	mkdir -p results/harmonize/$* && ln -sfn ../../../config results/harmonize/$*/config
	$(IN) snakemake --cores $(CORES) --directory results/harmonize/$* --configfile config/harmonize/$*.yaml
	cat results/harmonize/$*/results/train/comparison.md

harmonize-demo:  ## train a small network with and without the harmonizer, and compare
harmonize-study:  ## the same with several weights, IT predictivity and perturbation tolerance

clean:  ## delete results, logs and caches (not .venv)
	rm -rf logs .snakemake .pytest_cache .mypy_cache .ruff_cache
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +

help:  ## list targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
