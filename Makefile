# Fivefold: one HTTP server, written five times. `make help` lists the targets.
#
# All output goes to $(BUILD). For a variant (another compiler, a sanitizer) run
# the same Makefile with another BUILD:
#     make BUILD=build/asan CC=clang SANITIZE=address,undefined

BUILD    ?= build
$(if $(filter-out 1,$(words $(BUILD))),$(error BUILD="$(BUILD)": choose a directory without spaces in its name))
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

# The files that git tracks; in a tree without git, all that are not built.
tracked   = if [ -e .git ]; then git ls-files '$(1)'; else find common docs tests $(STAGES) -name '$(1)'; fi
objects   = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c %/server.c,$(wildcard $(1)/*.c)))
archive   = rm -f $(1).$$$$ && ar rcs $(1).$$$$ $(2) && mv $(1).$$$$ $(1) # whole for another make

# A directory changes when a file in it is removed: its object must go too.
define room_rule
$(BUILD)/lib$(1).a: $(call objects,common/$(1)) common/$(1)
	$$(call SAY,AR)
	$$(Q)$$(call archive,$$@,$$(filter %.o,$$^))
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

define server_rule
$(BUILD)/fivefold-$(1): $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(call stage_dir,$(1))/*.c)) \
                        $(BUILD)/common/process/main.o $(LIBS) $(call stage_dir,$(1))
	$$(call SAY,LINK)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) $$(LDLIBS) || $$(call HINT)
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
$(BUILD)/libstage$(1).a: $(call objects,$(call stage_dir,$(1))) $(call stage_dir,$(1))
	$$(call SAY,AR)
	$$(Q)$$(call archive,$$@,$$(filter %.o,$$^))
$(call unit_rule,stage$(1),$(BUILD)/libstage$(1).a $(LIBS))
endef
$(foreach n,$(NUMBERS),$(eval $(call stage_unit_rule,$(n))))

units: $(UNITS)

libs: $(LIBS)

unit: $(UNITS) ## run the unit tests; each is linked with its own room and those below
	@tests/units.sh '$(BUILD)' '$(WRAP)'

test: ## test a change, in four minutes: layers, build, units, all stages
	@MAKE='$(MAKE)' BUILD='$(BUILD)' tests/quick.sh

test-all: ## run all tests, and print how long each step took (STEPS=words)
	@MAKE='$(MAKE)' WERROR='$(WERROR)' tests/run.sh $(STEPS)

layers: ## does each room of common/ call only rooms below it?
	@tests/layers.sh

# Every C file of the tree, as it is compiled here.
compile_commands.json: ## for clangd and its like
	@{ echo '['; $(call tracked,*.c) | sed "s#.*#{\"directory\":\"$$PWD\",\"file\":\"&\",\"command\":\"$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) -c &\"},#" | \
	  sed '$$ s/,$$//'; echo ']'; } >$@

diff: ## show what changes between two stages: FROM=1 TO=2 (COMMENTS=no: only code)
	@COMMENTS='$(COMMENTS)' docs/diff.sh $(FROM) $(TO)

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

# Copies of a part of the tree, as check-tests makes them, lack some of these.
-include tests/tests.mk docs/docs.mk docs/questions/questions.mk docs/operate/install.mk

clean: ## remove what was built
	rm -rf --one-file-system $(BUILD)

help: ## list the targets
	@grep -hE '^[a-z][a-z_.-]*:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 22

# Only these directories: $(BUILD) may also contain variants (build/asan), and
# another make may be writing their files.
-include $(shell find $(addprefix $(BUILD)/,common docs tests $(STAGES)) -name '*.d' 2>/dev/null)
.PHONY: all clean compile_commands.json diff doctor help layers libs setup setup-all \
        setup-bench test test-all unit units
