/* Running a model: bind the caller's data, then every thread walks the list of steps, meeting after each. */
#include <stdlib.h>
#include <time.h>

#include "internal.h"

enum { MAX_THREADS = 1024 };

static void step_through(void *argument, int thread) {
  cln_session *session = argument;
  const cln_model *model = session->model;
  struct timespec before, after;
  for (int32_t i = 0; i < model->order_count; ++i) {
    bool timed = session->step_ns && thread == 0;
    if (timed) clock_gettime(CLOCK_MONOTONIC, &before);
    model->isa->steps[model->order[i].op](session, i, thread);
    cln_barrier(session);
    if (timed) {
      clock_gettime(CLOCK_MONOTONIC, &after);
      session->step_ns[i] = (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
    }
  }
}

void cln_session_profile(cln_session *session, const float *const *inputs, float *const *outputs, double *step_ns) {
  const cln_model *model = session->model;
  for (int32_t i = 0; i < model->buffer_count; ++i) {
    const cln_buffer *b = model->buffers + i;
    if (b->kind == CLN_BUFFER_INPUT) session->base[i] = (float *)inputs[b->offset]; /* validated: never written */
    if (b->kind == CLN_BUFFER_OUTPUT) session->base[i] = outputs[b->offset];
  }
  for (int32_t i = 0; i < model->order_count * CLN_PHASES; ++i) atomic_store(&session->counters[i].next, 0);
  session->step_ns = step_ns;
  cln_team_run(session->team, step_through, session);
}

void cln_session_run(cln_session *session, const float *const *inputs, float *const *outputs) {
  cln_session_profile(session, inputs, outputs, NULL);
}

void cln_session_free(cln_session *session) {
  if (!session) return;
  cln_team_free(session->team);
  free(session->arena);
  free(session->scratch);
  free(session->base);
  free(session->counters);
  free(session);
}

int cln_session_create(const cln_model *model, int32_t threads, cln_session **out, char *error, size_t error_size) {
  *out = NULL;
  if (threads < 1 || threads > MAX_THREADS)
    return cln_fail(error, error_size, "threads must be 1 to %d, not %d", MAX_THREADS, threads);
  cln_session *session = calloc(1, sizeof *session);
  if (!session) return cln_fail(error, error_size, "not enough memory");
  session->model = model;
  session->threads = threads;
  session->arena = cln_aligned_alloc((size_t)(model->header->arena_floats + CLN_SLACK) * sizeof(float));
  session->scratch = cln_aligned_alloc((size_t)(model->scratch_floats * threads) * sizeof(float));
  session->base = calloc((size_t)model->buffer_count + 1, sizeof *session->base);
  session->counters = cln_aligned_alloc(sizeof(cln_counter) * ((size_t)model->order_count * CLN_PHASES + 1));
  session->team = cln_team_create(threads);
  if (!session->arena || !session->scratch || !session->base || !session->counters || !session->team) {
    cln_session_free(session);
    return cln_fail(error, error_size, "not enough memory for %lld floats and %d threads",
                    (long long)model->header->arena_floats, threads);
  }
  for (int32_t i = 0; i < model->buffer_count; ++i) {
    const cln_buffer *b = model->buffers + i;
    if (b->kind == CLN_BUFFER_ARENA) session->base[i] = session->arena + b->offset;
    if (b->kind == CLN_BUFFER_CONSTANT) session->base[i] = (float *)model->floats + b->offset;
  }
  *out = session;
  return 0;
}
