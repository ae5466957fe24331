/* Runs a job: opens its model in the real runtime, runs the steps that prepare, then those to be measured, and writes
 * all outputs, or what the job says, to standard output. One core. Functions called bare_* are not part of what is measured. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "job.h"

extern volatile uint64_t tohost, fromhost;

enum { HTIF_WRITE = 64 };

void bare_write(int descriptor, const void *data, size_t bytes) {
  volatile uint64_t request[8] = {HTIF_WRITE, (uint64_t)descriptor, (uint64_t)data, bytes};
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  tohost = (uint64_t)request;
  while (!fromhost) continue;
  fromhost = 0;
}

_Noreturn void bare_exit(int status) {
  tohost = (uint64_t)status << 1 | 1;
  for (;;) continue;
}

static void bare_check(int failed, const char *error) {
  if (!failed) return;
  bare_write(1, error, strlen(error));
  bare_exit(1);
}

/* Reads lines of otherwise unused memory, so that nothing else is left in the caches. */
static void bare_evict(const volatile uint8_t *memory, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; i += 64) (void)memory[i];
}

static uint64_t bare_aligned(uint64_t bytes) { return (bytes + 63) & ~(uint64_t)63; }

static void bare_bind(const cln_model *model, const void **inputs, void **outputs) {
  const uint8_t *input = (const uint8_t *)bare_the_job.inputs;
  for (int32_t i = 0; i < model->input_count; ++i) {
    inputs[i] = input;
    input += bare_aligned((uint64_t)model->inputs[i].bytes);
  }
  for (int32_t i = 0; i < model->output_count; ++i)
    outputs[i] = cln_aligned_alloc((size_t)model->outputs[i].bytes);
}

static void bare_show(const cln_session *session, void **outputs) {
  const cln_model *model = session->model;
  const bare_job *job = &bare_the_job;
  if (job->shown_bytes)
    bare_write(1, cln_at(session, 0, job->shown_buffer, job->shown_at), (size_t)job->shown_bytes);
  for (int32_t i = 0; i < model->output_count && !job->shown_bytes; ++i)
    bare_write(1, outputs[i], (size_t)model->outputs[i].bytes);
}

_Noreturn void bare_main(void) {
  static char error[512];
  cln_model *model;
  cln_session *session;
  bare_check(cln_model_open("job", &model, error, sizeof error), error);
  bare_check(cln_session_create(model, 1, &session, error, sizeof error), error);
  int32_t steps = model->task_count;
  bare_check(bare_the_job.first > bare_the_job.last || bare_the_job.last > steps, "no such steps");
  const void **inputs = calloc((size_t)model->input_count + 1, sizeof *inputs);
  void **outputs = calloc((size_t)model->output_count + 1, sizeof *outputs);
  bare_bind(model, inputs, outputs);
  bare_evict(cln_aligned_alloc(0), bare_the_job.evict_bytes);
  model->task_count = bare_the_job.first;
  cln_session_run(session, inputs, outputs);
  for (int32_t i = bare_the_job.first; i < bare_the_job.last; ++i)
    model->isa->steps[model->tasks[i].op].run(session, i, 0);
  bare_show(session, outputs);
  bare_exit(0);
}
