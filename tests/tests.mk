# tests.mk - the suites and what else tests the servers. Part of the Makefile.

BEHAVIOUR := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/behaviour/*.c))

$(BUILD)/tests/behaviour/suite: $(BEHAVIOUR)
	$(call SAY,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lsqlite3 -ljansson -lcmocka || $(call HINT,$<)

behaviour: $(BINARIES) $(BUILD)/tests/behaviour/suite ## do all stages give the same answers?
	@$(BUILD)/tests/behaviour/suite

# SECONDS is the time of all three runs together: stage 4 with each pipeline,
# and stage 5.
soak: SECONDS ?= 60
soak: $(BINARIES) $(BUILD)/tests/behaviour/suite ## many rude clients for SECONDS=60: is anything left behind?
	@[ '$(SECONDS)' -ge 3 ] 2>/dev/null || { echo 'soak: say make soak SECONDS=60' >&2; exit 2; }
	@echo 'stage,options,seconds,connections,answers,descriptors,kib' | tee $(BUILD)/soak.csv
	@for run in '4 --set pool.pipeline=shortcut' '4 --set pool.pipeline=full' 5; do \
	  options=$${run#?}; \
	  SOAK_SECONDS=$$(($(SECONDS) / 3)) SOAK_CSV=$(BUILD)/soak.csv \
	  OPTIONS="$${options# }" $(BUILD)/tests/behaviour/suite \
	    --stages "$${run%% *}" 'churn leaves' || exit 1; done
	@echo 'soak: $(BUILD)/soak.csv'

races: $(BUILD)/tests/behaviour/suite ## do helgrind and drd see a data race? (TOOLS_RACES=drd)
	@$(MAKE) -s BUILD=$(BUILD)/races CC=gcc OPT='-O1 -g' ATOMICS=calls all
	@for t in $(or $(TOOLS_RACES),helgrind drd); do \
	  BUILD=$(BUILD) tests/races.sh $$t || exit 1; done

# faults.so is preloaded into the server and makes chosen calls fail.
DURABILITY := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/faults.c,\
                $(wildcard tests/durability/*.c)) tests/behaviour/bytes.c \
                $(patsubst %,tests/behaviour/%.c,client fixture server))
ROUNDS   ?= 12

$(BUILD)/tests/durability/durability: $(DURABILITY)
	$(call SAY,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lsqlite3 -ljansson -lcmocka || $(call HINT,$<)

$(BUILD)/tests/durability/faults.so: tests/durability/faults.c
	@mkdir -p $(@D)
	$(call SAY,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< || $(call HINT,$<)

durability: $(BINARIES) $(addprefix $(BUILD)/tests/durability/,durability faults.so) ## kills, disk errors, power cuts: is every answered write kept? (ROUNDS=100)
	@$(BUILD)/tests/durability/durability --stage $(STAGE) --rounds $(ROUNDS)

check-tests: ## add each bug of tests/broken to the code: does a test catch it?
	@BUILD=$(BUILD) tests/broken/check.sh

fuzz: ## run each fuzz harness for FUZZ_SECONDS=20
	@tests/fuzz/run.sh

model: ## check the models: every order in which the threads can run
	@BUILD=$(BUILD) tests/model/run.sh $(WORDS)

interop: $(BINARIES) $(CLIENTS) ## real clients: curl, node, a browser
	@tests/interop/run.sh

check-cluster: $(BINARIES) $(CLIENTS) ## databases on three instances: one is killed and returns
	@node tests/cluster/cluster.mjs $(BUILD)/fivefold-$(STAGE)

$(CLIENTS): tests/interop/package.json tests/interop/package-lock.json
	@cd tests/interop && npm ci --ignore-scripts --silent --no-audit --no-fund || { echo \
	  "setup: no client libraries; with a network: cd tests/interop && npm ci" \
	  >&2; exit 1; }

format: ## put every C file into the project's format
	@command -v clang-format >/dev/null || $(call HINT,tests/)
	@$(call tracked,*.[ch]) | xargs clang-format -i

# The versions of clang-format format differently; this is the one of Debian 12.
FORMAT_VERSION := 14

check-format: ## is every C file in the project's format?
	@command -v clang-format >/dev/null || $(call HINT,tests/)
	@if clang-format --version | grep -q 'version $(FORMAT_VERSION)\.'; then \
	    $(call tracked,*.[ch]) | xargs clang-format --dry-run -Werror; \
	else \
	    echo "skipped: the form is that of clang-format $(FORMAT_VERSION), and here is $$(clang-format --version)"; \
	fi

.PHONY: behaviour check-cluster check-format check-tests durability format fuzz interop model races soak
