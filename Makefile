# make run: listen (microphone if there is one, else the bundled recording).
# make test: all tests. make check: format, lint, types, and tests with their coverage, which
# makes them slower.
PYTHON ?= python3
VENV ?= .venv
PYTEST = $(VENV)/bin/pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: run test check

run: $(VENV)/serve
	$(VENV)/bin/instrd run

test: $(VENV)/develop
	$(PYTEST)

check: $(VENV)/develop
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(PYTEST) --cov --cov-report=term --cov-fail-under=85

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV) || { echo "Debian: apt-get install python3-venv" >&2; exit 1; }

# What serving needs, and no more.
$(VENV)/serve: $(VENV)/bin/pip pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --editable .
	touch $@

# Its wheels are more than a /tmp in memory may hold, as Debian has it.
$(VENV)/develop: $(VENV)/bin/pip pyproject.toml
	TMPDIR=$(abspath $(VENV)) $(VENV)/bin/python -m pip install --quiet --editable '.[train,test]'
	touch $@ $(VENV)/serve
