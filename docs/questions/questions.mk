# questions.mk - what measures: make bench, make question. Part of the Makefile.

COST := $(BUILD)/docs/questions/cost

$(COST)/%: $(COST)/%.o
	$(call SAY,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $<

bench: $(BINARIES) $(COST)/floor $(COST)/idle ## measure what a request costs (QUICK=1: only check that it works)
	@BUILD='$(BUILD)' docs/questions/cost/bench.sh $(if $(QUICK),quick)

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

# N, if it is one of them.
one_question = $(if $(word 2,$(N)),,$(filter $(N),$(QUESTIONS)))

question: $(if $(one_question),$(QUESTION)/measure) ## measure one of the notes' questions: N=1
	@[ -n '$(one_question)' ] || \
	  { echo 'question: there are $(QUESTIONS); say make question N=1' >&2; exit 2; }
	@$(QUESTION)/measure >$(QUESTION)/result.csv
	@gnuplot -e 'data = "$(QUESTION)/result.csv"; out = "$(QUESTION)/result.svg"' \
	  docs/questions/$(N)/plot.gp || { echo 'question: no picture without gnuplot; get' \
	  'it by: make setup-bench' >&2; exit 1; }
	@echo 'question: $(QUESTION)/result.csv, result.svg'

.PHONY: bench question
