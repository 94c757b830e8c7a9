# Fivefold: one HTTP server, written five times. `make help` lists the targets.
#
# All output goes to $(BUILD). For a variant (another compiler, a sanitizer) run
# the same Makefile with another BUILD:
#     make BUILD=build/asan CC=clang SANITIZE=address,undefined

BUILD    ?= build
CC       ?= cc
OPT      ?= -O2 -g
SANITIZE ?=
WERROR   ?=
NDEBUG   ?=
# ATOMICS=calls: atomic operations are function calls, not inlined, so that
# helgrind and drd recognize them (gcc only).
ATOMICS  ?=
# make prints one line for each file; with V=1, the commands.
Q        := $(if $(V),,@)
SAY       = $(if $(V),,@printf '  %-4s %s\n' $(1) '$(patsubst $(BUILD)/%,%,$@)')

WARN     := -Wall -Wextra -Wshadow -Wconversion -Wvla $(if $(WERROR),-Werror)
CFLAGS   += -std=c11 -D_GNU_SOURCE $(OPT) $(WARN) -pthread -MMD -MP \
            $(if $(NDEBUG),-DNDEBUG) $(if $(ATOMICS),-fno-inline-atomics) \
            $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
              -fno-omit-frame-pointer)
CPPFLAGS += -Icommon -I. -I$(BUILD)/common
LDFLAGS  += -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LDLIBS   += -lsqlite3 -ljansson -linih -lcrypt -lseccomp \
            $(if $(ATOMICS),-latomic)

# The rooms (directories) of common/, from the lowest to the highest. Each is a
# library. The code of a room calls only its own room and those below it
# (tests/layers.sh).
ROOMS    := base http config report core access conn files sql status process
reverse   = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
libraries = $(patsubst %,$(BUILD)/lib%.a,$(1))
LIBS     := $(call libraries,$(call reverse,$(ROOMS)))
# The libraries of a room and of all rooms below it, the highest first: the
# linker needs that order.
below     = $(if $(filter $(1),$(firstword $(2))),$(2),$(call below,$(1),$(wordlist 2,99,$(2))))
# Without the rooms that stand beside it.
BESIDE   := conn files sql
beside    = $(if $(filter $(1),$(BESIDE)),$(filter-out $(1),$(BESIDE)))
libraries_of = $(call libraries,$(filter-out $(call beside,$(1)),$(call below,$(1),$(call reverse,$(ROOMS)))))
STAGES   := $(sort $(wildcard stage?_*))
NUMBERS  := $(foreach s,$(STAGES),$(patsubst stage%,%,$(firstword $(subst _, ,$(s)))))
BINARIES := $(NUMBERS:%=$(BUILD)/fivefold-%)
UNITS    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/test_*.c))
STAGE    ?= $(lastword $(NUMBERS))
stage_dir = $(wildcard stage$(1)_*)

PORT     ?= 8080
FROM     ?= 1
TO       ?= 2

# `make setup run` installs only what running needs, `make setup test` only what
# testing needs.
GROUPS   := build $(or $(foreach g,run test cluster,$(if $(filter $(g),$(MAKECMDGOALS)),$(g))),run test)
CLIENTS  := tests/interop/node_modules/.package-lock.json

# If a command fails because a tool is missing, HINT names the tool; see
# tests/tools.txt.
HINT      = tests/tools.sh hint build $(if $(filter tests/%,$(1)),test)
# Setup must end before the other targets begin, also with -j.
ifneq ($(filter setup setup-all setup-bench,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

.DELETE_ON_ERROR:
.SECONDARY:

all: $(BINARIES) ## build every stage: build/fivefold-1 ...

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $< 2>$@.warnings; status=$$?; \
	  cat $@.warnings >&2; [ -s $@.warnings ] || rm -f $@.warnings; \
	  [ $$status = 0 ] || $(call HINT,$<)

# The live page (HTML) as a C string, one literal for each line.
$(BUILD)/common/status/page.h: common/status/page.html
	@mkdir -p $(@D)
	$(call SAY,HTML)
	$(Q)sed 's/[\\"?]/\\&/g; s/.*/"&\\n"/' $< >$@

$(BUILD)/common/status/status.o: $(BUILD)/common/status/page.h

objects   = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c %/server.c,$(wildcard $(1)/*.c)))
archive   = rm -f $(1).$$$$ && ar rcs $(1).$$$$ $(2) && mv $(1).$$$$ $(1) # whole for another make

define room_rule
$(BUILD)/lib$(1).a: $(call objects,common/$(1))
	$$(call SAY,AR)
	$$(Q)$$(call archive,$$@,$$^)
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

define server_rule
$(BUILD)/fivefold-$(1): $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(call stage_dir,$(1))/*.c)) \
                        $(BUILD)/common/process/main.o $(LIBS)
	$$(call SAY,LINK)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) || $$(call HINT)
endef
$(foreach n,$(NUMBERS),$(eval $(call server_rule,$(n))))

# A unit test is linked with its own room and those below it. A unit test of a
# stage is linked with all files of the stage except server.c, which has the
# functions that main calls.
define unit_rule
$(BUILD)/tests/unit/$(1)/%: $(BUILD)/tests/unit/$(1)/%.o $(2)
	$$(call SAY,LINK)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) -lcmocka || $$(call HINT,$$<)
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rule,$(r),$(call libraries_of,$(r)))))

define stage_unit_rule
$(BUILD)/libstage$(1).a: $(call objects,$(call stage_dir,$(1)))
	$$(call SAY,AR)
	$$(Q)$$(call archive,$$@,$$^)
$(call unit_rule,stage$(1),$(BUILD)/libstage$(1).a $(LIBS))
endef
$(foreach n,$(NUMBERS),$(eval $(call stage_unit_rule,$(n))))

units: $(UNITS)

libs: $(LIBS)

unit: $(UNITS) ## run the unit tests; each is linked with its own room and those below
	@tests/units.sh '$(BUILD)' '$(WRAP)'

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

test: ## test a change, in four minutes: layers, build, units, all stages
	@MAKE='$(MAKE)' BUILD='$(BUILD)' tests/quick.sh

test-all: ## run all tests, and print how long each step took (STEPS=words)
	@MAKE='$(MAKE)' WERROR='$(WERROR)' tests/run.sh $(STEPS)

layers: ## does each room of common/ call only rooms below it?
	@tests/layers.sh

# Every C file of the tree, as it is compiled here.
compile_commands.json: ## for clangd and its like
	@{ echo '['; git ls-files '*.c' | sed "s#.*#{\"directory\":\"$$PWD\",\"file\":\"&\",\"command\":\"$(CC) $(CPPFLAGS) $(CFLAGS) -c &\"},#" | \
	  sed '$$ s/,$$//'; echo ']'; } >$@

format: ## put every C file into the project's format
	@command -v clang-format >/dev/null || $(call HINT,tests/)
	@git ls-files -z '*.[ch]' | xargs -0 clang-format -i

# The versions of clang-format format differently; this is the one of Debian 12.
FORMAT_VERSION := 14

check-format: ## is every C file in the project's format?
	@command -v clang-format >/dev/null || $(call HINT,tests/)
	@if clang-format --version | grep -q 'version $(FORMAT_VERSION)\.'; then \
	    git ls-files -z '*.[ch]' | xargs -0 clang-format --dry-run -Werror; \
	else \
	    echo "skipped: the form is that of clang-format $(FORMAT_VERSION), and here is $$(clang-format --version)"; \
	fi

GRADING := $(BUILD)/docs/exercises

$(GRADING)/%: $(GRADING)/%.o
	$(call SAY,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $<

grade: ## grade an exercise of the book on this tree: EX=1.3 (without EX: list them)
	@BUILD='$(BUILD)' MAKE='$(MAKE)' docs/exercises/grade.sh $(EX) || [ $$? = 1 ]

check-exercises: $(BINARIES) ## does each exercise fail as shipped, and pass with its solution?
	@BUILD='$(BUILD)' MAKE='$(MAKE)' docs/exercises/check.sh

setup: ## install what is missing (setup run, setup test: only what that needs)
	@tests/tools.sh setup $(GROUPS)

setup-all: ## install what make test-all needs: compilers, valgrind, node, a browser
	@tests/tools.sh setup build run test all
	@$(MAKE) -s $(CLIENTS)

setup-bench: ## install what make bench needs
	@tests/tools.sh setup build bench
	@docs/questions/cost/setup_node.sh || true # bench leaves its rows out

doctor: ## list what is missing on this machine, what for, and how to get it
	@tests/tools.sh doctor build run test all cluster bench

COST := $(BUILD)/docs/questions/cost

$(COST)/%: $(COST)/%.o
	$(call SAY,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $<

bench: $(BINARIES) $(COST)/floor $(COST)/idle ## measure what a request costs (QUICK=1: only check that it works)
	@BUILD='$(BUILD)' OUT='$(OUT)' VARIANTS='$(VARIANTS)' \
	  docs/questions/cost/bench.sh $(if $(QUICK),quick)

QUESTION := $(BUILD)/docs/questions/$(N)
QUESTIONS = $(patsubst docs/questions/%/measure.c,%,$(wildcard docs/questions/*/measure.c))

# measure.c and the other C files in its directory.
question_objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard docs/questions/$(1)/*.c))
$(foreach q,$(QUESTIONS),$(eval $(BUILD)/docs/questions/$(q)/measure: \
    $(call question_objects,$(q))))
$(BUILD)/docs/questions/6/measure: $(LIBS)

$(BUILD)/docs/questions/%/measure:
	$(call SAY,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

question: $(if $(filter $(N),$(QUESTIONS)),$(QUESTION)/measure) ## measure one of the notes' questions: N=1
	@[ -n '$(filter $(N),$(QUESTIONS))' ] || \
	  { echo 'question: there are $(QUESTIONS); say make question N=1' >&2; exit 2; }
	@$(QUESTION)/measure >$(QUESTION)/result.csv
	@gnuplot -e 'data = "$(QUESTION)/result.csv"; out = "$(QUESTION)/result.svg"' \
	  docs/questions/$(N)/plot.gp || { echo 'question: no picture without gnuplot; get' \
	  'it by: make setup-bench' >&2; exit 1; }
	@echo 'question: $(QUESTION)/result.csv, result.svg'

$(CLIENTS): tests/interop/package.json tests/interop/package-lock.json
	@cd tests/interop && npm ci --ignore-scripts --silent --no-audit --no-fund || { echo \
	  "setup: no client libraries; with a network: cd tests/interop && npm ci" \
	  >&2; exit 1; }

docs: $(BUILD)/site.made ## make the pages of the book: build/site

# The pages quote and link nearly all files.
$(BUILD)/site.made: README.md LICENSE $(shell find common docs tests $(STAGES) \
                      -name node_modules -prune -o -type f -print)
	@docs/check_refs.sh
	@docs/site.sh $(BUILD)/site
	@touch $@

no-such-stage:
	@echo 'run: there are stages $(NUMBERS); say make run STAGE=2' >&2; exit 2

run: $(or $(filter $(BINARIES),$(BUILD)/fivefold-$(STAGE)),no-such-stage) docs ## serve the book and the sample (PORT=8080 STAGE=n NAMES=host)
	@docs/run.sh $(BUILD)/fivefold-$(STAGE) $(BUILD)/site $(BUILD)/run/db $(PORT)

PORTS = $(shell seq $$(($(PORT) + 1)) $$(($(PORT) + $(or $(N),3))))

cluster: $(or $(filter $(BINARIES),$(BUILD)/fivefold-$(STAGE)),no-such-stage) docs ## run N=3 instances, each with some of the databases, HAProxy in front
	@[ -n '$(PORTS)' ] || { echo 'cluster: say make cluster N=3' >&2; exit 2; }
	@mkdir -p $(BUILD)/run/db && [ -f $(BUILD)/run/db/sample.db ] || \
	  docs/sample/make_sample.sh $(BUILD)/run/db/sample.db
	@SERVER=$(BUILD)/fivefold-$(STAGE) ROOT=$(BUILD)/site SAMPLE=$(BUILD)/run/db/sample.db \
	  docs/cluster/generate.sh $(BUILD)/cluster 127.0.0.1:$(PORT) $(PORTS:%=127.0.0.1:%)
	@$(BUILD)/cluster/run

diff: ## show what changes between two stages: FROM=1 TO=2 (COMMENTS=no: only code)
	@COMMENTS='$(COMMENTS)' docs/diff.sh $(FROM) $(TO)

# The copy of the tree that check-tests works on does not have this file.
-include docs/operate/install.mk

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## list the targets
	@grep -hE '^[a-z][a-z_.-]*:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 17

# Only these directories: $(BUILD) may also contain variants (build/asan), and
# another make may be writing their files.
-include $(shell find $(addprefix $(BUILD)/,common docs tests $(STAGES)) -name '*.d' 2>/dev/null)
.PHONY: all behaviour compile_commands.json bench check-cluster check-exercises check-format check-tests clean \
        cluster diff docs doctor durability format fuzz grade \
        help interop layers libs model no-such-stage question races run setup \
        setup-all setup-bench soak test test-all unit units
