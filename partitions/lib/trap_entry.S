/* SPDX-License-Identifier: Apache-2.0 */
/* One stub per vector, 16 bytes apart, then the common path: save everything, call bh_trap(frame), restore. */
    .text
    .balign 16
    .globl bh_trap_stubs
bh_trap_stubs:
    .set    vector, 0
    .rept   256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq   $0                      /* where the processor pushes no error code */
    .endif
    pushq   $vector
    jmp     common
    .set    vector, vector + 1
    .endr

/* What a debugger needs to go on behind an interrupt or a trap, from the call on: where struct bh_frame has the registers. */
    .cfi_sections .debug_frame
    .cfi_startproc
    .cfi_signal_frame
common:
    cld
    pushq   %rax
    pushq   %rbx
    pushq   %rcx
    pushq   %rdx
    pushq   %rsi
    pushq   %rdi
    pushq   %rbp
    pushq   %r8
    pushq   %r9
    pushq   %r10
    pushq   %r11
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, %rbp
    .cfi_def_cfa %rbp, 176
    .cfi_offset %r15, -176
    .cfi_offset %r14, -168
    .cfi_offset %r13, -160
    .cfi_offset %r12, -152
    .cfi_offset %r11, -144
    .cfi_offset %r10, -136
    .cfi_offset %r9, -128
    .cfi_offset %r8, -120
    .cfi_offset %rbp, -112
    .cfi_offset %rdi, -104
    .cfi_offset %rsi, -96
    .cfi_offset %rdx, -88
    .cfi_offset %rcx, -80
    .cfi_offset %rbx, -72
    .cfi_offset %rax, -64
    .cfi_offset %rip, -40
    .cfi_offset %rsp, -16
    movq    %rsp, %rdi
    subq    $512, %rsp
    andq    $-16, %rsp
    fxsave64 (%rsp)                 /* handlers are ordinary C and may use floating point */
    call    bh_trap
    fxrstor64 (%rsp)
    movq    %rbp, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %r11
    popq    %r10
    popq    %r9
    popq    %r8
    popq    %rbp
    popq    %rdi
    popq    %rsi
    popq    %rdx
    popq    %rcx
    popq    %rbx
    popq    %rax
    addq    $16, %rsp
    iretq
    .cfi_endproc

    .section .note.GNU-stack, "", @progbits
