# Every command of Holdfast by name. What a command does is written in Python, in deploy/local/.

.DEFAULT_GOAL := help
.PHONY: help setup up start stop dev status logs mail mails token psql demo traffic smoke load profile soak seed down-hard secrets check lint types contracts test proof coverage coverage-table old-tests api api-changes schema dashboards dashboards-check rules manifests image image-push image-scan containers rehearsal deploy deploy-help format lock

PYTHON ?= python3
BIN := .venv/bin
STACK := $(BIN)/python -m deploy.local.main
AT_ONCE := --numprocesses auto --maxprocesses 4 --dist loadgroup # each process tests with servers of its own
LIMITS := $(if $(LOAD),--load)
SCRIPTS := .ci/run $(wildcard deploy/*/*.sh deploy/*/*/*.sh)
KUBERNETES := 1.37
COMPOSE := docker compose --project-name holdfast-check # it ends with its volumes, which nobody else's may
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

# Given on the command line only: make itself and some shells have variables of these names.
AS := customer
FOR :=
FROM :=
HOST :=
IMAGE :=
NAME :=
N :=
PID :=
QUICK :=
SECONDS :=
SEED :=
SIZE :=
TARGET :=
URL := http://127.0.0.1:8080
CREDENTIALS :=
YES :=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: .venv/installed ## make .venv and install the locked packages, if they changed

.venv/installed: requirements-dev.txt deploy/local/install.py
	@for python in "$(PYTHON)" python3 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exec "$$python" -m deploy.local.install; fi; \
	done; \
	echo "Holdfast needs Python 3.11 or later and found none; install one and run make again, or name it: make PYTHON=/path/to/python3" >&2; exit 1

up: setup ## start everything in this terminal; Ctrl-C stops it. LOAD=1 multiplies all limits, for load tests
	@$(STACK) up $(LIMITS)

start: setup ## start everything in the background; returns when it is ready. LOAD=1 as with up
	@$(STACK) start $(LIMITS)

stop: setup ## stop what make start started
	@$(STACK) stop

dev: setup ## like up, for changing the code: reloads on save, breakpoint() works, SQL=1 prints SQL
	@$(STACK) dev $(LIMITS) $(if $(SQL),--sql)

status: setup ## watch the running stack until q; piped, print once what runs, where things are and how it goes
	@$(STACK) status

logs: setup ## follow the logs; NAME=api for one process
	@$(STACK) logs $(if $(NAME),--name "$(NAME)")

mail: setup ## list the mails that the stack caught; N=1 shows the newest
	@$(STACK) mail $(if $(N),--number "$(N)")

mails: setup ## write every mail that there is to .run/mail-preview/, to look at
	@$(STACK) mails

token: setup ## print an access token; AS=customer, staff or admin
	@$(STACK) token "$(AS)"

psql: setup ## SQL by hand on the database of the stack; runs what is piped in
	@$(STACK) psql

demo: setup ## walk a customer through the running stack
	@$(STACK) demo

traffic: setup ## play a small shop against the running stack until Ctrl-C; FOR=60 for a minute, SEED=2 for another crowd
	@$(STACK) traffic $(if $(FOR),--seconds "$(FOR)") $(if $(SEED),--seed "$(SEED)")

smoke: setup ## check an installation from the outside: URL=http://127.0.0.1:8080, CREDENTIALS=accounts.json where nobody can register
	@$(BIN)/python -m deploy.local.smoke --url "$(URL)" $(if $(CREDENTIALS),--credentials "$(CREDENTIALS)")

seed: setup ## fill the running stack: SIZE=1000000 adds what is missing to a million stock items
	@$(STACK) seed --size="$(SIZE)"

load: setup ## the load lab: what each layer buys, and what breaks, as .run/load/report.html; QUICK=1 in three minutes, TARGET=compose
	@$(BIN)/python -m tests.load.lab $(if $(QUICK),--quick) $(if $(TARGET),--target "$(TARGET)")

profile: setup ## a flame graph of the API under load, as .run/profile/api.svg; PID=1234 looks at a running one, SECONDS=60 for longer
	@$(BIN)/python -m tests.load.profile $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(PID),--pid "$(PID)")

soak: setup ## an hour of 500 requests a second: fails when memory or open files grow; SECONDS=600 for ten minutes
	@$(BIN)/python -m tests.load.soak $(if $(SECONDS),--seconds "$(SECONDS)")

down-hard: setup ## stop everything and remove its data, after asking; YES=1 does not ask
	@$(STACK) down-hard $(if $(YES),--yes)

secrets: setup ## print new secrets for a deployment
	@$(BIN)/python -m services.cli.main secrets

check: lint types contracts test ## all that CI runs

lint: setup ## ruff: rules and formatting; workflows, scripts, the Dockerfile and compose too
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/actionlint -shellcheck $(BIN)/shellcheck
	@$(BIN)/zizmor --offline --quiet --no-progress .github
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/shellcheck --external-sources --source-path SCRIPTDIR $(SCRIPTS)
	@$(BIN)/hadolint deploy/docker/Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

types: setup ## mypy --strict
	@$(BIN)/mypy

contracts: setup ## import-linter: who may import whom
	@$(BIN)/lint-imports

test: setup ## all tests, in a few minutes
	@$(BIN)/python -m pytest $(AT_ONCE) $(ARGS)

proof: setup ## the same tests with the full counts, and races once more with the database far away
	@$(BIN)/python -m pytest --proof $(ARGS)
	@$(BIN)/python -m pytest --proof --far -n 4 --dist load tests/races # they wait for the way, not for a core

coverage: setup ## all tests with line and branch coverage; fails under the figure in pyproject.toml
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

coverage-table: setup ## what make coverage measured, as a table in Markdown
	@$(BIN)/coverage report --format=markdown --fail-under=0

old-tests: setup ## the tests of the release before on the schema of this one; FROM=v1.2.0 names another
	@$(BIN)/python -m deploy.pipeline.old_tests $(FROM) --pytest $(AT_ONCE) $(ARGS)

api: setup ## print the OpenAPI document of the API
	@$(BIN)/python -m deploy.pipeline.api document

api-changes: setup ## what has changed in the API since the release before, or FROM=v1.2.0; fails when clients would break
	@$(BIN)/python -m deploy.pipeline.api changes $(FROM)

schema: setup ## draw docs/schema.svg anew from the tables
	@$(BIN)/python -m migrations.picture

dashboards: setup ## write Grafana's dashboards and their pictures in docs/ anew from grafana/
	@$(BIN)/python -m grafana.main

dashboards-check: setup ## hold the dashboards to Grafana's own types; needs node, and npm's registry the first time
	@$(BIN)/python -m grafana.type_check

rules: setup ## check and test the rules of Prometheus with promtool: from the PATH, or PROMTOOL=/path/to/promtool
	@PROMTOOL="$(PROMTOOL)" $(BIN)/python -m deploy.monitoring.check

image: ## build the image holdfast:local; needs Docker
	@$(PYTHON) -m deploy.pipeline.image build

image-push: ## build for amd64 and arm64 with SBOM and provenance, and push to NAME=ghcr.io/me/holdfast
	@$(PYTHON) -m deploy.pipeline.image push "$(NAME)"

image-scan: ## look for known vulnerabilities in holdfast:local, or in IMAGE=
	@$(PYTHON) -m deploy.pipeline.image scan $(IMAGE)

containers: setup ## bring docker-compose.yml up as a project of its own, smoke it through the proxy, take it down; needs Docker
	@trap '$(COMPOSE) down --volumes' EXIT; \
	TRAFFIC=off $(COMPOSE) up --build --wait && $(BIN)/python -m deploy.local.smoke --url "$(URL)" || { $(COMPOSE) logs --tail 50; exit 1; }

rehearsal: setup image ## the life of a server in a temporary folder, with deploy/vps: upgrades under load, backup, restore; RATE=300
	@deploy/vps/rehearse.sh holdfast:local

deploy: ## have the server HOST=user@host put IMAGE= into service, over ssh
	@deploy/pipeline/deploy.sh "$(HOST)" "$(IMAGE)"

deploy-help: ## what to set so that the pipeline deploys
	@cat deploy/pipeline/deploying.md

manifests: setup ## render deploy/k8s and validate it against the schemas of Kubernetes; needs kubectl
	@mkdir -p .run
	@for overlay in staging production cloudnative-pg; do \
	  kubectl kustomize deploy/k8s/overlays/$$overlay >.run/$$overlay.yaml && \
	  $(BIN)/uvx --quiet kubernetes-validate@$(KUBERNETES).0 --strict --quiet .run/$$overlay.yaml || exit 1; \
	done

format: setup ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: setup ## write the requirements files anew from pyproject.toml; what is shipped is what was tested
	@$(LOCK) pyproject.toml --group dev --output-file requirements-dev.txt
	@$(LOCK) pyproject.toml --constraints requirements-dev.txt --output-file requirements.txt
