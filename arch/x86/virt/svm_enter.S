/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch. APM2 15.5, 15.17.
 *
 * RDI: struct guest_regs, RSI: guest, RDX: host, RCX: _Atomic uint32_t requests; called by svm.c only, whose inline assembly says
 * that every general register but RBP and RSP is lost, so that none is saved twice.
 *
 * guest, host: physical addresses of the control block and of this core's host state as VMSAVE left it once. EAX is 1 without
 * entering if requests is not 0, else 0 after the exit. GIF is 0 from the test to VMRUN, so an NMI sent after the test is
 * held and leaves the guest at once: no request is lost and no lock is needed. Guest RAX and RSP live in the block. With GIF 0 the guest's task register
 * is never seen by an interrupt of ours. */
        .text
        .balign 16
        .globl svm_enter
svm_enter:
        push    %rbp
        clgi
        cmpl    $0, (%rcx)
        jne     1f
        push    %rdx
        push    %rdi
        mov     %rsi, %rax
        mov     0x08(%rdi), %rcx
        mov     0x10(%rdi), %rdx
        mov     0x18(%rdi), %rbx
        mov     0x28(%rdi), %rbp
        mov     0x30(%rdi), %rsi
        .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
        mov     8*\n(%rdi), %r\n
        .endr
        mov     0x38(%rdi), %rdi
        vmload  %rax
        vmrun   %rax
        vmsave  %rax
        pop     %rax
        mov     %rcx, 0x08(%rax)
        mov     %rdx, 0x10(%rax)
        mov     %rbx, 0x18(%rax)
        mov     %rbp, 0x28(%rax)
        mov     %rsi, 0x30(%rax)
        mov     %rdi, 0x38(%rax)
        .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
        mov     %r\n, 8*\n(%rax)
        .endr
        pop     %rax
        vmload  %rax
        stgi
        xor     %eax, %eax
        pop     %rbp
        ret
1:      stgi
        mov     $1, %eax
        pop     %rbp
        ret
        .section .note.GNU-stack, "", @progbits
