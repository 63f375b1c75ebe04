/* SPDX-License-Identifier: Apache-2.0 */
/* Entered by PVH: 32-bit protected mode, no paging. A table of segments, a stack, 256 gates that count. */
    .section .note.rogue, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long start

    .text
    .globl start
start:
    cli
    lgdt gdt_pointer
    ljmp $8, $1f
1:  mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $stack_end, %esp
    call main
2:  hlt
    jmp 2b

    .globl gates
gates:
    .set vector, 0
    .rept 256
    .balign 16
    push $vector
    jmp counted
    .set vector, vector + 1
    .endr

counted:
    push %eax
    mov 4(%esp), %eax
    lock incl interrupts(, %eax, 4)
    cmp $32, %eax
    jb 3f
    push %ecx
    push %edx
    call interrupt_end
    pop %edx
    pop %ecx
    pop %eax
    add $4, %esp
    iret
3:  call died

    .data
    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
    .word 23
    .long gdt

    .bss
    .balign 16
    .skip 16384
stack_end:
    .section .note.GNU-stack, "", @progbits
