/* SPDX-License-Identifier: Apache-2.0 */
/* Touch many addresses fast: with an IDT of its own whose #GP continues at the next address. See attack.h. Interrupts off. */
    .text
    .globl sweep_touch

/* RDI = job: address, stride, count, write, reached, first */
sweep_touch:
    pushq   %rbx
    leaq    refused(%rip), %rax     /* the gate of #GP */
    movw    %ax, gate + 0
    shrq    $16, %rax
    movw    %ax, gate + 6
    sidt    saved_idt
    lidt    sweep_idt
    movq    0(%rdi), %rsi
    movq    16(%rdi), %rcx
    xorl    %ebx, %ebx
    cmpq    $0, 24(%rdi)
    jne     writing
reading:
    movl    (%rsi), %eax            /* faults: continues at next */
    jmp     reached
writing:
    movl    $0xa77ac4ed, (%rsi)
reached:
    testq   %rbx, %rbx
    jnz     1f
    movq    %rsi, 40(%rdi)
1:  incq    %rbx
next:
    addq    8(%rdi), %rsi
    decq    %rcx
    jz      done
    cmpq    $0, 24(%rdi)
    jne     writing
    jmp     reading
done:
    movq    %rbx, 32(%rdi)
    lidt    saved_idt
    popq    %rbx
    ret

/* Error code, RIP, ... */
refused:
    addq    $8, %rsp
    movq    $next, (%rsp)
    iretq

    .data
    .balign 16
sweep_gates:
    .fill   13 * 2, 8, 0
gate:
    .word   0, 0x08, 0x8e00, 0
    .quad   0
sweep_idt:
    .word   14 * 16 - 1
    .quad   sweep_gates
saved_idt:
    .word   0
    .quad   0

    .section .note.GNU-stack, "", @progbits
