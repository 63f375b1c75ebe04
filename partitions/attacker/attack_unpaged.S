/* SPDX-License-Identifier: Apache-2.0 */
/* Out of long mode into 32-bit protected mode without paging, with an IDT of its own, and back (attack.h). Addresses below
 * 4 GiB are the same in both. */
    .text
    .globl unpaged_touch, unpaged_triple_fault, unpaged_run, unpaged_return

/* Down: RDI = argument, kept; RBX = 32-bit code to jump to. */
down:
    pushq   $0x18
    leaq    1f(%rip), %rax
    pushq   %rax
    lretq
    .code32
1:  movl    %cr0, %eax
    andl    $0x7fffffff, %eax       /* PG */
    movl    %eax, %cr0
    movl    $0xc0000080, %ecx
    rdmsr
    andl    $~0x100, %eax           /* LME */
    wrmsr
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %ss
    jmp     *%ebx

    .code64
unpaged_touch:
    leaq    fault32(%rip), %rax     /* the gate of #GP, in two halves */
    movw    %ax, idt32 + 13 * 8
    shrl    $16, %eax
    movw    %ax, idt32 + 13 * 8 + 6
    leaq    touch32(%rip), %rsi

/* RDI = argument; RSI = 32-bit code to run with EDI = argument. It ends with a jump to unpaged_return, with the tables of long
 * mode back in CR3 and CR4, paging off; then this returns. */
unpaged_run:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, saved_rsp
    sidt    saved_idt
    movq    %rsi, %rbx
    jmp     down

    .code32
touch32:
    lidt    idt32_pointer
    movl    0(%edi), %esi           /* address */
    movl    8(%edi), %ebp           /* how many */
    movl    $0, 12(%edi)
next:
    testl   %ebp, %ebp
    jz      unpaged_return
    movl    (%esi), %eax            /* faults: continues at refused */
    movl    %eax, (%esi)
    cmpl    $0, 12(%edi)
    jne     2f
    movl    %esi, 16(%edi)
2:  incl    12(%edi)
refused:
    addl    4(%edi), %esi
    decl    %ebp
    jmp     next

/* #GP: error code, EIP, CS, EFLAGS. */
fault32:
    addl    $4, %esp
    movl    $refused, (%esp)
    iretl

unpaged_return:
    movl    $0xc0000080, %ecx
    rdmsr
    orl     $0x100, %eax
    wrmsr
    movl    %cr0, %eax
    orl     $0x80000000, %eax
    movl    %eax, %cr0
    ljmp    $0x08, $3f
    .code64
3:  movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %ss
    lidt    saved_idt
    movq    saved_rsp, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret

unpaged_triple_fault:
    cli
    leaq    triple32(%rip), %rbx
    jmp     down
    .code32
triple32:
    lidt    empty_idt
    ud2

    .data
    .balign 8
saved_rsp:
    .quad   0
saved_idt:
    .word   0
    .quad   0
empty_idt:
    .word   0
    .long   0
idt32_pointer:
    .word   14 * 8 - 1
    .long   idt32
    .balign 8
idt32:                              /* only #GP */
    .fill   13, 8, 0
    .word   0, 0x18, 0x8e00, 0

    .section .note.GNU-stack, "", @progbits
