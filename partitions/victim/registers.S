/* SPDX-License-Identifier: Apache-2.0 */
/* bool victim_hold_registers(uint64_t pattern): all general and vector registers hold values derived from the pattern while
 * the core halts once; true if they still do. */
    .text
    .globl victim_hold_registers
victim_hold_registers:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    pushq   %rdi
    /* registers in the order of the comparison below: pattern + 1, + 2, ... */
    .set    n, 1
    .irp    reg, rax, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    leaq    n(%rdi), %\reg
    .set    n, n + 1
    .endr
    .irp    reg, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movq    %rdi, %xmm\reg
    .endr
    sti
    hlt
    cmpq    (%rsp), %rdi
    jne     1f
    .set    n, 1
    .irp    reg, rax, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    subq    $n, %\reg
    cmpq    %rdi, %\reg
    jne     1f
    .set    n, n + 1
    .endr
    .irp    reg, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movq    %xmm\reg, %rax
    cmpq    %rdi, %rax
    jne     1f
    .endr
    movl    $1, %eax
    jmp     2f
1:  xorl    %eax, %eax
2:  popq    %rdi
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret

    .section .note.GNU-stack, "", @progbits
