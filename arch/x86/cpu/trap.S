/* SPDX-License-Identifier: Apache-2.0 */
/* One 16-byte stub per vector, and the common path to trap_handle(). A stub pushes a zero where the CPU pushes no error code
 * (SDM3 6.13), then its vector. */
        .text
        .balign 16
        .globl trap_stubs
trap_stubs:
        vector = 0
        .rept 256
        .balign 16
        .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_common
        vector = vector + 1
        .endr

        .balign 16
trap_common:
        cld
        push    %rax
        push    %rcx
        push    %rdx
        push    %rbx
        push    %rbp
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, %rdi
        call    trap_handle
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rbp
        pop     %rbx
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp
        iretq

        /* stack_switch(stack_top, function): leave this stack for ever. */
        .globl stack_switch
stack_switch:
        mov     %rdi, %rsp
        xor     %ebp, %ebp
        call    *%rsi
        ud2
        .section .note.GNU-stack, "", @progbits
