# SPDX-License-Identifier: Apache-2.0
# Bulkhead's build. `make help` lists the verbs. No recursion; everything made lies under build/:
#   build/obj/               objects of the hypervisor, alike for every product and board
#   build/host/              objects of the planner, unit tests
#   build/<board>/<product>/ what belongs to one image
# A source file that is not named here is not in the image: the lists are written out so that they can be reviewed.

PRODUCT ?= demo
BOARD ?= qemu-q35-amd
V ?= 0
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-8s %s\n' '$(1)' '$(2)')
PYTHON := /usr/bin/python3

.DEFAULT_GOAL := all
goals := $(or $(MAKECMDGOALS),all)

# A name without a slash is one of the tree's own; else it is the path of a folder.
board_dir := $(if $(findstring /,$(BOARD)),$(BOARD:%/=%),board/$(BOARD))
product_dir := $(if $(findstring /,$(PRODUCT)),$(PRODUCT:%/=%),config/$(PRODUCT))
out := build/$(notdir $(board_dir))/$(notdir $(product_dir))
ifeq ($(wildcard $(product_dir)/product.c),)
$(error no product "$(PRODUCT)": $(product_dir)/product.c does not exist. PRODUCT is a folder of config/ or a path with a slash)
endif
ifeq ($(wildcard $(board_dir)/board.c),)
$(error no board "$(BOARD)": $(board_dir)/board.c does not exist. BOARD is a folder of board/ or a path with a slash)
endif
include $(board_dir)/board.mk

# --- the hypervisor ----------------------------------------------------------------------------------------------------

CORE_OBJS := main.o vcpu.o exit.o partition.o hypercall.o console.o log.o uart16550.o devices.o sha256.o memory.o pool.o crash.o
BOOT_OBJS := start.o
CPU_OBJS :=
MM_OBJS :=
VIRT_OBJS :=
IRQ_OBJS :=
DEV_OBJS :=

# One CPU vendor's back end, chosen by the board.
VIRT_svm_OBJS :=

HYPERVISOR_OBJS := $(addprefix core/,$(CORE_OBJS)) $(addprefix arch/x86/boot/,$(BOOT_OBJS)) $(addprefix arch/x86/cpu/,$(CPU_OBJS)) \
	$(addprefix arch/x86/mm/,$(MM_OBJS)) $(addprefix arch/x86/virt/,$(VIRT_OBJS) $(VIRT_$(VIRT)_OBJS)) \
	$(addprefix arch/x86/irq/,$(IRQ_OBJS)) $(addprefix arch/x86/dev/,$(DEV_OBJS))
HYPERVISOR_OBJS := $(addprefix build/obj/,$(HYPERVISOR_OBJS))

INCLUDES := -Icore/abi -Icore/include -Iconfig/include -Iboard/include -Iarch/x86/include
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
TARGET_CFLAGS := -std=c11 -O2 -g -ffreestanding -fno-pic -no-pie -mno-red-zone -mgeneral-regs-only -mcmodel=small \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)/= \
	$(WARNINGS) $(INCLUDES)

# --- unit tests ----------------------------------------------------------------------------------------------------------

# unit_<x> := sources under test and fakes; the test itself is tests/unit/test_<x>.c.
include tests/unit/units.mk
UNITS := $(sort $(patsubst unit_%,%,$(filter unit_%,$(.VARIABLES))))
UNIT_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wall -Wextra \
	-Itests/unit/fake -Itests/unit $(INCLUDES) -Iconfig/tool -Iconfig/check
unit_objects = $(patsubst %.c,build/unit/obj/%.o,tests/unit/test_$(1).c $(unit_$(1)))

build/unit/obj/%.o: %.c | build/.deps
	$(call say,CC-UNIT,$<)
	@mkdir -p $(@D)
	$(Q)gcc $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

.SECONDEXPANSION:
$(UNITS:%=build/unit/%): build/unit/%: $$(call unit_objects,$$*)
	$(call say,LINK,$@)
	$(Q)gcc -fsanitize=address,undefined -o $@ $^ -lcmocka

# One unit test: make unit-<x>
.PHONY: $(UNITS:%=unit-%)
$(UNITS:%=unit-%): unit-%: build/unit/%
	$(Q)$(PYTHON) tests/tier.py unit $*
.PHONY: units
units: $(UNITS:%=build/unit/%)

-include $(wildcard build/unit/obj/*/*.d build/unit/obj/*/*/*.d build/unit/obj/*/*/*/*.d)

# --- Debian packages -------------------------------------------------------------------------------------------------------

# Looked at again whenever dpkg's database has changed. These verbs install what is missing; the others say what to type.
installing := $(filter run gdb bench deps check check-%,$(goals))
build/.deps: config/packages.txt config/tool/deps.sh $(wildcard /var/lib/dpkg/status)
	@config/tool/deps.sh $(if $(installing),install,print)
	@mkdir -p build
	@touch $@
.PHONY: deps
deps: build/.deps

# --- tests -------------------------------------------------------------------------------------------------------------------

TIERS := check-fast check check-mutants check-boards check-bochs check-long
.PHONY: $(TIERS)
$(TIERS): build/.deps
	@MAKE='$(MAKE)' $(PYTHON) tests/tier.py $@ $(UNITS)

.PHONY: clean
clean:
	rm -rf build
