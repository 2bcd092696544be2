# make demo    everything needed, then the failover lab with its verdicts; afterwards plain `labkit ...` works
# make test    everything needed, then all checks and tests
# make docs    the pages that are made from tables
# make bench   the measurements, side by side with peers (root)
# make clean   take away what the others made

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A system Python is preferred: other users can read it, which labs without root need.
PYTHON ?= $(firstword $(shell for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	command -v $$python >/dev/null && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$python; done))
# Tests wait for timers more than they work.
JOBS ?= $(shell expr $$(nproc) + 1)
LINKS := $(if $(filter 0,$(shell id -u)),/usr/local/bin,$(HOME)/.local/bin)

.PHONY: demo test docs bench link clean

demo: link
	$(BIN)/labkit run failover

link: $(READY)
	@mkdir -p $(LINKS)
	@ln -sf $(CURDIR)/$(BIN)/labkit $(CURDIR)/$(BIN)/pykeepalived $(LINKS)/
	@case ":$$PATH:" in *:$(LINKS):*) ;; *) echo "labkit is in $(LINKS); say: export PATH=$(LINKS):\$$PATH" ;; esac

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/coverage run --source=labkit.vrrp,labkit.lvs,labkit.conf -m pytest tests/vrrp tests/lvs tests/conf
	$(BIN)/coverage report --fail-under=100 --skip-covered
	$(BIN)/pytest -n $(JOBS) --dist loadscope --ignore=tests/vrrp --ignore=tests/lvs --ignore=tests/conf

docs: $(READY)
	@mkdir -p docs/reference
	$(BIN)/python -m labkit.conf.reference > docs/reference/keepalived.conf.md

bench: $(READY)
	$(BIN)/python -m benchmarks.topology
	$(BIN)/python -m benchmarks.takeover
	$(BIN)/python -m benchmarks.config
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.observing
	$(BIN)/python -m benchmarks.stability
	$(BIN)/python -m benchmarks.balance
	$(BIN)/python -m benchmarks.balance_change
	$(BIN)/python -m benchmarks.checkers

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "labkit needs Python 3.11 or newer: sudo apt-get install python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "this Python cannot make environments; installing python3-venv"; \
		test "$$(id -u)" = 0 && apt-get install -y -q python3-venv || \
		{ echo "do it by hand: sudo apt-get install python3-venv"; exit 1; }; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

clean:
	@for name in labkit pykeepalived; do \
		test "$$(readlink $(LINKS)/$$name)" != "$(CURDIR)/$(BIN)/$$name" || rm $(LINKS)/$$name; done
	rm -rf $(VENV) build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
