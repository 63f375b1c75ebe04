/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of a unikernel: from 32-bit protected mode without paging to C in long mode. Further cores come in real mode by the
 * trampoline below and then the same way. The tables used here are for these few instructions; start.c loads others. */
#define BH_ENTRY_MAGIC 0x42554c4b
#define STACK_STRIDE 0x20000 /* as in lib.h: guard page, then the stack */

/* Into a struct bh_entry_state, before anything is changed. save_debug spoils EAX. */
    .macro  save_general to
    movl    %ecx, \to + 0
    movl    %edx, \to + 4
    movl    %esi, \to + 8
    movl    %edi, \to + 12
    movl    %ebp, \to + 16
    movl    %esp, \to + 20
    .endm
    .macro  save_debug to
    movl    %dr6, %eax
    movl    %eax, \to + 36
    movl    %dr7, %eax
    movl    %eax, \to + 40
    movl    %dr0, %eax
    movl    %eax, \to + 48
    movl    %dr1, %eax
    movl    %eax, \to + 52
    movl    %dr2, %eax
    movl    %eax, \to + 56
    movl    %dr3, %eax
    movl    %eax, \to + 60
    .endm
    .macro  save_long to
    movq    %r8,  \to + 64
    movq    %r9,  \to + 72
    movq    %r10, \to + 80
    movq    %r11, \to + 88
    movq    %r12, \to + 96
    movq    %r13, \to + 104
    movq    %r14, \to + 112
    movq    %r15, \to + 120
    fxsave64 \to + 128
    .endm

    .section .boot, "ax"
    .code32
    .globl bh_entry
bh_entry:
    cmpl    $BH_ENTRY_MAGIC, %eax
    jne     wrong_loader
    save_general bh_entry_state
    rdtsc                           /* for the bench: when this life's first instructions ran */
    movl    %eax, bh_entry_tsc
    movl    %edx, bh_entry_tsc + 4
    movl    $(bh_stacks + STACK_STRIDE), %esp
    pushfl
    popl    bh_entry_state + 24
    movl    %cr0, %eax
    movl    %eax, bh_entry_state + 28
    movl    %cr4, %eax
    movl    %eax, bh_entry_state + 32
    save_debug bh_entry_state
    lgdt    gdt_pointer
    movl    $bh_start64, %ebx
    jmp     to_long_mode

/* Not started by Bulkhead: there is nobody to tell. */
wrong_loader:
    cli
    hlt
    jmp     wrong_loader

/* A further core: data segments, then the same way. bh_ap_stack was set for it. */
ap_entry32:
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    save_general bh_ap_entry_state
    save_debug bh_ap_entry_state
    movl    $ap_start64, %ebx

/* EBX: where to go in long mode. */
to_long_mode:
    cld
    movl    %cr4, %eax
    orl     $0x620, %eax            /* PAE, OSFXSR, OSXMMEXCPT */
    movl    %eax, %cr4
    movl    $boot_pml4, %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx       /* EFER */
    rdmsr
    orl     $0x900, %eax            /* LME, NXE */
    wrmsr
    movl    %cr0, %eax
    andl    $~0x6000000c, %eax      /* CD, NW, TS, EM off: the caches are on for everybody */
    orl     $0x80010023, %eax       /* PG, WP, NE, MP, PE */
    movl    %eax, %cr0
    ljmp    $0x08, $1f
    .code64
1:  movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    movl    %ebx, %ebx
    jmp     *%rbx

bh_start64:
    save_long bh_entry_state
    fninit
    movq    $(bh_stacks + STACK_STRIDE), %rsp
    xorl    %ebp, %ebp
    call    bh_start
    ud2

ap_start64:
    save_long bh_ap_entry_state
    fninit
    movq    bh_ap_stack, %rsp
    xorl    %ebp, %ebp
    call    bh_ap_start
    ud2

/* Copied below 1 MiB. It runs only before paging is on, so that page needs no right to execute. */
    .section .rodata
    .globl bh_trampoline, bh_trampoline_end
    .code16
bh_trampoline:
    cli
    movw    %cs, %ax
    movw    %ax, %ds
    lgdtl   (gdt_pointer_copy - bh_trampoline)
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    ljmpl   $0x18, $ap_entry32
    .balign 4
gdt_pointer_copy:
    .word   48 - 1
    .long   bh_gdt
bh_trampoline_end:
    .code64

    .balign 4
gdt_pointer:
    .word   48 - 1
    .long   bh_gdt

/* Writable: the processor marks a loaded TSS busy. See SEL_* in cpu.h. */
    .data
    .balign 16
    .globl bh_gdt
bh_gdt:
    .quad   0
    .quad   0x00af9b000000ffff      /* 0x08 code, 64 bit */
    .quad   0x00cf93000000ffff      /* 0x10 data */
    .quad   0x00cf9b000000ffff      /* 0x18 code, 32 bit */
    .quad   0x00cff3000000ffff      /* 0x20 user data */
    .quad   0x00affb000000ffff      /* 0x28 user code, 64 bit */
    .fill   2 * 8, 8, 0             /* 0x30 a task state segment per core */

    .globl bh_entry_state, bh_ap_entry_state
    .balign 16
bh_entry_state:
    .fill   640, 1, 0
bh_ap_entry_state:
    .fill   640, 1, 0
    .globl bh_entry_tsc
bh_entry_tsc:
    .quad   0

/* Identity map of the first 16 MiB, where the whole image is, and of the 2 MiB with the start information. */
    .balign 4096
boot_pml4:
    .quad   boot_pdpt + 3
    .fill   511, 8, 0
boot_pdpt:
    .quad   boot_pd + 3
    .quad   0, 0
    .quad   boot_pd_abi + 3
    .fill   508, 8, 0
boot_pd:
    .set    large_page, 0
    .rept   8
    .quad   large_page + 0x83
    .set    large_page, large_page + 0x200000
    .endr
    .fill   504, 8, 0
boot_pd_abi:
    .fill   384, 8, 0
    .quad   0xf0000083              /* BH_ABI_GPA */
    .fill   127, 8, 0

    .section .note.GNU-stack, "", @progbits
