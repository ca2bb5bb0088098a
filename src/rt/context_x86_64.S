/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch for the System V ABI on x86-64.
 *
 * A suspended context is one frame on its own stack, which context_switch() pushes and pops, from the low end:
 *     0 MXCSR (4 bytes), x87 control word (2), unused (2)
 *     8 r15   16 r14   24 r13   32 r12   40 rbx   48 rbp   56 the address to continue at
 *
 * - The two control words are compared before they are loaded: a load serialises, and they nearly always agree. The
 *   status flags of MXCSR (bits 0-5) belong to nobody across a call, so they are left out of the comparison.
 * - It leaves by a jump and not by `ret`: the processor's return predictor would guess the wrong side each time.
 * - A new context starts at context_entry, whose return address is zero and undefined to the unwinder: a debugger's or
 *   profiler's backtrace ends there.
 * - No shadow stack (CET SHSTK): it would have to be switched too. `endbr64` keeps indirect-branch tracking happy. */

#define MXCSR_CONTROL 0xffc0
#define MXCSR_DEFAULT 0x1f80
#define X87_DEFAULT   0x037f

        .text

        .globl  context_switch
        .hidden context_switch
        .type   context_switch, @function
        .balign 16
/* void context_switch(struct context *from: rdi, const struct context *to: rsi) */
context_switch:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movl    (%rsp), %eax
        movzwl  4(%rsp), %ecx

        movq    %rsp, (%rdi)
        movq    (%rsi), %rsp

        xorl    (%rsp), %eax
        testl   $MXCSR_CONTROL, %eax
        jne     3f
1:      cmpw    4(%rsp), %cx
        jne     4f
2:      addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        notrack jmp *%rcx
        .cfi_endproc
        .cfi_startproc
        .cfi_def_cfa_offset 64
        .cfi_rel_offset %rbp, 48
        .cfi_rel_offset %rbx, 40
        .cfi_rel_offset %r12, 32
        .cfi_rel_offset %r13, 24
        .cfi_rel_offset %r14, 16
        .cfi_rel_offset %r15, 8
3:      ldmxcsr (%rsp)
        jmp     1b
4:      fldcw   4(%rsp)
        jmp     2b
        .cfi_endproc
        .size   context_switch, . - context_switch

        .type   context_entry, @function
        .balign 16
/* The first code of a new context: r14 is the entry, r15 its argument, rsp is 16-aligned on a zero return address. */
context_entry:
        .cfi_startproc
        .cfi_undefined %rip
        .cfi_undefined %rbp
        endbr64
        movq    %r15, %rdi
        call    *%r14
        ud2
        .cfi_endproc
        .size   context_entry, . - context_entry

        .globl  context_make
        .hidden context_make
        .type   context_make, @function
        .balign 16
/* void context_make(struct context *: rdi, void *stack_low: rsi, size_t stack_bytes: rdx, entry: rcx, argument: r8) */
context_make:
        .cfi_startproc
        endbr64
        leaq    (%rsi, %rdx), %rax
        andq    $-16, %rax
        subq    $80, %rax
        movl    $MXCSR_DEFAULT, (%rax)
        movl    $X87_DEFAULT, 4(%rax)
        movq    %r8, 8(%rax)
        movq    %rcx, 16(%rax)
        movq    $0, 24(%rax)
        movq    $0, 32(%rax)
        movq    $0, 40(%rax)
        movq    $0, 48(%rax)
        leaq    context_entry(%rip), %rdx
        movq    %rdx, 56(%rax)
        movq    $0, 64(%rax)
        movq    $0, 72(%rax)
        movq    %rax, (%rdi)
        ret
        .cfi_endproc
        .size   context_make, . - context_make

        .section .note.GNU-stack, "", @progbits
