/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot loader to C, and from real mode to C for the other processors.
 *
 * Both paths use one temporary page table that maps the first 4 GiB one to one; boot.c and smp.c leave it for the core's own
 * table (hostmap.c) as soon as there is one. */
#define CR0_PE 0x00000001
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define BOOT_STACK 16384

        /* The flat data segment for all. Changes EAX. */
        .macro data_segments
        mov     $16, %eax
        .irp    register, ds, es, ss, fs, gs
        mov     %eax, %\register
        .endr
        .endm

        /* Multiboot2 header: Multiboot2 3.1.1, 3.1.2. */
        .section .multiboot, "a"
        .balign 8
mb_header:
        .long 0xe85250d6, 0, mb_end - mb_header
        .long -(0xe85250d6 + 0 + (mb_end - mb_header))
        /* Information request: memory map. */
        .short 1, 0
        .long 12, 6
        .balign 8
        /* A framebuffer of 32 bits, of this size if it can be, where there is one. On a board with a UART the plan makes the tag
           one that no loader knows, which it passes over: some emulators end when the mode is set. */
        .short mb_frame, 1
        .long 20, 1024, 768, 32
        .balign 8
        /* Modules on page boundaries. */
        .short 6, 0
        .long 8
        .balign 8
        .short 0, 0
        .long 8
mb_end:

        .text
        .code32
        .globl boot_entry
boot_entry:
        cli
        cld
        mov     %eax, %esi              /* loader's magic */
        rdtsc
        mov     %eax, boot_tsc
        mov     %edx, boot_tsc + 4
        mov     $boot_stack + BOOT_STACK, %esp

        /* Only what has long mode and NX goes on. CPUID 8000_0001h EDX bits 20, 29. */
        mov     $0x80000000, %eax
        push    %ebx
        cpuid
        cmp     $0x80000001, %eax
        jb      1f
        mov     $0x80000001, %eax
        cpuid
        and     $0x20100000, %edx
        cmp     $0x20100000, %edx
        jne     1f
        pop     %ebx

        call    boot_tables_fill
        call    long_mode_enable
        mov     %esi, %edi
        mov     %ebx, %esi
        lgdt    boot_gdt_pointer
        ljmp    $8, $boot_entry64
1:      jmp     refuse32

        /* "no 64-bit CPU" by polling COM1, then halt for ever. */
refuse32:
        mov     $refuse_text, %esi
        mov     $0x3f8, %edx
2:      lodsb
        test    %al, %al
        jz      3f
        outb    %al, %dx
        jmp     2b
3:      hlt
        jmp     3b

        /* PML4[0] -> PDPT[0..3] -> four directories of 2 MiB pages. */
boot_tables_fill:
        movl    $boot_pdpt + 3, boot_pml4
        mov     $boot_pd + 3, %eax
        mov     $boot_pdpt, %edi
        mov     $4, %ecx
1:      mov     %eax, (%edi)
        add     $4096, %eax
        add     $8, %edi
        loop    1b
        mov     $0x83, %eax
        mov     $boot_pd, %edi
        mov     $2048, %ecx
2:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    2b
        ret

        /* Paging and long mode on, still in a 32-bit code segment. SDM3 9.8.5. Changes EAX, ECX, EDX. */
long_mode_enable:
        mov     %cr4, %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $boot_pml4, %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $(EFER_LME | EFER_NXE), %eax
        wrmsr
        mov     %cr0, %eax
        or      $(CR0_PG | CR0_WP | CR0_PE), %eax
        mov     %eax, %cr0
        ret

        .code64
boot_entry64:
        data_segments
        mov     $boot_stack + BOOT_STACK, %rsp
        xor     %ebp, %ebp
        call    boot_main               /* (magic, information) */
        ud2

        /* Code that smp.c copies to a page below 1 MiB and starts by SIPI. The page number is in CS. */
        .globl ap_start, ap_end
        .code16
ap_start:
        cli
        cld
        mov     %cs, %ax
        mov     %ax, %ds
        movzwl  %ax, %ebx
        shl     $4, %ebx
        /* The far jump's target and the descriptor table are made absolute here: 16-bit code may run anywhere. */
        lea     ap_32 - ap_start(%ebx), %eax
        mov     %eax, ap_far - ap_start
        lgdtl   ap_gdt_pointer - ap_start
        mov     %cr0, %eax
        or      $CR0_PE, %al
        mov     %eax, %cr0
        ljmpl   *(ap_far - ap_start)
        .balign 4
ap_far: .long 0
        .short 24
        .balign 4
ap_gdt_pointer:
        .short boot_gdt_end - boot_gdt - 1
        .long boot_gdt
        .code32
ap_32:
        data_segments
        mov     $ap_common, %eax
        jmp     *%eax
ap_end:

        /* APs start one at a time: they share the few bytes this call needs. */
ap_common:
        mov     $ap_call_stack + 64, %esp
        call    long_mode_enable
        ljmp    $8, $ap_64

        .code64
ap_64:
        data_segments
        mov     ap_stack, %rsp
        xor     %ebp, %ebp
        mov     ap_core, %edi
        call    ap_main                 /* (core index) */
        ud2

        .section .rodata
        .balign 8
boot_gdt:
        .quad 0
        .quad 0x00af9b000000ffff        /* 8: 64-bit code */
        .quad 0x00cf93000000ffff        /* 16: data */
        .quad 0x00cf9b000000ffff        /* 24: 32-bit code */
boot_gdt_end:
boot_gdt_pointer:
        .short boot_gdt_end - boot_gdt - 1
        .long boot_gdt
refuse_text:
        .asciz "[    0.000000] bulkhead| refused: BOOT-1: this CPU has no 64-bit mode or no NX\r\n"

        .bss
        .balign 4096
        .globl boot_tsc, ap_stack, ap_core
boot_pml4:      .skip 4096
boot_pdpt:      .skip 4096
boot_pd:        .skip 4 * 4096
boot_stack:     .skip BOOT_STACK
boot_tsc:       .skip 8
ap_stack:       .skip 8
ap_core:        .skip 8
ap_call_stack:  .skip 64
        .section .note.GNU-stack, "", @progbits
