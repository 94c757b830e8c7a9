# docs.mk - the book, its exercises, and what runs with them. Part of the Makefile.

PORT ?= 8080

docs: $(BUILD)/site.made ## make the pages of the book: build/site

# The pages quote and link nearly all files.
$(BUILD)/site.made: README.md LICENSE $(shell find common docs tests $(STAGES) \
                      -name node_modules -prune -o -type f -print)
	@docs/check_refs.sh
	@docs/site.sh $(BUILD)/site
	@touch $@

# The binary of STAGE, if that is one stage.
chosen = $(or $(if $(word 2,$(STAGE)),,$(filter $(BINARIES),$(BUILD)/fivefold-$(STAGE))),no-such-stage)

no-such-stage:
	@echo 'there are stages $(NUMBERS); say STAGE=2' >&2; exit 2

run: $(chosen) docs ## serve the book and the sample (PORT=8080 STAGE=n NAMES=host)
	@docs/run.sh $(BUILD)/fivefold-$(STAGE) $(BUILD)/site $(BUILD)/run/db $(PORT)

PORTS = $(shell seq $$(($(PORT) + 1)) $$(($(PORT) + $(or $(N),3))))

cluster: $(chosen) docs ## run N=3 instances, each with some of the databases, HAProxy in front
	@[ -n '$(PORTS)' ] || { echo 'cluster: say make cluster N=3' >&2; exit 2; }
	@mkdir -p $(BUILD)/run/db && [ -f $(BUILD)/run/db/sample.db ] || \
	  docs/sample/make_sample.sh $(BUILD)/run/db/sample.db
	@SERVER=$(BUILD)/fivefold-$(STAGE) ROOT=$(BUILD)/site SAMPLE=$(BUILD)/run/db/sample.db \
	  docs/cluster/generate.sh $(BUILD)/cluster 127.0.0.1:$(PORT) $(PORTS:%=127.0.0.1:%)
	@$(BUILD)/cluster/run

GRADING := $(BUILD)/docs/exercises

$(GRADING)/%: $(GRADING)/%.o
	$(call SAY,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $<

grade: ## grade an exercise of the book on this tree: EX=1.3 (without EX: list them)
	@BUILD='$(BUILD)' MAKE='$(MAKE)' docs/exercises/grade.sh $(EX) || [ $$? = 1 ]

check-exercises: $(BINARIES) ## does each exercise fail as shipped, and pass with its solution?
	@BUILD='$(BUILD)' MAKE='$(MAKE)' docs/exercises/check.sh

.PHONY: check-exercises cluster docs grade no-such-stage run
