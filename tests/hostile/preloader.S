/* SPDX-License-Identifier: Apache-2.0 */
/* A pre-loader that leaves DMA under way (AC-28). The boot loader enters it in place of the hypervisor, as Multiboot2 3.3 says; it sets both of
 * QEMU's edu devices going, each of which writes zeros 100 ms later. The first one writes into a page of the pre-loader's own: once
 * it has, which shows that they do write, the hypervisor is entered as if by the boot loader. The second one, started DELAY ticks later, writes to
 * TARGET, DELAY ticks after that. Symbols that the test gives: ENTRY, TARGET, DELAY, BAR, FIRST and SECOND (configuration addresses). */
        .set    SIZE, 16
        .set    TIMEOUT, 1000000000

        .macro config address, offset, value
        mov     $0xcf8, %edx
        mov     $0x80000000 + \address + \offset, %eax
        out     %eax, %dx
        mov     $0xcfc, %edx
        mov     $\value, %eax
        out     %eax, %dx
        .endm

        /* A device's BAR 0 and all that it needs to write SIZE bytes of its buffer, which is zeros, to `to`. */
        .macro prepare address, bar, to
        config  \address, 0x10, \bar
        config  \address, 0x04, 6
        movl    $0x40000, \bar + 0x80
        movl    $\to, \bar + 0x88
        movl    $SIZE, \bar + 0x90
        .endm

        .text
        .code32
        mov     %eax, %esi              /* the boot loader's magic; EBX is its information */
        mov     $stack, %esp
        prepare FIRST, BAR, own
        prepare SECOND, BAR + 0x100000, TARGET
        movl    $3, BAR + 0x98
        rdtsc
        mov     %eax, %ecx
1:      rdtsc
        sub     %ecx, %eax
        cmp     $DELAY, %eax
        jb      1b
        movl    $3, BAR + 0x100098
2:      cmpl    $0, own
        je      3f
        rdtsc
        sub     %ecx, %eax
        cmp     $TIMEOUT, %eax
        jb      2b
        mov     $no, %ecx
        call    say
        hlt
3:      mov     $yes, %ecx
        call    say
        mov     %esi, %eax
        mov     $ENTRY, %edx
        jmp     *%edx

        /* The text at ECX, by COM1. */
say:    mov     $0x3fd, %edx
        in      %dx, %al
        test    $0x20, %al
        jz      say
        mov     (%ecx), %al
        inc     %ecx
        test    %al, %al
        jz      4f
        mov     $0x3f8, %edx
        out     %al, %dx
        jmp     say
4:      ret

yes:    .asciz  "pre-loader: the first device has written\r\n"
no:     .asciz  "pre-loader: no DMA came\r\n"
        .balign 16
own:    .fill   SIZE, 1, 0xff
        .fill   64
stack:
