/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch. SDM3 27, 28.
 *
 * RDI: struct guest_regs, ESI: this VMCS has been launched; called by vmx.c only, whose inline assembly says that every general
 * register but RBP and RSP is lost, so that none is saved twice.
 *
 * EAX is 0 after an exit (or an entry that failed late: the exit reason says so), 1 if the instruction itself failed. Guest RSP lives in
 * the VMCS. An NMI may come at any point here: it saves all registers and makes the entry exit at once (virt_nmi). */
#define VMCS_HOST_RSP 0x6c14

        .text
        .balign 16
        .globl vmx_enter, vmx_exited
vmx_enter:
        push    %rbp
        push    %rdi
        mov     $VMCS_HOST_RSP, %eax
        vmwrite %rsp, %rax
        test    %esi, %esi              /* no flag changes until it is looked at */
        mov     0x00(%rdi), %rax
        mov     0x08(%rdi), %rcx
        mov     0x10(%rdi), %rdx
        mov     0x18(%rdi), %rbx
        mov     0x28(%rdi), %rbp
        mov     0x30(%rdi), %rsi
        .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
        mov     8*\n(%rdi), %r\n
        .endr
        mov     0x38(%rdi), %rdi
        jnz     1f
        vmlaunch
        jmp     2f
1:      vmresume
2:      pop     %rdi
        mov     $1, %eax
        pop     %rbp
        ret
        /* HOST_RIP, with HOST_RSP as above. */
vmx_exited:
        xchg    %rdi, (%rsp)
        mov     %rax, 0x00(%rdi)
        mov     %rcx, 0x08(%rdi)
        mov     %rdx, 0x10(%rdi)
        mov     %rbx, 0x18(%rdi)
        mov     %rbp, 0x28(%rdi)
        mov     %rsi, 0x30(%rdi)
        .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
        mov     %r\n, 8*\n(%rdi)
        .endr
        pop     0x38(%rdi)
        xor     %eax, %eax
        pop     %rbp
        ret
        .section .note.GNU-stack, "", @progbits
