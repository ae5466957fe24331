/* While a step runs, only the buffers that its record names, with their slack, may be read, the rest of the arena is
 * poisoned; and when it has ended, nothing but the buffers that it may write to has changed. A chained step computes the
 * next one too. */
#include "guard.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "layout.h"

enum { MOST_RANGES = 16 };

/* Bytes of a session's arena. */
typedef struct {
  uint8_t *first;
  int64_t count;
  bool written;
} range;

static const cln_isa *real; /* whose steps are run */

/* Of the step that is running; threads take turns (team.c), so that no two run different ones at a time. */
static struct {
  int threads; /* in it */
  range arena;
  range ranges[MOST_RANGES];
  int range_count;
  uint8_t *before; /* the arena */
} now;

static void poison(range r) { ASAN_POISON_MEMORY_REGION(r.first, (size_t)r.count); }
static void allow(range r) { ASAN_UNPOISON_MEMORY_REGION(r.first, (size_t)r.count); }

static range arena_of(const cln_session *session) {
  return (range){session->arena, session->model->program->arena_bytes, false};
}

static void add_step(cln_session *session, int32_t task) {
  const cln_model *model = session->model;
  const cln_task *entry = model->tasks + task;
  const record *r = section_records + CLN_SECTION_CNM + entry->op;
  for (const field *own = r->fields; own < r->fields + r->field_count; ++own) {
    int32_t buffer = -1;
    if (own->role == BUFFER || own->role == WRITTEN) memcpy(&buffer, (const char *)entry->record + own->at, sizeof buffer);
    if (buffer < 0 || model->buffers[buffer].kind != CLN_BUFFER_ARENA) continue;
    now.ranges[now.range_count++] =
        (range){cln_at(session, task, buffer, 0), model->buffers[buffer].bytes, own->role == WRITTEN};
  }
}

static void remember(void) {
  const size_t bytes = (size_t)now.arena.count;
  now.before = malloc(bytes + 1);
  allow(now.arena);
  memcpy(now.before, now.arena.first, bytes);
  poison(now.arena);
}

static bool changed(int64_t at) {
  for (int i = 0; i < now.range_count; ++i) {
    const range r = now.ranges[i];
    if (r.written && now.arena.first + at >= r.first && now.arena.first + at < r.first + r.count) return false;
  }
  return memcmp(now.before + at, now.arena.first + at, 1);
}

static void compare(const char *name, int32_t op) {
  static const char *const names[CLN_OP_COUNT] = CLN_OP_NAMES;
  for (int64_t i = 0; i < now.arena.count; ++i) {
    if (!changed(i)) continue;
    fprintf(stderr, "ERROR: guard: %s '%s' wrote to byte %lld of the arena, outside its buffers\n", names[op], name, (long long)i);
    abort();
  }
}

static void enter(cln_session *session, int32_t task) {
  const cln_task *entry = session->model->tasks + task;
  if (now.threads++) return;
  now.range_count = 0;
  now.arena = arena_of(session);
  add_step(session, task);
  if (entry->op == CLN_OP_CNM && ((const cln_cnm *)entry->record)->chained) add_step(session, task + 1);
  remember();
  for (int i = 0; i < now.range_count; ++i)
    allow((range){now.ranges[i].first, now.ranges[i].count + CLN_SLACK, false});
}

static void leave(const cln_task *entry) {
  if (--now.threads) return;
  for (int i = 0; i < now.range_count; ++i)
    poison((range){now.ranges[i].first, now.ranges[i].count + CLN_SLACK, false});
  allow(now.arena);
  compare(entry->name, entry->op);
  poison(now.arena);
  free(now.before);
}

static void run_guarded(cln_session *session, int32_t task, int thread) {
  const cln_task *entry = session->model->tasks + task;
  enter(session, task);
  real->steps[entry->op].run(session, task, thread);
  leave(entry);
}

void guard_model(cln_model *model) {
  static cln_isa guarded;
  static cln_step_kind steps[CLN_OP_COUNT];
  real = model->isa;
  guarded = *real;
  for (int op = 0; op < CLN_OP_COUNT; ++op) steps[op] = (cln_step_kind){real->steps[op].check, run_guarded};
  guarded.steps = steps;
  model->isa = &guarded;
  for (int32_t i = 1; i < model->program_count; ++i) model->others[i - 1].isa = &guarded;
}

/* What lies there is like nothing that a step writes, lest this goes unnoticed. */
static void fill(range r) {
  memset(r.first, 0x5a, (size_t)r.count);
  poison(r);
}

void guard_arena(cln_session *session) {
  fill(arena_of(session));
  for (int i = 0; session->alone && i < session->threads; ++i) fill(arena_of(session->alone[i]));
}

void release_arena(cln_session *session) {
  allow(arena_of(session));
  for (int i = 0; session->alone && i < session->threads; ++i) allow(arena_of(session->alone[i]));
}
