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
        mov     0x40(%rdi), %r8
        mov     0x48(%rdi), %r9
        mov     0x50(%rdi), %r10
        mov     0x58(%rdi), %r11
        mov     0x60(%rdi), %r12
        mov     0x68(%rdi), %r13
        mov     0x70(%rdi), %r14
        mov     0x78(%rdi), %r15
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
        mov     %r8, 0x40(%rax)
        mov     %r9, 0x48(%rax)
        mov     %r10, 0x50(%rax)
        mov     %r11, 0x58(%rax)
        mov     %r12, 0x60(%rax)
        mov     %r13, 0x68(%rax)
        mov     %r14, 0x70(%rax)
        mov     %r15, 0x78(%rax)
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
