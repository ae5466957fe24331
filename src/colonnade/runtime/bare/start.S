/* Entry of the bare-metal image: floating point and vectors on, a stack, then bare_main, which does not return. */
.option arch, +zicsr
.section .text.start, "ax"
.globl _start
.type _start, @function
_start:
.option push
.option norelax
  la gp, __global_pointer$
.option pop
  li t0, 0x6600        /* mstatus.FS and .VS: dirty (privileged spec 3.1.6.6) */
  csrs mstatus, t0
  la t0, bare_trap
  csrw mtvec, t0
  la sp, bare_stack_end
  call bare_main
.size _start, . - _start

/* Any trap is a defect: exit with the cause. */
.balign 4
.globl bare_trap
.type bare_trap, @function
bare_trap:
  csrr a0, mcause
  addi a0, a0, 100
  call bare_exit
.size bare_trap, . - bare_trap

/* What the simulator watches (HTIF), each on a cache line of its own. */
.section .tohost, "aw"
.balign 64
.globl tohost
tohost: .dword 0
.balign 64
.globl fromhost
fromhost: .dword 0
.balign 64

.section .bss.stack, "aw", @nobits
.balign 64
  .space 1 << 20
.globl bare_stack_end
bare_stack_end:

/* The job block, written before the run; not in C, where the compiler would take its bytes for known. */
.section .job, "a"
.balign 64
.globl bare_the_job
bare_the_job: .space 48
