# Every target sets up what it needs: python3 (3.11 or later) and make are enough, a C compiler makes it fast.
PYTHON ?= python3
VENV ?= .venv
IMAGE ?= service3-orchestrator
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check
KERNEL := setup.py pyproject.toml $(wildcard $(foreach kind,pyx pxd h,orchestrator/*.$(kind) orchestrator/kernels/*.$(kind)))
SHARED := -n 3 --dist loadfile --no-loadscope-reorder # long files first: tests/conftest.py
CODE := orchestrator tests bench tools setup.py noxfile.py

.PHONY: run test lint types unit coverage mutants bench torture schemas docs lock image clean

run: $(VENV)/.embedded ## the service with a Redis of its own and five demo brands, until Ctrl-C
	@$(BIN)/orchestrator demo

test: lint ## everything that CI checks: types, beside the tests, whose files are shared out to three processes
	@told=$$(mktemp); nice $(BIN)/mypy >"$$told" 2>&1 & types=$$!; \
	$(BIN)/pytest $(SHARED); unit=$$?; wait $$types; types=$$?; \
	cat "$$told"; rm -f "$$told"; exit $$((unit || types))

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

schemas: $(VENV)/.dev ## write the generated files anew: JSON Schemas, OpenAPI document, .env.example, docs/reference, the chart's, the README's table of settings
	for name in chunk summary spike trend recent; do $(BIN)/orchestrator schema $$name > docs/schemas/$$name.json; done
	$(BIN)/orchestrator schema asyncapi > docs/asyncapi.json
	cp docs/schemas/chunk.json orchestrator/worker/chunk.json
	$(BIN)/python -m tests.worker.cases
	cd clients/typescript && node generate.mjs || echo "src/schema.ts is not written anew: there is no node"
	$(BIN)/python -c 'from orchestrator.http import openapi; print(openapi.openapi_json(), end="")' > docs/openapi.json
	$(BIN)/orchestrator config example > .env.example
	$(BIN)/python -m tests.test_readme
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.chart

docs: $(VENV)/docs/.made ## the site of the documents, in build/site: python3 -m http.server --directory build/site
	$(VENV)/docs/bin/python -m tools.site
	$(VENV)/docs/bin/zensical build --strict

lock: $(BIN)/pip ## resolve anew what is installed here, for every supported Python: pylock.toml and its like
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install $(QUIET) 'uv>=0.9,<1'
	PATH="$(VENV)/lock/bin:$$PATH" $(BIN)/python -m tools.lock write

image: ## PIP_* of the environment reach the build's pip, and only that
	docker build $(DOCKER_BUILD_ARGS) --build-arg REVISION=$$(git rev-parse HEAD) \
	    --build-arg VERSION=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' orchestrator/__init__.py) \
	    $(foreach name,PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST,$(if $($(name)),--build-arg $(name))) -t $(IMAGE) .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	rm -f $(foreach kind,so c cpp,orchestrator/_*.$(kind) orchestrator/kernels/_*.$(kind))

$(BIN)/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/docs/.made: pylock.docs.toml | $(BIN)/pip # an environment of its own: the builder has no part in the service's
	@$(PYTHON) -m venv $(VENV)/docs
	@$(VENV)/docs/bin/python -m tools.lock requirements $< > $(VENV)/docs/requirements.txt
	@$(VENV)/docs/bin/pip install $(QUIET) --require-hashes --requirement $(VENV)/docs/requirements.txt
	@touch $@

# What the lock names, with the hash of every file; then the project, editable: the compiled kernel is built beside its
# source, by the compilers of the lock, and an edit is in force at the next start. Peers of the benchmarks are not locked.
# Modules are compiled when they are first imported: most never are, and compiling all of them took half a minute.
$(VENV)/.embedded: LOCK := pylock.toml
$(VENV)/.dev $(VENV)/.bench: LOCK := pylock.dev.toml
$(VENV)/.bench: PEERS := [bench]
$(VENV)/.embedded $(VENV)/.dev $(VENV)/.bench: $(KERNEL) pylock.toml pylock.dev.toml | $(BIN)/pip
	@echo "Installing what $(LOCK) names into $(VENV) (the first time takes a minute) ..."
	@rm -f orchestrator/*.so orchestrator/kernels/*.so # a build that fails must not leave the last one in force
	@$(BIN)/python -m tools.lock requirements $(LOCK) > $(VENV)/requirements.txt
	@$(BIN)/pip install $(QUIET) --no-compile --require-hashes --requirement $(VENV)/requirements.txt
	@$(BIN)/pip install $(QUIET) --no-build-isolation $(if $(PEERS),,--no-deps) --editable '.$(PEERS)'
	@$(BIN)/python -c 'from orchestrator.kernels import choice as m; from orchestrator.process import compiler as c; print("merge kernel:", m.IMPLEMENTATION, m.FALLBACK_REASON and "- " + c.advice() or "")'
	@touch $@ $(VENV)/.embedded
