# `make` alone prints this list. Logic beyond a line or two lives in scripts/.
# Works from any folder, in paths with spaces, and whatever virtual environment is active.

ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd -P)
BIN := $(ROOT)/.venv/bin
# Without compiled files, as images of Python set it, each of the many processes of a run compiles all modules again.
IN := cd "$(ROOT)" && unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE &&
PY := $(IN) "$(BIN)/python"
PYTEST := $(PY) -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup infra doctor plan deploy verify rollback drain undrain restart lint-ansible node servers emulator run run-cluster image up down hosts-up hosts-down containers helm test test-unit test-integration test-infra test-cluster check format conformance bench bench-redis bench-profile proof docs lock build client-package clean

help: ## Print this list
	@echo "Holdfast: make run starts a gateway, make test runs every test."
	@echo
	@grep -hE '^[a-z-]+:.*## ' "$(ROOT)/Makefile" | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{ printf "%-24s %s\n", $$1, $$2 }'

setup: ## Make .venv with the locked packages (does nothing when it is current)
	@$(IN) python=$$(scripts/find-python) && "$$python" scripts/setup.py

infra: setup ## Add Ansible, testinfra and their linters to .venv: what deploying to hosts needs
	@$(PY) scripts/setup.py infra

lint-ansible: infra ## Hold ansible/ to ansible-lint's profile production and to yamllint
	$(PY) scripts/lint_ansible.py

node: setup
	@$(PY) scripts/npm_ci.py tests/sdk tests/client examples/javascript benchmarks/node

servers: setup
	@$(PY) scripts/system_packages.py nginx haproxy ip sshd initdb redis-server promtool chromedriver firefox-esr WebKitWebDriver Xvfb

emulator: setup
	@$(PY) scripts/system_packages.py systemd-nspawn mmdebstrap ssh qemu-system-x86_64 qemu-img mkfs.ext4

containers: setup
	@$(PY) scripts/system_packages.py dockerd

helm: setup
	@$(PY) scripts/helm_programs.py

run: setup ## Start a gateway on 127.0.0.1:8000 and print lines to try it with
	@$(IN) exec "$(BIN)/holdfast" serve --dev

run-cluster: setup ## Start three instances, Redis and HAProxy on this machine (REDIS=sentinel for a failover)
	@$(IN) exec "$(BIN)/python" scripts/run_cluster.py --redis "$(or $(REDIS),single)"

# TARGET=kubernetes for a cluster, else hosts; docs/deploy-kubernetes.md has its variables.
# ENV=local|staging|production, INVENTORY= one of your own, V=1 shows Ansible's output, SET= other test hosts than the usual.
DEPLOY = $(PY) scripts/deploy.py $(1) --environment "$(or $(ENV),local)" $(if $(INVENTORY),--inventory "$(if $(filter /%,$(INVENTORY)),,$(CURDIR)/)$(INVENTORY)") \
  $(if $(TARGET),--target "$(TARGET)" --folder "$(CURDIR)" --context "$(CONTEXT)" --namespace "$(NAMESPACE)" --release "$(RELEASE)" \
  --image "$(IMAGE)" --values "$(VALUES)" --chart "$(CHART)" --url "$(URL)" --demo "$(DEMO)") $(if $(SET),--set "$(SET)") $(if $(CONFIRM),--confirm "$(CONFIRM)") $(if $(V),--verbose)

doctor: infra ## Say what is missing for a deploy, each with its remedy (ENV=local, staging or production)
	@$(call DEPLOY,doctor)

plan: infra ## Show all that a deploy would change, and change nothing
	@$(call DEPLOY,plan)

deploy: infra ## Deploy to the hosts of ENV, or a cluster (TARGET=kubernetes); without both to test hosts here, as root
	@$(call DEPLOY,deploy)

verify: infra ## Hold every host against the profile: what drifted, where, and the fix
	@$(call DEPLOY,verify)

rollback: infra ## Bring back the version before (TUNING=1: kernel values and files of before the first deploy)
	@$(call DEPLOY,rollback) $(if $(TUNING),--tuning)

drain: infra ## Empty one gateway host: HOST=gw1
	@$(call DEPLOY,drain) --host "$(HOST)"

undrain: infra ## Let it serve again: HOST=gw1
	@$(call DEPLOY,undrain) --host "$(HOST)"

restart: infra ## Restart every instance, one host at a time
	@$(call DEPLOY,restart)

# IMAGE= its name, BUILDER=docker|podman|buildah, BASE= another base image, BUILD_OPTIONS= of the builder.
image: setup ## Build the image (BUILDER=docker, podman or buildah; IMAGE= its name)
	@$(PY) scripts/image.py $(if $(IMAGE),--tag "$(IMAGE)") --builder "$(BUILDER)" --base "$(BASE)" --options="$(BUILD_OPTIONS)"

# PROFILE=local|staging|production or a file, DEMO=no leaves the demo page out, GATEWAY_PORT= and API_PORT= of this machine.
up: setup ## Run gateways, Redis and HAProxy as containers; again: bring them up to date one by one (IMAGE=, PROFILE=)
	@$(IN) GATEWAY_PORT="$(GATEWAY_PORT)" API_PORT="$(API_PORT)" "$(BIN)/python" scripts/compose.py up $(if $(IMAGE),--image "$(IMAGE)") $(if $(PROFILE),--profile "$(PROFILE)") $(if $(filter no,$(DEMO)),--no-demo)

down: setup ## Stop these containers; secrets and data stay
	@$(PY) scripts/compose.py down

hosts-up: setup ## Make test hosts with systemd and SSH on this machine, as root: gw1 gw2 lb1 redis1
	@$(PY) scripts/test_hosts.py up

hosts-down: setup ## Remove the test hosts and all that was made for them
	@$(PY) scripts/test_hosts.py down

test: check node servers infra helm containers ## Run everything but the full counts (see proof)
	@$(PY) scripts/system_packages.py systemd-nspawn mmdebstrap ssh
	$(PY) -m tests.lanes

test-unit: setup ## Run the unit tests: seconds, no sockets
	$(PYTEST) tests/unit -m "not slow and not proof"

test-integration: node servers ## Run the tests with real servers, sockets and SDKs
	$(PYTEST) tests/integration tests/faults tests/sdk -m "not proof"

test-infra: infra ## Run the tests with real hosts, as root
	@$(PY) scripts/system_packages.py systemd-nspawn mmdebstrap ssh
	$(PYTEST) tests/infra -m "not proof"

test-cluster: node servers infra helm containers ## Run the tests with the Kubernetes that KUBECONFIG names (docs/test-cluster.md)
	$(PYTEST) tests/cluster -m "not proof"

check: setup ## Lint, formatting, types, and the rules the code holds itself to
	$(PY) -m ruff check --quiet .
	$(PY) -m ruff format --check --quiet .
	$(PY) -m mypy
	$(PYTEST) -q tests/contract

format: setup ## Sort imports and format in place
	$(PY) -m ruff check --quiet --fix-only .
	$(PY) -m ruff format --quiet .

conformance: setup ## Run Autobahn's 517 WebSocket cases, those without compression on both paths
	$(PY) -m tests.conformance

bench: node ## Measure against other servers and an earlier commit, 20 minutes; leave the machine alone meanwhile
	$(PY) -m benchmarks

bench-redis: setup servers ## Measure what a shared Redis costs: its CPU, the time it adds, the time to catch up
	$(PY) -m benchmarks.redis_broker

bench-profile: setup servers ## Measure what the host profile changes, as root: memory of slow readers, a storm of connects
	$(PY) -m benchmarks.host_profile

proof: check node servers infra emulator helm containers ## Everything in full: all tests, all conformance cases, the benchmark; nothing may be missing
	$(IN) REQUIRE_PARTS=1 HYPOTHESIS_PROFILE=proof "$(BIN)/python" -m pytest tests
	$(PY) -m tests.conformance
	$(PY) -m benchmarks
	$(PY) -m benchmarks.snapshot_stall
	$(PY) -m benchmarks.monitor_cost
	$(PY) -m benchmarks.redis_broker
	$(PY) -m benchmarks.host_profile

docs: setup ## Write the generated pages of docs/ again
	$(PY) scripts/generate_docs.py

lock: setup ## Resolve the dependency lists again (UPGRADE=--upgrade for newer versions)
	$(PY) scripts/lock.py $(UPGRADE)

build: setup ## Build the wheel and the source archive into dist/
	$(PY) -m hatchling build

client-package: node ## Pack the browser client for npm into dist/
	$(PY) scripts/client_package.py

clean: ## Remove everything the targets made, except the secrets of make run and what deploys left in .cache/deploy
	@$(IN) if [ -d .cache/hosts ] && [ -x "$(BIN)/python" ]; then "$(BIN)/python" scripts/test_hosts.py down --all; fi
	@$(IN) rm -rf .venv .hypothesis dist build docker/wheelhouse && find . -path './.cache/*' -prune ! -path ./.cache/deploy -exec rm -rf {} + && find . -name node_modules -prune -exec rm -rf {} + && find . -name __pycache__ -prune -exec rm -rf {} +
