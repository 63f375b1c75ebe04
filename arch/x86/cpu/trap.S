/* SPDX-License-Identifier: Apache-2.0 */
/* One 16-byte stub per exception, and the common path to trap_handle(). A stub pushes a zero where the CPU pushes no error code
 * (SDM3 6.13), then its vector. And one stub for all interrupts that arch_apic_reset() lets in. */
        .text
        .balign 16
        .globl trap_stubs
trap_stubs:
        vector = 0
        .rept 32
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
        .irp    reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        push    %\reg
        .endr
        mov     %rsp, %rdi
        call    trap_handle
        .irp    reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        pop     %\reg
        .endr
        add     $16, %rsp
        iretq

        /* An interrupt pushes no error code, whatever its vector. */
        .balign 16
        .globl trap_drain_stub
trap_drain_stub:
        cld
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        call    trap_drain_handle
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        btrq    $9, 16(%rsp)            /* back with interrupts off: one per round, however fast a sibling sends */
        iretq

        /* stack_switch(stack_top, function): leave this stack for ever. */
        .globl stack_switch
stack_switch:
        mov     %rdi, %rsp
        xor     %ebp, %ebp
        call    *%rsi
        ud2
        .section .note.GNU-stack, "", @progbits
