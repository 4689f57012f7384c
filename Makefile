# Every target sets up what it needs: python3 (3.11 or later) and make are enough, a C compiler makes it fast.
PYTHON ?= python3
VENV ?= .venv
IMAGE ?= service3-orchestrator
BIN := $(VENV)/bin
KERNEL := setup.py pyproject.toml $(wildcard $(foreach kind,pyx pxd h,orchestrator/*.$(kind) orchestrator/kernels/*.$(kind)))
CODE := orchestrator tests bench setup.py

.PHONY: run test lint types unit coverage mutants bench torture schemas image clean

run: $(VENV)/.embedded ## the service with a Redis of its own and five demo brands, until Ctrl-C
	@$(BIN)/orchestrator demo

test: lint types ## everything that CI checks; files of tests are shared out to two processes
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	PATH="$(BIN):$$PATH" cython-lint orchestrator # it looks for pycodestyle on PATH
	$(BIN)/clang-format --dry-run --Werror $(wildcard orchestrator/kernels/*.h tests/fuzz/*.cpp)

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev ## all tests, or those that ARGS names: make unit ARGS="tests/lane -k baton"
	$(BIN)/pytest $(ARGS)

coverage: $(VENV)/.dev ## which lines and branches these tests reach, in this process: a table; ARGS as for unit
	$(BIN)/coverage run -m pytest -q $(ARGS)
	$(BIN)/coverage report

mutants: $(VENV)/.dev ## each guard, in Lua and in Python, is taken away once, and a test must fail: make mutants ARGS=acquire
	$(BIN)/python -m tests.mutants $(ARGS)

torture: $(VENV)/.dev ## the long fault-injection campaign
	$(BIN)/python -m tests.torture
	$(BIN)/python -m tests.fuzz

bench: $(VENV)/.bench ## every benchmark; one alone: .venv/bin/python -m bench NAME
	$(BIN)/python -m bench all

schemas: $(VENV)/.dev ## write the generated files anew: JSON Schemas, OpenAPI document, .env.example, the README's table of settings
	for name in chunk summary spike trend recent; do $(BIN)/orchestrator schema $$name > docs/schemas/$$name.json; done
	cp docs/schemas/chunk.json orchestrator/worker/chunk.json
	$(BIN)/python -m tests.worker.cases
	cd clients/typescript && node generate.mjs || echo "src/schema.ts is not written anew: there is no node"
	$(BIN)/python -c 'from orchestrator.http import openapi; print(openapi.openapi_json(), end="")' > docs/openapi.json
	$(BIN)/orchestrator config example > .env.example
	$(BIN)/python -m tests.test_readme

image: ## PIP_* of the environment reach the build's pip, and only that
	docker build $(DOCKER_BUILD_ARGS) $(foreach name,PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST,$(if $($(name)),--build-arg $(name))) -t $(IMAGE) .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	rm -f $(foreach kind,so c cpp,orchestrator/_*.$(kind) orchestrator/kernels/_*.$(kind))

$(BIN)/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# editable: the compiled kernel is built beside its source, and an edit is in force at the next start
$(VENV)/.embedded: EXTRAS := embedded
$(VENV)/.dev: EXTRAS := embedded,dev
$(VENV)/.bench: EXTRAS := embedded,dev,bench
$(VENV)/.embedded $(VENV)/.dev $(VENV)/.bench: $(KERNEL) | $(BIN)/pip
	@echo "Installing .[$(EXTRAS)] into $(VENV) (the first time takes a minute) ..."
	@rm -f orchestrator/*.so orchestrator/kernels/*.so # a build that fails must not leave the last one in force
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@$(BIN)/python -c 'from orchestrator.kernels import choice as m; from orchestrator.process import compiler as c; print("merge kernel:", m.IMPLEMENTATION, m.FALLBACK_REASON and "- " + c.advice() or "")'
	@touch $@ $(VENV)/.embedded
