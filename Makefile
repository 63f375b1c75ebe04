# SPDX-License-Identifier: Apache-2.0
# Bulkhead's build. `make help` lists the verbs. No recursion; everything made lies under build/:
#   build/obj/               the hypervisor's objects, alike for every product and board
#   build/host/              the planner's objects
#   build/unit/              unit tests
#   build/newlib/ build/lwip/ build/sodium/ build/linux/ build/bhupdate/ build/programs/   what partitions are made of
#   build/<board>/<product>/ what belongs to one image
# A file of the hypervisor that is not named here is not in the image: the lists are written out so that they can be reviewed.

PRODUCT ?= demo
BOARD ?= qemu-q35-vtd
V ?= 0
# For practice: `make clean` removes it. The keys of a product lie elsewhere, with a copy.
KEYS ?= build/keys
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.DEFAULT_GOAL := all
Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-8s %s\n' '$(1)' '$(2)')
PYTHON := /usr/bin/python3
goals := $(or $(MAKECMDGOALS),all)
comma := ,
# A word of a shell's, whatever is in it.
quoted = '$(subst ','\'',$(1))'

$(foreach name,product board keys signed release dev,$(if $(findstring command,$(origin $(name))),$(error $(name)=: it is written in capitals)))
# A name without a slash is one of the tree's own; else it is the path of a folder.
folders_with = $(patsubst $(1)/%/$(2),%,$(sort $(wildcard $(1)/*/$(2))))
board_dir := $(if $(findstring /,$(BOARD)),$(BOARD:%/=%),board/$(BOARD))
product_dir := $(if $(findstring /,$(PRODUCT)),$(PRODUCT:%/=%),config/$(PRODUCT))
out := build/$(notdir $(board_dir))/$(notdir $(product_dir))
$(foreach name,PRODUCT BOARD CURDIR KEYS,$(if $(or $(word 2,$($(name))),$(findstring ',$($(name)))),$(error $(name)="$($(name))" has a space or a quote in it: make can work with no such path)))
ifeq ($(wildcard $(product_dir)/product.c),)
$(error no product "$(PRODUCT)": $(product_dir)/product.c does not exist. PRODUCT is a folder of config/ ($(call folders_with,config,product.c)) or a path with a slash)
endif
ifeq ($(wildcard $(board_dir)/board.c),)
$(error no board "$(BOARD)": $(board_dir)/board.c does not exist. BOARD is a folder of board/ ($(call folders_with,board,board.c)) or a path with a slash)
endif
ifeq ($(wildcard $(board_dir)/board.mk),)
$(error no board "$(BOARD)": $(board_dir)/board.mk does not exist. It names the CPU vendor (VIRT) and how the board is run)
endif
include $(board_dir)/board.mk
$(if $(filter svm vmx,$(VIRT)),,$(error VIRT = "$(VIRT)" in $(board_dir)/board.mk: give svm for AMD or vmx for Intel))
# The IOMMU's code that is linked in. A board without one may leave it out; the environment is not asked.
IOMMU := $(if $(filter file,$(origin IOMMU)),$(IOMMU),none)
TIERS := check-fast check check-mutants check-boards check-bochs check-long fuzz
image_goals := $(filter all run image pxe disk-image update-bundle flash image-installer gdb bench symbolize check-config report $(out)/%,$(goals))
needs_tables := $(filter-out check-config,$(image_goals))
ifneq ($(needs_tables),)
$(if $(wildcard build/newlib),,$(info the first build here fetches packages and sources, and compiles the C library: a few minutes, with a network))
endif

# Looked at before minutes go into an image for it.
file = $(call quoted,$(FILE))
ifneq ($(filter decode core symbolize trace,$(goals)),)
$(if $(FILE),,$(error FILE= is missing: a log of the console, or for decode an image of memory. See docs/howto-crash.md))
$(if $(shell head -c 1 $(file) >/dev/null && echo fine),,$(error FILE= cannot be read))
endif
ifneq ($(filter flash,$(goals)),)
$(if $(DEV),,$(error make flash DEV=...: name a whole disk (lsblk lists them), or a file to practise on))
$(if $(shell $(PYTHON) config/tool/flash.py --look $(call quoted,$(DEV)) >&2 && echo fine),,$(error nothing is built: DEV cannot be written to))
endif

# One make at a time writes into build/; those that its recipes call belong to it. A tier's claim for themselves, one by one.
ifeq ($(BUILD_CLAIM)$(filter help hil $(TIERS),$(goals)),)
export BUILD_CLAIM := $(shell config/tool/claim.sh $$PPID)
endif

# A folder made from another product or board of the same name is of no use, but for images that somebody may count on.
origin := $(product_dir) $(board_dir)
ifneq ($(image_goals),)
ifneq ($(file <$(out)/origin),$(origin))
ifneq ($(wildcard $(out)/release $(out)/signed),)
$(error $(out) has release or signed images made of $(or $(file <$(out)/origin),another product): move them away, then remove $(out))
endif
$(shell rm -rf $(out) && mkdir -p $(out))
$(file >$(out)/origin,$(origin))
endif
endif

.PHONY: all
all: $(out)/bulkhead.iso $(out)/bulkhead.lst $(out)/sizes.txt ## the image of PRODUCT for BOARD, with map, listing and sizes
	@cat $(out)/sizes.txt

# --- the hypervisor ----------------------------------------------------------------------------------------------------

CORE_OBJS := launch.o vcpu.o exit.o partition.o lifecycle.o loader.o watchdog.o hypercall.o channel.o port.o port_queue.o port_ring.o port_move.o console.o console_command.o log.o uart16550.o devices.o crash.o recorder.o recorder_before.o dump.o \
	pci.o pci_config.o pci_msi.o pci_bars.o pci_life.o health.o restart_group.o sha256.o memory.o pool.o \
	rights.o status.o trace.o pause.o

BOOT_OBJS := start.S.o boot.o bootinfo.o modules.o acpi.o facts.o
CPU_OBJS := desc.o trap.S.o trap.o machine_check.o smp.o fpu.o
MM_OBJS := hostmap.o nested.o
IRQ_OBJS := lapic.o guest_apic.o guest_ioapic.o icr.o
PCI_OBJS := config.o enumerate.o program.o reset.o
DEV_OBJS := uart.o screen.o reset.o clock.o pit.o rtc.o ioapic.o
# One board watchdog's; the board's table says which.
WATCHDOG_FILES := none i6300esb itco sp5100
VIRT_OBJS := audit.o audit_devices.o cpuid_policy.o msr_policy.o cr_policy.o xcr_policy.o decode.o guest_mmio.o guest_walk.o
# One CPU vendor's back end; the board says which.
VIRT_svm_OBJS := svm.o svm_enter.S.o svm_nested.o svm_audit.o
VIRT_vmx_OBJS := vmx.o vmx_block.o vmx_guest.o vmx_exit.o vmx_enter.S.o vmx_nested.o vmx_controls.o vmx_state.o vmx_audit.o
# One IOMMU's back end.
IOMMU_amdvi_OBJS := amdvi.o amdvi_unit.o amdvi_queue.o amdvi_table.o amdvi_ivrs.o amdvi_event.o amdvi_audit.o io_table.o
IOMMU_none_OBJS := none.o
IOMMU_vtd_OBJS := vtd.o vtd_table.o vtd_queue.o vtd_fault.o vtd_dmar.o vtd_audit.o io_table.o

ARCH_OBJS := $(addprefix boot/,$(BOOT_OBJS)) $(addprefix cpu/,$(CPU_OBJS)) $(addprefix mm/,$(MM_OBJS)) $(addprefix irq/,$(IRQ_OBJS)) \
	$(addprefix dev/,$(DEV_OBJS)) $(addprefix pci/,$(PCI_OBJS)) $(addprefix iommu/,$(IOMMU_$(IOMMU)_OBJS)) \
	$(addprefix virt/,$(VIRT_OBJS) $(VIRT_$(VIRT)_OBJS))
HYPERVISOR_OBJS := $(addprefix build/obj/core/,$(CORE_OBJS)) $(addprefix build/obj/arch/x86/,$(ARCH_OBJS))
watchdog_objs := $(WATCHDOG_FILES:%=build/obj/arch/x86/dev/wdt_%.o)
FONT_OBJ := build/obj/screen_font.o
LDS := arch/x86/boot/bulkhead.lds

INCLUDES := -Icore/abi -Icore/include -Iconfig/include -Iboard/include -Iarch/x86/include
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
# -flto: core and back end meet at plain prototypes; the linker inlines across them, which an exit would pay for otherwise.
TARGET_CFLAGS := -std=c11 -O2 -flto=1 -flto-partition=one -g -ffreestanding -fno-pic -no-pie -mno-red-zone -mgeneral-regs-only -mcmodel=small \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
	-ffile-prefix-map=$(CURDIR)/= $(WARNINGS) $(INCLUDES)
TARGET_LDFLAGS := -nostdlib -static -Wl,-z,max-page-size=4096,-z,noexecstack,--build-id=none,--fatal-warnings
# Objects made with other flags are made again.
flags := $(filter-out -ffile-prefix-map=%,$(TARGET_CFLAGS))
ifneq ($(file <build/obj/flags),$(flags))
$(shell mkdir -p build/obj)
$(file >build/obj/flags,$(flags))
endif
compile = $(Q)mkdir -p $(@D) && gcc $(TARGET_CFLAGS) -MMD -MP -c -o $@ $<

build/obj/%.o: %.c build/obj/flags | build/.deps
	$(call say,CC,$<)
	$(compile)
build/obj/%.S.o: %.S build/obj/flags | build/.deps
	$(call say,AS,$<)
	$(compile)
build/screen_font.c: config/tool/font.py | build/.deps
	$(call say,FONT,$@)
	$(Q)$(PYTHON) $< /usr/share/grub/unicode.pf2 $@
build/obj/screen_font.o: build/screen_font.c build/obj/flags
	$(call say,CC,$<)
	$(compile)
$(out)/board.o: $(board_dir)/board.c | build/.deps
	$(call say,CC,$<)
	$(compile)
# --- the planner and its checks, on the host ---------------------------------------------------------------------------

RULES_OBJS := check.o events.o image.o rules.o rules_product.o rules_rights.o rules_cpu.o rules_memory.o rules_life.o rules_health.o rules_console.o rules_image.o \
	rules_file.o rules_board.o rules_pci.o rules_bar.o rules_iommu.o rules_devices.o rules_channels.o rules_labels.o rules_ports.o rules_slices.o rules_update.o rules_tpm.o rules_blank.o rules_release.o
PLANNER_OBJS := $(addprefix config/tool/,planner.o plan_layout.o roles.o labels.o plan_devices.o plan_channels.o plan_ports.o plan_pool.o plan_emit.o payload.o elf_file.o payload_elf.o payload_linux.o payload_bzimage.o payload_pvh.o acpi.o \
	report.o report_devices.o report_channels.o report_slices.o report_labels.o report_html.o report_svg.o) \
	$(addprefix config/check/,$(RULES_OBJS)) core/sha256.o partitions/lib/cpio.o
HOST_CFLAGS := -std=gnu11 -Ulinux -O1 -g -Wall -Wextra -Werror $(INCLUDES) -Iconfig/tool -Iconfig/check -Ipartitions/lib

build/host/%.o: %.c | build/.deps
	$(call say,CC-HOST,$<)
	$(Q)mkdir -p $(@D) && gcc $(HOST_CFLAGS) -MMD -MP -c -o $@ $<
$(out)/host/product.o: $(product_dir)/product.c | build/.deps
	$(call say,CC-HOST,$<)
	$(Q)mkdir -p $(@D) && gcc $(HOST_CFLAGS) -MMD -MP -c -o $@ $<
$(out)/host/board.o: $(board_dir)/board.c | build/.deps
	$(call say,CC-HOST,$<)
	$(Q)mkdir -p $(@D) && gcc $(HOST_CFLAGS) -MMD -MP -c -o $@ $<
planner = $(out)/planner --product-file $(product_dir)/product.c --board-file $(board_dir)/board.c \
	--programs $(subst $() ,$(comma),$(PROGRAMS_THERE)) --iommu $(IOMMU) --virt $(VIRT)
$(out)/planner: $(PLANNER_OBJS:%=build/host/%) $(out)/host/product.o $(out)/host/board.o
	$(call say,LINK,$@)
	$(Q)gcc -o $@ $^
$(out)/makevars: build/host/config/tool/makevars.o $(out)/host/product.o $(out)/host/board.o
	$(Q)gcc -o $@ $^

# Names of partitions, programs and kernels, known only once the tables have passed their checks. Else it ends make, once.
$(out)/product.mk: $(out)/planner $(out)/makevars $(out)/programs.list
	$(Q)$(planner) --check && $(out)/makevars >$@ || echo '$$(shell rm $@)$$(error nothing is built of refused tables)' >$@
ifneq ($(needs_tables),)
include $(out)/product.mk
endif

.PHONY: check-config
check-config: $(out)/planner ## all rules on PRODUCT and BOARD; every finding is printed
	$(Q)$(planner) --check

# --- what partitions run ---------------------------------------------------------------------------------------------------

# unikernel.mk: newlib, the library, one ELF for each program. A program is a folder under partitions/ of the product or of the tree.
# Products without programs of their own share one set of objects.
O := $(if $(wildcard $(product_dir)/partitions),$(out),build)
PRODUCT_DIR := $(product_dir)
PROGRAMS := $(sort $(foreach name,$(UNIKERNELS),$(PROGRAM_$(name))))
include partitions/unikernel.mk
# The rules look again when a program gets its first source or loses its last one.
ifneq ($(image_goals),)
ifneq ($(file <$(out)/programs.list),$(PROGRAMS_THERE))
$(file >$(out)/programs.list,$(PROGRAMS_THERE))
endif
endif
build/newlib/stamp build/lwip/stamp build/sodium/stamp: | build/.deps
program_elf = $(O)/programs/$(PROGRAM_$(1)).elf

build/linux/kernel build/linux/initrd &: $(filter-out %/bhupdate,$(wildcard partitions/linux/*)) | build/.deps
	partitions/linux/build.sh build/linux
# What a Linux updates a box with: the very files of the unikernel that does so, and its own around them. Static: it runs anywhere.
BHUPDATE_OBJS := $(patsubst %.c,build/bhupdate/obj/%.o,$(addprefix partitions/linux/bhupdate/,bhupdate.c block.c client.c own.c) $(update_sources) $(sodium_sources))
build/bhupdate/obj/%.o: %.c | build/.deps $(SODIUM)/stamp
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && gcc -std=gnu11 -O2 -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)/= $(WARNINGS) -Ipartitions/update $(SODIUM_CFLAGS) \
		$(if $(filter $(SODIUM)/%,$<),-w) -MMD -MP -c -o $@ $<
build/bhupdate/bhupdate: $(BHUPDATE_OBJS)
	$(call say,LINK,$@)
	$(Q)gcc -static -s -Wl,--gc-sections,--build-id=none -o $@ $^
.PHONY: bhupdate
bhupdate: build/bhupdate/bhupdate ## the program that a Linux updates a box with: docs/howto-update.md
	@echo 'bhupdate: $<'
# The tree's own RAM disk, and behind it what a Linux that owns updates, or brings them, needs.
$(out)/initrd/%: build/linux/initrd partitions/linux/more.sh build/bhupdate/bhupdate $$(if $$(call owns_updates,$$*),$(out)/update/update.trust)
	$(call say,INITRD,$@)
	$(Q)mkdir -p $(@D) && partitions/linux/more.sh $< $@ bin/bhupdate=build/bhupdate/bhupdate $(if $(call owns_updates,$*),etc/update.trust=$(out)/update/update.trust)
$(out)/vmlinux/%: $$(call linux_file,$$*) partitions/linux/vmlinux.py
	$(call say,UNPACK,$@)
	$(Q)mkdir -p $(@D) && $(PYTHON) partitions/linux/vmlinux.py $< $@

# --- plan and image ------------------------------------------------------------------------------------------------------------

# A relative path in the product table starts at the product's folder.
product_path = $(if $(filter /%,$(1)),$(1),$(product_dir)/$(1))
linux_file = $(if $(KERNEL_$(1)),$(call product_path,$(KERNEL_$(1))),build/linux/kernel)
linux_kernel = $(if $(UNPACKED_$(1)),$(out)/vmlinux/$(1),$(linux_file))
linux_initrd = $(if $(INITRD_$(1)),$(call product_path,$(INITRD_$(1))),$(if $(filter $(1),$(UPDATE_OWNER) $(UPDATE_CLIENT)),$(out)/initrd/$(1),build/linux/initrd))
# A unikernel's files: an archive as it is, a folder as an archive, looked at in every build and written when it changes.
files_path = $(call product_path,$(FILES_$(1)))
files_archive = $(if $(call owns_updates,$(1)),$(out)/files/$(1).cpio,$(if $(FILES_$(1)),$(if $(wildcard $(files_path)/.),$(out)/files/$(1).cpio,$(files_path))))
$(out)/files/%.cpio: always config/tool/archive.py $$(if $$(call owns_updates,$$*),$(out)/update/update.trust)
	$(Q)config/tool/archive.py $(if $(FILES_$*),$(call files_path,$*)) $(if $(call owns_updates,$*),$(out)/update) $@
# Who takes updates knows the key, names and version in a file of its own.
owns_updates = $(filter $(1),$(UPDATE_OWNER))
# Looked at in every build: KEYS may name another folder than the last time.
$(out)/update/update.trust: always $(out)/product.mk $(KEYS)/update.pub
	$(Q)config/tool/trust.py --keys $(KEYS) --product $(PRODUCT_NAME) --board $(BOARD_NAME) $(UPDATE_FACTS) $@
$(KEYS)/update.pub: | build/.deps
	$(if $(filter build/keys,$(KEYS)),,$(error $@ is not there: update bundles are signed with the keys in KEYS=$(KEYS), which `make keys` makes))
	$(Q)config/tool/keys.py $(KEYS) update
.PHONY: always
image_files := $(foreach name,$(UNIKERNELS),$(call program_elf,$(name)) $(call files_archive,$(name))) \
	$(foreach name,$(LINUXES),$(call linux_kernel,$(name)) $(call linux_initrd,$(name)))
# The product's own that are not there are refused by the planner.
$(sort $(foreach name,$(LINUXES),$(if $(KERNEL_$(name)),$(call linux_file,$(name))) $(if $(INITRD_$(name)),$(call linux_initrd,$(name))))) \
$(filter-out $(out)/%,$(sort $(foreach name,$(UNIKERNELS),$(call files_archive,$(name))))): ;
image_args := $(foreach name,$(UNIKERNELS),--image $(name)=$(call program_elf,$(name)) $(addprefix --files $(name)=,$(call files_archive,$(name)))) \
	$(foreach name,$(LINUXES),--kernel $(name)=$(call linux_kernel,$(name)) --initrd $(name)=$(call linux_initrd,$(name)))

$(if $(filter-out y,$(RELEASE)),$(error RELEASE=$(RELEASE): give y, or leave it out))
# Disk images are signed where SIGNED=y asks for it, those of a release unless SIGNED=n forbids it.
signed := $(if $(or $(filter y,$(SIGNED)),$(and $(RELEASE)$(filter image,$(goals)),$(filter-out n,$(or $(SIGNED),y)))),signed/)
$(if $(filter-out y n,$(SIGNED)),$(error SIGNED=$(SIGNED): give y or n))
# Keys for practice are in nobody's release, whoever asks for it by which verb.
release := $(filter-out check-config report,$(if $(RELEASE),$(image_goals),$(filter image,$(goals))))
fit_for_release := $(if $(filter file,$(origin NOT_FOR_RELEASE)),$(if $(NOT_FOR_RELEASE),,y))
ifneq ($(and $(release),$(fit_for_release),$(or $(signed),$(UPDATE_OWNER)),$(filter $(abspath build)/%,$(abspath $(KEYS)))),)
$(error a release needs keys of its own, not those for practice in $(KEYS): make keys KEYS=a folder outside the tree, then make $(release) KEYS=the same)
endif
DISK_TOOLS := $(addprefix config/tool/,diskimage.py gpt.py bmap.py keys.py signing.py slots.cfg signed.cfg)
INSTALLER_TOOLS := $(DISK_TOOLS) config/tool/installerimage.py config/tool/archive.py $(wildcard config/installer/*)
KEY_FILES := $(addprefix $(KEYS)/,boot.key boot.pub db.key db.crt)
no_key = $(error $(1) is not there: images are signed with the keys in KEYS=$(KEYS), which `make keys` makes)
$(KEY_FILES):
	$(call no_key,$@)
# Said before minutes go into an image that cannot be signed, but after what keeps it from being a release at all.
ifneq ($(and $(signed),$(filter disk-image update-bundle flash image-installer image,$(goals)),$(if $(filter image,$(goals)),$(fit_for_release),y)),)
$(foreach file,$(if $(filter keys,$(goals)),,$(KEY_FILES)),$(if $(wildcard $(file)),,$(call no_key,$(file))))
endif
# Changes when KEYS names others than the last time.
keys_used = $(shell cat $(KEY_FILES) $(KEYS)/update.pub 2>/dev/null | sha256sum)
$(out)/keys: always
	$(Q)echo '$(keys_used)' | cmp -s - $@ || echo '$(keys_used)' >$@
# The disk image of a folder: $(1) that folder, $(2) further planner options, $(3) where it goes, $(4) more for diskimage.py.
define disk_rule
$(3)disk.img $(3)disk.img.xz $(3)disk.img.bmap $(3)disk.json &: $(1)/bulkhead.elf $(1)/grub.cfg $(PARTITIONS:%=$(1)/payloads/%.img) $(DISK_TOOLS)
	$$(call say,DISK,$(3)disk.img)
	$$(Q)mkdir -p $(1)/report && $(planner) --report $(1)/report $(image_args) $(2)
	$$(Q)config/tool/diskimage.py --folder $(1) --product $(PRODUCT_NAME) --board $(BOARD_NAME) --data $(DATA_SIZE) --report $(1)/report/report.txt \
		$(UPDATE_VERSION:%=--update %) \
		$(if $(filter build/linux/kernel,$(foreach name,$(LINUXES),$(call linux_file,$(name)))),--kernel build/linux/version) \
		$(addprefix --source ,$(sort $(if $(PROGRAMS),$(ports_used)) $(if $(filter $(LINUXES),$(UPDATE_OWNER) $(UPDATE_CLIENT)),libsodium=$(SODIUM)/stamp))) $(2) $(4)
endef
# Its update bundle: $(1) the folder, $(2) where it goes, $(3) further options.
define bundle_rule
$(2)update.bundle: $(out)/keys $(1)/bulkhead.elf $(1)/grub.cfg $(PARTITIONS:%=$(1)/payloads/%.img) $(DISK_TOOLS) config/tool/bundle.py
	$$(call say,BUNDLE,$$@)
	$$(Q)mkdir -p $$(@D) && config/tool/bundle.py --folder $(1) --product $(PRODUCT_NAME) --board $(BOARD_NAME) --version $(UPDATE_VERSION) \
		--keys $(KEYS) $(3) --output $$@
endef
# An image in a folder: $(1) the folder, $(2) further planner options.
define image_rules
$(1)/plan.c $(1)/grub.cfg $(PARTITIONS:%=$(1)/payloads/%.img) &: $(out)/planner $(image_files)
	$$(call say,PLAN,$(1)/plan.c)
	$$(Q)mkdir -p $(1)/payloads
	$$(Q)$(planner) --plan $(1)/plan.c --payloads $(1)/payloads --grub $(1)/grub.cfg $(image_args) $(2)
$(1)/plan.o: $(1)/plan.c
	$$(call say,CC,$$<)
	$$(compile)
$(1)/bulkhead.elf: $(HYPERVISOR_OBJS) $(WATCHDOG_FILE:%=build/obj/arch/x86/dev/wdt_%.o) $(FONT_OBJ) $(1)/plan.o $(out)/board.o $(LDS)
	$$(call say,LD,$$@)
	$$(Q)gcc $(TARGET_CFLAGS) $(TARGET_LDFLAGS) -T $(LDS) -Wl,--defsym=hv_base=$$$$(sed -n 's/.*hypervisor = {\(0x[0-9a-f]*\)}.*/\1/p' $(1)/plan.c) -Wl,--defsym=mb_frame=$$$$(sed -n 's/.*mb_frame = \(0x[0-9a-f]*\).*/\1/p' $(1)/plan.c) -Wl,--defsym=hv_room=$$$$(sed -n 's/.*hypervisor_room = \(0x[0-9a-f]*\).*/\1/p' $(1)/plan.c) -Wl,-Map=$(1)/bulkhead.map -o $$@ $$(filter %.o,$$^)
$(1)/bulkhead.lst: $(1)/bulkhead.elf
	$$(call say,LIST,$$@)
	$$(Q)objdump -d -S --no-show-raw-insn $$< >$$@
$(1)/sizes.txt: $(1)/bulkhead.elf $(1)/plan.c config/tool/sizes.py
	$$(Q)$(PYTHON) config/tool/sizes.py $(1) >$$@
$(1)/bulkhead.iso: $(1)/bulkhead.elf $(1)/grub.cfg $(PARTITIONS:%=$(1)/payloads/%.img) config/tool/mkimage.sh
	$$(call say,ISO,$$@)
	$$(Q)config/tool/mkimage.sh $(1) $$@
$(call disk_rule,$(1),$(2),$(1)/)
$(call disk_rule,$(1),$(2),$(1)/signed/,--keys '$(KEYS)')
$(1)/signed/disk.img: $(KEY_FILES) $(out)/keys
$(call bundle_rule,$(1),$(1)/,$$(if $$(filter n,$$(SIGNED)),,$$(if $$(wildcard $$(KEYS)/boot.key),--signed)))
$(call bundle_rule,$(1),$(1)/signed/,--signed)
$(1)/signed/update.bundle: $(KEY_FILES)
$(1)/$(signed)installer.img: $(1)/$(signed)disk.img $(1)/grub.cfg build/linux/kernel $(INSTALLER_TOOLS)
	$$(call say,STICK,$$@)
	$$(Q)config/tool/installerimage.py --image $$< --linux build/linux --grub $(1)/grub.cfg --product $(PRODUCT_NAME) --board $(BOARD_NAME) --output $$@
endef
$(eval $(call image_rules,$(out)))
$(eval $(call image_rules,$(out)/release,--release))

.PHONY: report
report: $(out)/planner $(image_files) ## memory, cores, who can reach whom, digests, for a reviewer: build/<board>/<product>/report/
	$(Q)mkdir -p $(out)/report && $(planner) --report $(out)/report $(image_args)
	@echo 'report: $(out)/report/report.html, report.txt, memory.svg, reach.svg'

.PHONY: disk-image
disk-image: $(out)/$(signed)disk.img ## the same for a disk: GPT, BIOS and UEFI, two slots; .xz, .bmap and a manifest beside it; SIGNED=y: signed with KEYS=
	@echo 'disk image: $(<D)/disk.img, .xz, .bmap, manifest $(<D)/disk.json'

.PHONY: keys
keys: | build/.deps ## keys that sign disk images and update bundles, in KEYS= (build/keys); none is overwritten
	$(Q)$(PYTHON) config/tool/keys.py '$(KEYS)'

.PHONY: update-bundle
ifeq ($(UPDATE_VERSION),)
update-bundle: # nothing is compiled for it
	@echo 'product $(PRODUCT) has no .update.version: docs/howto-update.md says what its table needs' >&2; exit 1
else
update-bundle: $(out)/$(if $(RELEASE),release/)$(signed)update.bundle ## what boxes of an older version are updated with, signed with KEYS=; SIGNED=y, RELEASE=y: for boxes with that image
	$(Q)config/tool/bundle.py --show $< --keys $(KEYS)
	@echo 'update bundle: $<'
endif

# Writing waits for an answer: the claim is given up.
.PHONY: flash
flash: $(out)/$(if $(RELEASE),release/)$(signed)disk.img ## write the disk image to DEV=/dev/... or a file; SIGNED=y, RELEASE=y: that one. Asks first, reads back
	$(Q)rm -f build/.claim; $(PYTHON) config/tool/flash.py $< $(call quoted,$(DEV))

.PHONY: image-installer
image-installer: $(out)/$(if $(RELEASE),release/)$(signed)installer.img ## a stick that installs the disk image on a box; SIGNED=y, RELEASE=y: that one
	@echo 'installer: $<; write it to a stick with: sudo config/tool/flash.py $< /dev/...'

.PHONY: image
ifneq ($(NOT_FOR_RELEASE),)
image: # nothing is compiled for it
	$(Q)$(planner) --check --release
else
image: $(out)/release/bulkhead.iso $(out)/release/$(signed)disk.img $(out)/release/bulkhead.lst $(out)/release/sizes.txt ## the release image, its disk signed with KEYS= unless SIGNED=n; refused on test boards
	@cat $(out)/release/sizes.txt
	@echo 'release image: $(out)/release/bulkhead.iso (CD or USB stick, not signed), $(out)/release/$(signed)disk.img (disk$(if $(signed),$(comma) signed,))'
endif

# --- running -----------------------------------------------------------------------------------------------------------------------

# One shell-like line: the emulator and its words.
$(out)/run.args: $(board_dir)/board.mk $(BOARD_FILES)
	$(file >$@,$(EMULATOR) $(EMULATOR_FLAGS))
EMULATOR := $(or $(QEMU),$(BOCHS))
EMULATOR_FLAGS := $(or $(QEMU_FLAGS),$(BOCHS_FLAGS))
# The disk of the tree's boards, with an ext4 file system.
build/disk.img: config/tool/disk.py | build/.deps
	$(call say,DISK,$@)
	$(Q)config/tool/disk.py $@
ifneq ($(and $(filter run gdb bench,$(goals)),$(if $(EMULATOR),,y)),)
$(error board "$(BOARD)" is not an emulator: there is nothing to run it with)
endif
run_image = $(Q)rm -f build/.claim; $(PYTHON) config/tool/run.py --command $(out)/run.args --image $(out)/bulkhead.iso --attention $(ATTENTION) $(STARTED:%=--partition %) $(if $(SERVES),--serves $(SERVES))
ifneq ($(RUN_SECONDS),)
ifeq ($(shell echo '$(subst ','"'"',$(RUN_SECONDS))' | grep -xE '[0-9]+(\.[0-9]+)?' | grep '[1-9]'),)
$(error RUN_SECONDS=$(RUN_SECONDS) is not a positive number of seconds)
endif
endif
.PHONY: run gdb
# While it runs another make may be at work: the claim is given up.
run: $(out)/bulkhead.iso $(out)/run.args ## boot it in its emulator, consoles in this terminal; RUN_SECONDS=n ends it after n seconds
	$(run_image) $(if $(RUN_SECONDS),--seconds $(RUN_SECONDS))
gdb: $(out)/bulkhead.iso $(out)/run.args ## the same, waiting for a debugger (QEMU only)
	$(if $(QEMU),,$(error board "$(BOARD)" does not run in QEMU: no debugger can be attached))$(run_image) --gdb $(out)/bulkhead.elf

.PHONY: bench
ifeq ($(PRODUCT),bench)
bench: $(out)/bulkhead.iso $(out)/sizes.txt $(out)/run.args ## figures under instruction counting, against their limits; JSON beside
	$(Q)$(PYTHON) config/tool/bench.py --command $(out)/run.args --image $(out)/bulkhead.iso --folder $(out) --json $(out)/bench.json \
		--lines '$(MAKE) --no-print-directory lines'
else ifeq ($(PRODUCT),bench-io)
bench: $(out)/bulkhead.iso $(out)/run.args
	$(Q)$(PYTHON) config/tool/bench_io.py --command $(out)/run.args --image $(out)/bulkhead.iso --kernel build/linux/kernel \
		--initrd build/linux/initrd --costs $(dir $(out))bench/bench.json --json $(out)/bench.json
else ifeq ($(PRODUCT),bench-channels)
bench: $(out)/bulkhead.iso $(out)/run.args
	$(Q)$(PYTHON) config/tool/bench_channels.py --command $(out)/run.args --image $(out)/bulkhead.iso --json $(out)/bench.json
else ifeq ($(PRODUCT),minimal)
bench: $(out)/bulkhead.iso $(out)/run.args
	$(Q)$(PYTHON) config/tool/bench_start.py --command $(out)/run.args --image $(out)/bulkhead.iso --elf $(out)/bulkhead.elf --started '$(STARTED)' \
		--json $(out)/bench.json
else ifeq ($(PRODUCT),bench-ports)
bench: $(out)/bulkhead.iso $(out)/run.args
	$(Q)$(PYTHON) config/tool/bench_ports.py --command $(out)/run.args --image $(out)/bulkhead.iso --json $(out)/bench.json
else
bench:
	$(Q)$(MAKE) --no-print-directory bench PRODUCT=bench
	$(Q)$(MAKE) --no-print-directory bench PRODUCT=minimal
	$(Q)$(MAKE) --no-print-directory bench PRODUCT=bench-channels
	$(Q)$(MAKE) --no-print-directory bench PRODUCT=bench-ports
	$(if $(filter-out none,$(IOMMU)),$(Q)$(MAKE) --no-print-directory bench PRODUCT=bench-io)
endif

.PHONY: trace
trace: ## a timeline of a partition's exits: FILE=a log of the console with what the supervisor's `trace NAME show` printed
	$(Q)$(PYTHON) config/tool/trace.py $(file)

# --- after a crash ----------------------------------------------------------------------------------------------------------------

.PHONY: decode core symbolize
decode: ## the persistent record in FILE=, a log of the console or an image of memory
	$(Q)config/tool/decode.py $(file)
core: ## the supervisor's dump in FILE=, a log of the console, as an ELF core for gdb: OUT= (core); NAME= of several
	$(Q)config/tool/core.py $(file) $(or $(OUT),core) $(NAME)
symbolize: $(out)/bulkhead.elf ## functions and lines behind the addresses in FILE=, a log of the console of PRODUCT
	$(Q)config/tool/symbolize.py $(file) --of $(PRODUCT_NAME) $(BOARD_NAME) bulkhead=$(out)/bulkhead.elf \
		$(foreach name,$(UNIKERNELS),$(name)=$(call program_elf,$(name))) $(foreach name,$(LINUXES),$(if $(UNPACKED_$(name)),$(name)=$(call linux_kernel,$(name))))

# --- the board survey -------------------------------------------------------------------------------------------------------------------

# Two programs that say what a machine is: one boots, one runs under Linux. None of it is in a product's image.
SURVEY_SOURCES := $(addprefix board/survey/,cpu.c tables.c pci.c spaces.c print.c text.c) arch/x86/boot/acpi.c arch/x86/virt/vmx_controls.c
SURVEY_OBJS := $(patsubst %.c,build/obj/%.o,$(SURVEY_SOURCES) board/survey/image.c arch/x86/boot/bootinfo.c arch/x86/dev/screen.c core/memory.c) \
	build/obj/arch/x86/boot/start.S.o $(FONT_OBJ)
SURVEY_LINUX_OBJS := $(patsubst %.c,build/host/%.o,$(SURVEY_SOURCES) board/survey/linux.c)
build/obj/board/survey/%.o: TARGET_CFLAGS += -Iboard/survey -Iarch/x86/virt
$(SURVEY_LINUX_OBJS): HOST_CFLAGS += -Iboard/survey -Iarch/x86/virt -Wno-address-of-packed-member
# The framebuffer's tag, or one that no loader knows: some machines end when the mode is set.
build/survey/survey.elf: mb_frame := 5
build/survey/serial.elf: mb_frame := 0x7fff
build/survey/survey.elf build/survey/serial.elf: $(SURVEY_OBJS) $(LDS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && gcc $(TARGET_CFLAGS) $(TARGET_LDFLAGS) -T $(LDS) -Wl,--defsym=hv_base=0x4000000,--defsym=hv_room=0x200000,--defsym=mb_frame=$(mb_frame) \
		-o $@ $(filter %.o,$^)
build/survey/survey.iso: build/survey/survey.elf build/survey/serial.elf board/survey/grub.cfg board/survey/mkimage.sh
	$(call say,ISO,$@)
	$(Q)board/survey/mkimage.sh build/survey $@
build/survey/survey-linux: $(SURVEY_LINUX_OBJS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && gcc -static -o $@ $^
.PHONY: survey
survey: build/survey/survey.iso build/survey/survey-linux ## what prints a machine's board table: an image (CD or stick), and a program for a Linux on it
	@echo 'survey: build/survey/survey.iso (CD or USB stick), build/survey/survey-linux (run it as root); then make new-board FROM=what it printed'

# --- the start of something new -----------------------------------------------------------------------------------------------------

name_given = $(if $(NAME),,$(error NAME= is missing: make $@ NAME=..., a new name, or a path for a folder outside the tree))
.PHONY: new-product new-partition new-board
new-product: ## a small product of yours that builds and runs: NAME= in config/, or a path
	$(name_given)$(Q)config/tool/scaffold.py product $(call quoted,$(NAME))
new-partition: ## a program of yours and its row in the table of PRODUCT=: NAME=
	$(name_given)$(if $(filter file,$(origin PRODUCT)),$(error PRODUCT= is missing: which product gets the partition))
	$(Q)config/tool/scaffold.py partition $(call quoted,$(NAME)) '$(product_dir)'
new-board: ## the table of a machine out of what a survey of it printed: NAME= in board/, or a path; FROM= the survey
	$(name_given)$(if $(FROM),,$(error FROM= is missing: a file with what a survey printed. See docs/howto-new-board.md))
	$(Q)config/tool/scaffold.py board $(call quoted,$(NAME)) $(call quoted,$(FROM))

# --- unit tests --------------------------------------------------------------------------------------------------------------------

# unit_<x> := sources under test and fakes; the test itself is tests/unit/test_<x>.c.
include tests/unit/units.mk
UNITS := $(sort $(patsubst unit_%,%,$(filter unit_%,$(.VARIABLES))))
UNIT_CFLAGS := -std=gnu11 -Ulinux -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wall -Wextra \
	-Itests/unit/fake -Itests/unit $(INCLUDES) -Iconfig/tool -Iconfig/check -Ipartitions/lib -Ipvdrivers \
	-Ipartitions/port/lwip -Ipartitions/httpd -Ipartitions/fetch -Ipartitions/router -isystem $(LWIP)/src/include -Ipartitions/update
unit_objs = $(patsubst %.c,build/unit/obj/%.o,tests/unit/test_$(1).c $(unit_$(1)))

build/unit/obj/%.o: %.c | build/.deps
	$(call say,CC-UNIT,$<)
	$(Q)mkdir -p $(@D) && gcc $(UNIT_CFLAGS) $(if $(filter $(SODIUM)/%,$<),-w -O2 -fno-sanitize=all) -MMD -MP -c -o $@ $<
build/unit/obj/board/survey/%.o: UNIT_CFLAGS += -Iarch/x86/virt
$(UNITS:%=build/unit/%): build/unit/%: $$(call unit_objs,$$*)
	$(call say,LINK,$@)
	$(Q)gcc -fsanitize=address,undefined -o $@ $^ -lcmocka
lwip_units := $(foreach u,$(UNITS),$(if $(filter $(LWIP)/%,$(unit_$(u))),$(u)))
$(foreach u,$(lwip_units),$(call unit_objs,$(u))): | $(LWIP)/stamp
sodium_units := $(foreach u,$(UNITS),$(if $(filter $(SODIUM)/%,$(unit_$(u))),$(u)))
$(foreach u,$(sodium_units),$(call unit_objs,$(u))): UNIT_CFLAGS += $(SODIUM_CFLAGS)
$(foreach u,$(sodium_units),$(call unit_objs,$(u))): | $(SODIUM)/stamp
.PHONY: units $(UNITS:%=unit-%)
units: $(UNITS:%=build/unit/%)
$(UNITS:%=unit-%): unit-%: build/unit/%
	$(Q)$(PYTHON) tests/tier.py unit $*

# --- fuzzing -----------------------------------------------------------------------------------------------------------------------

# fuzz_<x> := sources; the target itself is tests/fuzz/fuzz_<x>.c. `make fuzz` runs them all, or those that FUZZ names.
include tests/fuzz/fuzz.mk
FUZZERS := $(sort $(patsubst fuzz_%,%,$(filter-out fuzz_libs_% fuzz_objs,$(filter fuzz_%,$(.VARIABLES)))))
FUZZ_CFLAGS := $(filter-out -O1,$(UNIT_CFLAGS)) -O2 -fsanitize=fuzzer-no-link -Wno-missing-field-initializers
fuzz_objs = $(patsubst %.c,build/fuzz/obj/%.o,$(sort tests/fuzz/fuzz_$(1).c $(fuzz_$(1))))

build/fuzz/obj/%.o: %.c | build/.deps
	$(call say,CC-FUZZ,$<)
	$(Q)mkdir -p $(@D) && clang $(FUZZ_CFLAGS) $(if $(filter $(SODIUM)/%,$<),-w -fno-sanitize=all) -MMD -MP -c -o $@ $<
$(FUZZERS:%=build/fuzz/%): build/fuzz/%: $$(call fuzz_objs,$$*)
	$(call say,LINK,$@)
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(fuzz_libs_$*)
$(foreach x,$(FUZZERS),$(if $(filter $(LWIP)/%,$(fuzz_$(x))),$(call fuzz_objs,$(x)))): | $(LWIP)/stamp
sodium_fuzzers := $(foreach x,$(FUZZERS),$(if $(filter $(SODIUM)/%,$(fuzz_$(x))),$(x)))
$(foreach x,$(sodium_fuzzers),$(call fuzz_objs,$(x))): FUZZ_CFLAGS += $(SODIUM_CFLAGS)
$(foreach x,$(sodium_fuzzers),$(call fuzz_objs,$(x))): | $(SODIUM)/stamp
.PHONY: fuzzers
fuzzers: $(FUZZERS:%=build/fuzz/%)
	@echo $(FUZZERS)

# --- Debian packages ---------------------------------------------------------------------------------------------------------------

# Looked at again whenever dpkg's database has changed. These verbs install what is missing; the others say what to type.
installing := $(filter run gdb bench deps check check-% fuzz hil,$(goals))
build/.deps: config/packages.txt config/tool/deps.sh $(wildcard /var/lib/dpkg/status)
	@config/tool/deps.sh $(if $(installing),install,print)
	@mkdir -p $(@D) && touch $@
.PHONY: deps
deps: build/.deps ## install the Debian packages that are missing, or say which

# --- tests ---------------------------------------------------------------------------------------------------------------------------

.PHONY: $(TIERS)
check-fast: ## unit tests, rules and style; a few minutes
check: ## check-fast, the default board in QEMU, devices on the other one, a few on the boards of Bochs; most of an hour
check-mutants: ## each defence removed in turn: its test must fail
check-boards: ## every product on every board; the tests of check on the other board of QEMU
check-bochs: ## what concerns the CPU alone, on the boards that run in Bochs
check-long: ## full sweeps and 1,000 restarts
fuzz: ## libFuzzer on all that parses what a partition, the firmware or a device says; FUZZ_SECONDS=n each (300), FUZZ="name ..."
$(TIERS): | build/.deps
	@$(PYTHON) tests/tier.py $@ $(UNITS)

# The very system tests on a board that labgrid switches and listens to; without TESTS all that need no emulator.
.PHONY: hil
hil: | build/.deps ## the system tests on a real BOARD by labgrid, LG_ENV=environment.yaml; TESTS=... only these. See docs/howto-hil.md
	@$(PYTHON) tests/tier.py hil '$(BOARD)' '$(LG_ENV)' $(TESTS)
.PHONY: pxe
pxe: $(out)/bulkhead.elf $(out)/grub.cfg $(PARTITIONS:%=$(out)/payloads/%.img) config/tool/pxe.py ## a folder for a TFTP server: network boot by BIOS and UEFI
	$(Q)$(PYTHON) config/tool/pxe.py $(out) $(out)/pxe $(TFTP_PATH:%=--path %)
	@echo 'network boot: $(out)/pxe; start bulkhead.0 (BIOS) or bulkhead.efi (UEFI)'

# --- looking at the code -------------------------------------------------------------------------------------------------------------

# Every source of the tree's hypervisor that the lists above name, whichever board: check-fast compares this with the folders.
.PHONY: sources
sources:
	@printf '%s\n' $(patsubst %.S.c,%.S,$(patsubst build/obj/%.o,%.c,$(HYPERVISOR_OBJS) $(watchdog_objs)) \
		$(patsubst %.o,arch/x86/virt/%.c,$(foreach vendor,svm vmx,$(VIRT_$(vendor)_OBJS))) \
		$(patsubst %.o,arch/x86/iommu/%.c,$(foreach kind,amdvi vtd none,$(IOMMU_$(kind)_OBJS)))) | sort -u
HYPERVISOR_C := $(patsubst build/obj/%.o,%.c,$(filter-out %.S.o,$(HYPERVISOR_OBJS) $(watchdog_objs)))
# Linker symbols are bounds of one object; cppcheck does not see that refusals do not return.
CPPCHECK_IGNORES := --suppress=comparePointers --suppress=nullPointerRedundantCheck
.PHONY: lines tidy compdb format clean help
vendor_objs = $(addprefix build/obj/arch/x86/virt/,$(VIRT_$(1)_OBJS))
iommu_objs = $(addprefix build/obj/arch/x86/iommu/,$(IOMMU_$(1)_OBJS))
back_end_objs := $(foreach vendor,svm vmx,$(call vendor_objs,$(vendor))) $(foreach kind,amdvi vtd none,$(call iommu_objs,$(kind)))
lines: $(HYPERVISOR_OBJS) $(back_end_objs) $(watchdog_objs) ## privileged source lines, common and each vendor's, against their budget
	$(Q)$(PYTHON) config/tool/lines.py --common $(patsubst %.o,%.d,$(filter-out $(back_end_objs),$(HYPERVISOR_OBJS))) $(LDS) \
		$(foreach vendor,svm vmx,--$(vendor) $(patsubst %.o,%.d,$(call vendor_objs,$(vendor)))) \
		$(foreach kind,amdvi vtd,--$(kind) $(patsubst %.o,%.d,$(call iommu_objs,$(kind)))) \
		$(foreach name,sp5100 itco,--$(name) $(filter %_$(name).d,$(watchdog_objs:.o=.d)))
tidy: | build/.deps ## gcc's analyzer, clang-tidy and cppcheck on what is in the image
	$(Q)set -e; for file in $(HYPERVISOR_C); do gcc $(filter-out -flto%,$(TARGET_CFLAGS)) -fanalyzer -c -o /dev/null $$file; done
	$(Q)clang-tidy --quiet $(HYPERVISOR_C) -- $(filter-out -flto%,$(filter -std% -f% -I% -D%,$(TARGET_CFLAGS)))
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability $(CPPCHECK_IGNORES) $(INCLUDES) $(HYPERVISOR_C)
compdb: ## compile_commands.json for editors
	$(Q)$(PYTHON) config/tool/compdb.py '$(TARGET_CFLAGS)' $(HYPERVISOR_OBJS) $(watchdog_objs) >compile_commands.json
format: | build/.deps ## clang-format on every C file
	$(Q)clang-format -i $$(config/tool/sources.sh)
clean: ## remove build/
	rm -rf build compile_commands.json
help: ## this list
	@echo 'make [PRODUCT=name or path] [BOARD=name or path] [V=1] VERB'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18

-include $(shell find build/obj build/host build/unit/obj build/fuzz/obj build/bhupdate $(out) -name programs -prune -o -name '*.d' -print 2>/dev/null)
