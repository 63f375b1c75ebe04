/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch. APM2 15.5, 15.17.
 *
 * int svm_enter(struct guest_regs *regs, uint64_t guest, uint64_t host, _Atomic uint32_t *requests)
 *
 * guest, host: physical addresses of the control block and of this core's host state as VMSAVE left it once. Returns 1 without
 * entering if *requests is not 0, else 0 after the exit. GIF is 0 from the test to VMRUN, so an NMI sent after the test is
 * held and leaves the guest at once: no request is lost and no lock is needed. Guest RAX and RSP live in the block. With GIF 0 the guest's task register
 * is never seen by an interrupt of ours. */
        .text
        .balign 16
        .globl svm_enter
svm_enter:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
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
        jmp     2f
1:      stgi
        mov     $1, %eax
2:      pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .section .note.GNU-stack, "", @progbits
