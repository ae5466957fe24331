/* Running a model: bind the caller's data, then every thread walks the list of tasks, meeting after each. */
#include <stdlib.h>
#include <time.h>

#include "internal.h"

enum { MAX_THREADS = 1024 };

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* A step ends when its last thread is done. */
static void note_end(atomic_llong *end) {
  long long time = now(), seen = atomic_load(end);
  while (seen < time && !atomic_compare_exchange_weak(end, &seen, time)) continue;
}

/* All repeated steps for one image after the other, without the other threads. */
static void run_images(cln_session *session, int thread) {
  const cln_model *model = session->model;
  const int32_t repeated = model->program->repeat_steps;
  /* Claims of images are counted after those of all tasks. */
  for (int64_t image; (image = cln_claim(session, model->task_count, 0, thread, model->program->repeats)) >= 0;) {
    for (int32_t i = (int32_t)image * repeated; i < (int32_t)(image + 1) * repeated; ++i) {
      long long before = session->timed ? now() : 0;
      model->isa->steps[model->tasks[i].op].run(session->alone[thread], i, 0);
      if (session->timed) atomic_store(session->ends + i, now() - before);
    }
  }
  if (session->timed) note_end(session->ends + model->task_count);
  cln_barrier(session);
}

static int32_t repeated_tasks(const cln_model *model) { return model->program->repeats * model->program->repeat_steps; }

static void step_through(void *argument, int thread) {
  cln_session *session = argument;
  const cln_model *model = session->model;
  if (session->alone) run_images(session, thread);
  for (int32_t i = session->alone ? repeated_tasks(model) : 0; i < model->task_count; ++i) {
    model->isa->steps[model->tasks[i].op].run(session, i, thread);
    if (session->timed) note_end(session->ends + i);
    cln_barrier(session);
  }
}

/* Claim counters of a session: of every task, and of the images. */
static size_t counters(const cln_model *model, int threads) {
  return ((size_t)model->task_count + 1) * CLN_ROUNDS * (size_t)threads;
}

/* Where buffer `index` begins in each repeat. */
static void set_base(cln_session *session, int32_t index, uint8_t *base) {
  const cln_model *model = session->model;
  for (int32_t image = 0; image < model->program->repeats; ++image)
    session->base[(int64_t)image * model->buffer_count + index] = base + image * model->buffers[index].advance;
}

static void start(cln_session *session, const void *const *inputs, void *const *outputs) {
  const cln_model *model = session->model;
  session->threads = cln_team_threads(session->team);
  for (int32_t i = 0; i < model->buffer_count; ++i) {
    const cln_buffer *b = model->buffers + i;
    if (b->kind == CLN_BUFFER_INPUT) set_base(session, i, (uint8_t *)inputs[b->offset]); /* validated: never written */
    if (b->kind == CLN_BUFFER_OUTPUT) set_base(session, i, outputs[b->offset]);
  }
  for (size_t i = 0; i < counters(model, session->threads); ++i) atomic_store(&session->counters[i].next, 0);
  for (int32_t i = 0; i <= model->task_count; ++i) atomic_store(session->ends + i, 0);
  for (int i = 0; session->alone && i < session->threads; ++i) start(session->alone[i], inputs, outputs);
}

/* Nanoseconds of each step of a run that began at `before`. */
static void collect_times(const cln_session *session, long long before, double *step_ns) {
  const cln_model *model = session->model;
  const int32_t alone = session->alone ? repeated_tasks(model) : 0;
  for (int32_t i = 0; i < model->step_count; ++i) step_ns[i] = 0;
  for (int32_t i = 0; i < alone; ++i)
    step_ns[model->tasks[i].step] += (double)atomic_load(session->ends + i) / session->threads;
  if (alone) before = atomic_load(session->ends + model->task_count);
  for (int32_t i = alone; i < model->task_count; ++i) {
    long long end = atomic_load(session->ends + i);
    step_ns[model->tasks[i].step] += (double)(end - before);
    before = end;
  }
}

void cln_session_profile(cln_session *session, const void *const *inputs, void *const *outputs, double *step_ns) {
  start(session, inputs, outputs);
  session->timed = step_ns != NULL;
  long long before = now();
  cln_team_run(session->team, step_through, session);
  if (step_ns) collect_times(session, before, step_ns);
}

void cln_session_run(cln_session *session, const void *const *inputs, void *const *outputs) {
  cln_session_profile(session, inputs, outputs, NULL);
}

/* What a program's session has of its own. */
static void free_own(cln_session *session) {
  free(session->alone);
  free(session->base);
  free(session->counters);
  free(session->ends);
  free(session);
}

void cln_session_free(cln_session *session) {
  if (!session) return;
  for (int i = 0; session->others && session->others[i]; ++i) free_own(session->others[i]);
  for (int i = 0; session->hosts && session->hosts[i]; ++i) cln_session_free(session->hosts[i]);
  free(session->others);
  free(session->hosts);
  cln_team_free(session->team);
  free(session->memory);
  free_own(session);
}

cln_session *cln_session_program(cln_session *session, int32_t index) { return index ? session->others[index - 1] : session; }

/* Bases of what is not the caller's: the session's own arena, and `parts`, the one in which images leave their results. */
static void set_own_bases(cln_session *session, uint8_t *parts) {
  const cln_model *model = session->model;
  for (int32_t i = 0; i < model->buffer_count; ++i) {
    const cln_buffer *b = model->buffers + i;
    if (b->kind == CLN_BUFFER_ARENA) set_base(session, i, (b->advance ? parts : session->arena) + b->offset);
    if (b->kind == CLN_BUFFER_CONSTANT) set_base(session, i, (uint8_t *)model->constants + b->offset);
  }
}

/* Whether threads share out the images, rather than the work of each step: no barriers, if none has fewer than others by
 * much. */
static bool share_images(const cln_model *model, int32_t threads) {
  const int32_t images = model->program->repeats;
  return threads > 1 && images > 1 && (images % threads == 0 || images >= 4 * threads);
}

/* Arena, scratch and team for whichever program needs the most. What no program touches takes no memory: it comes from
 * calloc, and nothing is written to it here. */
static bool allocate_shared(cln_session *first) {
  int64_t arena = 0, scratch = 0;
  for (int32_t i = 0; i < first->model->program_count; ++i) {
    const cln_model *model = cln_model_program(first->model, i);
    if (model->program->arena_bytes > arena) arena = model->program->arena_bytes;
    if (model->scratch_bytes > scratch) scratch = model->scratch_bytes;
  }
  arena = (arena + CLN_ALIGNMENT - 1) / CLN_ALIGNMENT * CLN_ALIGNMENT;
  first->memory = calloc(1, (size_t)(arena + scratch * first->threads) + CLN_ALIGNMENT);
  first->team = cln_team_create(first->threads);
  if (!first->memory || !first->team) return false;
  first->arena = (uint8_t *)(((uintptr_t)first->memory + CLN_ALIGNMENT - 1) / CLN_ALIGNMENT * CLN_ALIGNMENT);
  first->scratch = first->arena + arena;
  return true;
}

/* One for each thread, of all programs. */
static bool allocate_hosts(cln_session *first) {
  const int threads = first->threads;
  first->hosts = calloc((size_t)threads + 1, sizeof *first->hosts);
  for (int i = 0; first->hosts && i < threads; ++i)
    if (cln_session_create(first->model, 1, first->hosts + i, NULL, 0)) return false;
  return first->hosts != NULL;
}

/* What the session of program `index` has of its own; the rest is that of the first. */
static bool allocate_own(cln_session *session, cln_session *first, int32_t index) {
  const cln_model *model = session->model;
  const int threads = session->threads;
  session->base = calloc((size_t)model->buffer_count * (size_t)model->program->repeats + 1, sizeof *session->base);
  session->counters = cln_aligned_alloc(sizeof(cln_counter) * counters(model, threads));
  session->ends = calloc((size_t)model->task_count + 1, sizeof *session->ends);
  if (!session->base || !session->counters || !session->ends) return false;
  set_own_bases(session, session->arena);
  if (!share_images(model, threads)) return true;
  if (!first->hosts && !allocate_hosts(first)) return false;
  session->alone = calloc((size_t)threads, sizeof *session->alone);
  for (int i = 0; session->alone && i < threads; ++i) {
    session->alone[i] = cln_session_program(first->hosts[i], index);
    set_own_bases(session->alone[i], session->arena);
  }
  return session->alone != NULL;
}

static bool allocate(cln_session *first) {
  const int32_t programs = first->model->program_count;
  first->others = calloc((size_t)programs, sizeof *first->others);
  if (!first->others || !allocate_shared(first) || !allocate_own(first, first, 0)) return false;
  for (int32_t i = 1; i < programs; ++i) {
    cln_session *other = first->others[i - 1] = calloc(1, sizeof *other);
    if (!other) return false;
    *other = (cln_session){
        .model = cln_model_program(first->model, i),
        .arena = first->arena,
        .scratch = first->scratch,
        .team = first->team,
        .threads = first->threads,
    };
    if (!allocate_own(other, first, i)) return false;
  }
  return true;
}

int cln_session_create(const cln_model *model, int32_t threads, cln_session **out, char *error, size_t error_size) {
  *out = NULL;
  if (threads < 1 || threads > MAX_THREADS)
    return cln_fail(error, error_size, "threads must be 1 to %d, not %d", MAX_THREADS, threads);
  cln_session *session = calloc(1, sizeof *session);
  if (!session) return cln_fail(error, error_size, "not enough memory");
  session->model = model;
  session->threads = threads;
  if (!allocate(session)) {
    cln_session_free(session);
    return cln_fail(error, error_size, "not enough memory for %lld bytes and %d threads",
                    (long long)model->program->arena_bytes, threads);
  }
  *out = session;
  return 0;
}
