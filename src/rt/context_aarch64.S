/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch for the AAPCS64 on aarch64.
 *
 * A suspended context is one frame of 176 bytes on its own stack, from the low end:
 *     0 x19 … x28   80 x29, x30 (the address to continue at)   96 d8 … d15   160 FPCR   168 unused
 *
 * - FPCR is compared before it is loaded: a load serialises, and it nearly always agrees.
 * - A new context starts at context_entry with x29 and x30 zero and x30 undefined to the unwinder: a backtrace ends
 *   there. The landing pad (hint 34, `bti c`) is a no-op on processors without branch target identification. */

        .text

        .globl  context_switch
        .hidden context_switch
        .type   context_switch, %function
        .balign 16
/* void context_switch(struct context *from: x0, const struct context *to: x1) */
context_switch:
        .cfi_startproc
        hint    #34
        sub     sp, sp, #176
        .cfi_adjust_cfa_offset 176
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x20, 8
        .cfi_rel_offset x21, 16
        .cfi_rel_offset x22, 24
        .cfi_rel_offset x23, 32
        .cfi_rel_offset x24, 40
        .cfi_rel_offset x25, 48
        .cfi_rel_offset x26, 56
        .cfi_rel_offset x27, 64
        .cfi_rel_offset x28, 72
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        mrs     x2, fpcr
        str     x2, [sp, #160]

        mov     x3, sp
        str     x3, [x0]
        ldr     x3, [x1]
        mov     sp, x3

        ldr     x4, [sp, #160]
        cmp     x2, x4
        b.eq    1f
        msr     fpcr, x4
1:      ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #176
        .cfi_adjust_cfa_offset -176
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   context_switch, . - context_switch

        .type   context_entry, %function
        .balign 16
/* The first code of a new context: x19 is the entry, x20 its argument. */
context_entry:
        .cfi_startproc
        .cfi_undefined x30
        hint    #34
        mov     x29, xzr
        mov     x30, xzr
        mov     x0, x20
        blr     x19
        brk     #1
        .cfi_endproc
        .size   context_entry, . - context_entry

        .globl  context_make
        .hidden context_make
        .type   context_make, %function
        .balign 16
/* void context_make(struct context *: x0, void *stack_low: x1, size_t stack_bytes: x2, entry: x3, argument: x4) */
context_make:
        .cfi_startproc
        hint    #34
        add     x5, x1, x2
        and     x5, x5, #-16
        sub     x5, x5, #192
        stp     x3, x4, [x5, #0]
        stp     xzr, xzr, [x5, #16]
        stp     xzr, xzr, [x5, #32]
        stp     xzr, xzr, [x5, #48]
        stp     xzr, xzr, [x5, #64]
        adr     x6, context_entry
        stp     xzr, x6, [x5, #80]
        stp     xzr, xzr, [x5, #96]
        stp     xzr, xzr, [x5, #112]
        stp     xzr, xzr, [x5, #128]
        stp     xzr, xzr, [x5, #144]
        stp     xzr, xzr, [x5, #160]
        stp     xzr, xzr, [x5, #176]
        str     x5, [x0]
        ret
        .cfi_endproc
        .size   context_make, . - context_make

        .section .note.GNU-stack, "", %progbits
