/* SPDX-License-Identifier: Apache-2.0 */
/* Out of long mode into 32-bit paged or PAE mode on tables of the attack's own, a far call there, and back (attack.h). The tables
 * must map this file, the job and the stack where they are. */
    .text
    .globl paged_run, paged_touch

    .code64
paged_run:
    movl    %edi, job
    .irp    vector, 3, 6, 13, 14
    leaq    fault_\vector(%rip), %rax   /* its gate, in two halves */
    movw    %ax, idt + \vector * 8
    shrl    $16, %eax
    movw    %ax, idt + \vector * 8 + 6
    .endr
    sgdt    saved_gdt
    leaq    run32(%rip), %rsi
    jmp     unpaged_run

    .code32
run32:
    movl    %esp, saved_esp
    lgdt    gdt_pointer
    lidt    idt_pointer
    movl    $0, resume
    movl    %cr4, %eax
    movl    %eax, saved_cr4
    andl    $~0x20030, %eax             /* PCIDE, PAE, PSE */
    orl     4(%edi), %eax
    movl    %eax, %cr4
    movl    %cr3, %eax
    movl    %eax, saved_cr3
    movl    0(%edi), %eax
    movl    %eax, %cr3
    movl    %cr0, %eax
    movl    %eax, saved_cr0             /* PG is clear in it */
    orl     $0x80000000, %eax
    movl    %eax, %cr0
    movl    %edi, %ebp
    movl    16(%ebp), %eax
    movl    20(%ebp), %ecx
    movl    24(%ebp), %edx
    movl    28(%ebp), %ebx
    movl    32(%ebp), %esi
    movl    36(%ebp), %edi
    lcall   *8(%ebp)
    movl    job, %ebp
    movl    %eax, 16(%ebp)
leave:
    movl    job, %ebp
    movl    saved_esp, %esp
    movl    %cr0, %eax
    movl    %eax, 56(%ebp)
    movl    %cr4, %eax
    movl    %eax, 60(%ebp)
    movl    76(%ebp), %eax
    movl    %eax, %cr3
    movl    saved_cr0, %eax
    movl    %eax, %cr0
    movl    saved_cr4, %eax
    movl    %eax, %cr4
    movl    saved_cr3, %eax
    movl    %eax, %cr3
    lgdt    saved_gdt
    jmp     unpaged_return

fault_3:
    pushl   $0
    pushl   $3
    jmp     fault
fault_6:
    pushl   $0
    pushl   $6
    jmp     fault
fault_13:
    pushl   $13
    jmp     fault
fault_14:
    pushl   $14
/* Vector, error code, EIP, CS, EFLAGS. It ends the run, or goes on at `resume` after counting. */
fault:
    cmpl    $0, resume
    jne     1f
    movl    job, %ebp
    popl    40(%ebp)
    popl    44(%ebp)
    popl    48(%ebp)
    movl    %cr2, %eax
    movl    %eax, 52(%ebp)
    jmp     leave
1:  cmpl    $14, 0(%esp)
    je      3f
    cmpl    $13, 0(%esp)
    jne     4f
    cmpl    $0, 4(%esp)
    jne     4f
    incl    64(%ebp)                    /* #GP(0) */
2:  addl    $8, %esp
    pushl   resume
    popl    0(%esp)
    iretl
3:  incl    68(%ebp)
    jmp     2b
4:  incl    72(%ebp)
    jmp     2b

/* ESI: linear addresses, ECX of them. Reads and writes a word at each; what faults is counted, EDX: what does not, EBX: where
 * first. */
paged_touch:
    xorl    %edx, %edx
    xorl    %ebx, %ebx
next:
    movl    (%esi), %edi
    movl    $5f, resume
    movl    (%edi), %eax
    incl    %edx
    movl    %edi, %ebx
5:  movl    $6f, resume
    movl    $0xa77ac4ed, (%edi)
    incl    %edx
    movl    %edi, %ebx
6:  addl    $4, %esi
    loop    next
    movl    $0, resume
    movl    %edx, 24(%ebp)
    movl    %ebx, 28(%ebp)
    lretl

    .data
    .balign 8
saved_gdt:
    .word   0
    .quad   0
job:
    .long   0
resume:
    .long   0
saved_esp:
    .long   0
saved_cr0:
    .long   0
saved_cr3:
    .long   0
saved_cr4:
    .long   0
idt_pointer:
    .word   15 * 8 - 1
    .long   idt
gdt_pointer:
    .word   6 * 8 - 1
    .long   gdt
    .balign 8
gdt:                                    /* the library's first four, and two that only these attacks need */
    .quad   0
    .quad   0x00af9b000000ffff          /* 0x08 code, 64 bit */
    .quad   0x00cf93000000ffff          /* 0x10 data */
    .quad   0x00cf9b000000ffff          /* 0x18 code, 32 bit */
    .quad   0x3fcf9b123000ffff          /* 0x20 code, 32 bit, base 0x3f123000: PAGED_BASE */
    .quad   0x40009b240000ffff          /* 0x28 code, 16 bit, base 0x40240000 */
idt:
    .fill   3, 8, 0
    .word   0, 0x18, 0x8e00, 0
    .fill   2, 8, 0
    .word   0, 0x18, 0x8e00, 0
    .fill   6, 8, 0
    .word   0, 0x18, 0x8e00, 0
    .word   0, 0x18, 0x8e00, 0

    .section .note.GNU-stack, "", @progbits
