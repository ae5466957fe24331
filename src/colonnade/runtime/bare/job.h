/* What a run of the bare-metal image is given: a model file, its inputs, and which steps to measure. The runner writes
 * this block, then the data it points to, at the address of bare_job. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t model, model_bytes; /* address and size of the model file */
  uint64_t inputs;             /* address of the inputs, one after another, each from a multiple of 64 bytes on */
  uint64_t heap;               /* address of free memory, to the end of what the machine has */
  uint64_t evict_bytes;        /* this much other memory is read before the measured steps' predecessors run */
  int64_t shown_at, shown_bytes;  /* what is written at the end: so much of `shown_buffer`; 0 bytes: all outputs */
  int32_t first, last;            /* steps before `first` prepare; then first .. last - 1 run */
  int32_t shown_buffer, reserved;
} bare_job;

extern const bare_job bare_the_job;

/* Requests to the simulator (HTIF): a proxied write to one of its descriptors; the end. */
void bare_write(int descriptor, const void *data, size_t bytes);
_Noreturn void bare_exit(int status);
