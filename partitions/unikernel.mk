# SPDX-License-Identifier: Apache-2.0
# Unikernels: newlib, the library, one ELF per program. Included by the root Makefile, which has set
#   O           the build folder of this board and product
#   PRODUCT_DIR the product's folder; programs are looked for in its partitions/ first, then in ours
#   PROGRAMS    names of the programs this product needs (empty: all of ours)
# and may use: $(O)/programs/<name>.elf, $(UNIKERNEL_ELFS).

NEWLIB := build/newlib
LWIP := build/lwip
SODIUM := build/sodium
UNIKERNEL_CC := gcc
SODIUM_CFLAGS := $(foreach folder,/ /sodium,-isystem $(SODIUM)/src/libsodium/include$(folder:/=)) -DHAVE_TI_MODE -DCONFIGURED=1
UNIKERNEL_CFLAGS := -std=gnu11 -O2 -g -m64 -march=x86-64 -fno-pic -no-pie -mno-red-zone -mcmodel=small -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing -ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(CURDIR)/= -U__linux__ -U__linux -Ulinux -U__unix__ -U__unix -Uunix -D_READ_WRITE_RETURN_TYPE=_ssize_t \
	-nostdinc -isystem $(NEWLIB)/include -isystem $(shell gcc -print-file-name=include 2>/dev/null) -Icore/abi -Ipartitions/lib -Ipvdrivers \
	-Ipartitions/port/lwip -isystem $(LWIP)/src/include -Ipartitions/update $(SODIUM_CFLAGS) \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
UNIKERNEL_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
	-Wl,--gc-sections -Wl,-T,partitions/lib/unikernel.lds

# Drivers of devices too: what a program does not use is not in it (--gc-sections).
unilib_sources := \
	partitions/lib/crt0.S \
	partitions/lib/trap_entry.S \
	partitions/lib/apic.c \
	partitions/lib/args.c \
	partitions/lib/call.c \
	partitions/lib/cpio.c \
	partitions/lib/files.c \
	partitions/lib/line.c \
	partitions/lib/observe.c \
	partitions/lib/paging.c \
	partitions/lib/pci.c \
	partitions/lib/smp.c \
	partitions/lib/start.c \
	partitions/lib/time.c \
	partitions/lib/trap.c \
	partitions/port/newlib/locks.c \
	partitions/port/newlib/syscalls.c \
	pvdrivers/bulletin.c \
	pvdrivers/channel.c \
	pvdrivers/console.c \
	pvdrivers/crc32c.c \
	pvdrivers/disk_pattern.c \
	pvdrivers/e1000e.c \
	pvdrivers/edu.c \
	pvdrivers/nvme.c \
	pvdrivers/nvme_manage.c \
	pvdrivers/record.c \
	pvdrivers/ring.c \
	pvdrivers/slice_client.c \
	pvdrivers/slice_server.c \
	pvdrivers/slice_wait.c \
	pvdrivers/stream.c \
	pvdrivers/tpm_counter.c \
	pvdrivers/tpm_fifo.c \
	pvdrivers/tpm_message.c \
	pvdrivers/watchdog.c

# The network, for programs one of whose sources includes bh_net.h: those of lwIP's own files that we use, and ours.
lwip_sources := $(addprefix $(LWIP)/src/,$(addprefix core/,def.c dns.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c stats.c tcp.c tcp_in.c \
	tcp_out.c timeouts.c udp.c) $(addprefix core/ipv4/,dhcp.c etharp.c icmp.c ip4.c ip4_addr.c) \
	$(addprefix core/ipv6/,ethip6.c icmp6.c ip6.c ip6_addr.c mld6.c nd6.c) netif/ethernet.c)
net_sources := $(addprefix partitions/port/lwip/,bh_net.c net_args.c net_cable.c net_card.c net_e1000e.c net_entropy.c net_random.c net_reuse.c)

# Updates: ours, and of libsodium SHA-256 and the check of Ed25519.
sodium_sources := $(addprefix $(SODIUM)/src/libsodium/,crypto_sign/ed25519/ref10/open.c crypto_sign/ed25519/ref10/sign.c crypto_core/ed25519/ref10/ed25519_ref10.c \
	crypto_hash/sha256/cp/hash_sha256_cp.c crypto_hash/sha512/cp/hash_sha512_cp.c crypto_verify/sodium/verify.c)
update_sources := $(addprefix partitions/update/,update.c bundle.c environment.c layout.c digest.c)

# Sources of each of our programs. One without such a line, in the product's folder: all its .c and .S files.
program_hello := partitions/hello/hello.c
program_control := partitions/control/control.c partitions/control/jitter.c
program_probe := partitions/probe/probe.c partitions/probe/parse.c
program_witness := partitions/witness/witness.c
program_victim := partitions/victim/victim.c partitions/victim/registers.S
program_talk := partitions/talk/talk.c
program_libtest := partitions/libtest/libtest.c
program_attacker := $(addprefix partitions/attacker/,attacker.c attack_util.c attack_apic.c attack_calls.c attack_channel.c attack_rights.c attack_console.c attack_cr.c \
	attack_delivery.c attack_disk.c attack_dma.c attack_icr.c attack_kick.c attack_life.c attack_msi.c attack_msrs.c attack_npt.c attack_paged.c \
	attack_pci.c attack_ports.c attack_residue.c attack_shadow.c \
	attack_stale.c attack_svm.c attack_triple.c attack_paged_run.S attack_sweep.S attack_unpaged.S)
program_bench := partitions/bench/bench.c
program_pair := partitions/bench/pair.c partitions/bench/carry.c
program_storage := $(addprefix partitions/storage/,storage.c settings.c slices.c updates.c floor.c) $(update_sources) $(sodium_sources)
program_ledger := partitions/ledger/ledger.c partitions/ledger/entry.c
program_diskcheck := partitions/diskcheck/diskcheck.c
program_httpd := $(addprefix partitions/httpd/,httpd.c http.c page.c server.c text.c)
program_supervisor := $(addprefix partitions/supervisor/,supervisor.c edit.c elsewhere.c rate.c visible.c show.c output.c \
	dump.c web.c) $(addprefix partitions/httpd/,http.c page.c server.c text.c)
program_router := $(addprefix partitions/router/,router.c link.c services.c packet.c nat.c filter.c rules_file.c forward.c vlan.c clock.c relay.c)
program_nettest := partitions/nettest/nettest.c $(addprefix partitions/httpd/,http.c page.c server.c text.c)
program_fetch := $(addprefix partitions/fetch/,fetch.c look.c feed.c answer.c choice.c wire.c stage.c)

OUR_PROGRAMS := talk hello control probe witness victim attacker bench pair libtest storage diskcheck ledger httpd nettest supervisor router fetch
PROGRAMS ?=
UNIKERNEL_PROGRAMS := $(or $(PROGRAMS),$(OUR_PROGRAMS))
UNIKERNEL_ELFS := $(UNIKERNEL_PROGRAMS:%=$(O)/programs/%.elf)

# Where one's sources are: the product's own folder wins.
product_sources = $(sort $(wildcard $(PRODUCT_DIR)/partitions/$(1)/*.c $(PRODUCT_DIR)/partitions/$(1)/*.S))
own_sources = $(or $(if $(PRODUCT_DIR),$(call product_sources,$(1))),$(program_$(1)))
net_programs := $(foreach p,$(UNIKERNEL_PROGRAMS),$(if $(shell grep -ls '"bh_net.h"' $(call own_sources,$(p))),$(p)))
program_sources = $(call own_sources,$(1)) $(if $(filter $(1),$(net_programs)),$(net_sources) $(lwip_sources))
net_needed := $(sort $(net_sources) $(lwip_sources) $(foreach p,$(net_programs),$(call own_sources,$(p))))
sodium_needed := $(sodium_sources) partitions/update/digest.c
# The sources that the programs are made of besides ours: NAME=STAMP, which has version and digest.
sodium_programs := $(foreach p,$(UNIKERNEL_PROGRAMS),$(if $(filter $(sodium_needed),$(call own_sources,$(p))),$(p)))
ports_used = $(if $(strip $(net_programs)),lwip=$(LWIP)/stamp) $(if $(strip $(sodium_programs)),libsodium=$(SODIUM)/stamp)
# All that have sources, for the rule that refuses others (CFG-509).
PROGRAMS_THERE := $(sort $(if $(PRODUCT_DIR),$(notdir $(patsubst %/,%,$(dir $(call product_sources,*))))) $(OUR_PROGRAMS))
# Object of a source; a path outside the tree keeps its shape below outside/.
unikernel_object = $(O)/programs/obj/$(basename $(patsubst /%,outside/%,$(1))).o
unilib_objects := $(foreach s,$(unilib_sources),$(call unikernel_object,$(s)))

$(NEWLIB)/stamp: partitions/port/newlib/build.sh
	$(Q)$< $(NEWLIB)

$(LWIP)/stamp: partitions/port/lwip/build.sh partitions/port/debian_source.sh
	$(Q)$< $(LWIP)
$(SODIUM)/stamp: partitions/port/sodium/build.sh partitions/port/debian_source.sh
	$(Q)$< $(SODIUM)
# Not newer than the stamp for ever: `make -q` would take what is made of them for old. Nor are they ours to remove: what only a pattern names
# make takes for its own, and deletes it in the run that fetched it.
.PRECIOUS: $(SODIUM)/src/%.c $(LWIP)/src/%.c
$(SODIUM)/src/%.c: | $(SODIUM)/stamp ;
$(LWIP)/src/%.c: | $(LWIP)/stamp ;

define unikernel_compile
$(call unikernel_object,$(1)): $(1) $(NEWLIB)/stamp partitions/unikernel.mk $(if $(filter $(1),$(net_needed)),$(LWIP)/stamp) $(if $(filter $(1),$(sodium_needed)),$(SODIUM)/stamp)
	@mkdir -p $$(@D)
	@echo "  CC      $(1)"
	$(Q)$(UNIKERNEL_CC) $(UNIKERNEL_CFLAGS) $(if $(filter $(SODIUM)/%,$(1)),-w) -MMD -MP -c -o $$@ $$<
-include $(patsubst %.o,%.d,$(call unikernel_object,$(1)))
endef

define unikernel_link
$(O)/programs/$(1).elf: $(foreach s,$(call program_sources,$(1)),$(call unikernel_object,$(s))) $(unilib_objects) partitions/lib/unikernel.lds
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	$(Q)$(UNIKERNEL_CC) $(UNIKERNEL_LDFLAGS) -o $$@ $$(filter %.o,$$^) -L$(NEWLIB)/lib -lm -lc -lgcc
endef

$(foreach s,$(sort $(unilib_sources) $(foreach p,$(UNIKERNEL_PROGRAMS),$(call program_sources,$(p)))),$(eval $(call unikernel_compile,$(s))))
$(foreach p,$(UNIKERNEL_PROGRAMS),$(eval $(call unikernel_link,$(p))))

.PHONY: unikernels
unikernels: $(UNIKERNEL_ELFS)
