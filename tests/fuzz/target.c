/* libFuzzer's target: opens a model file, runs it on zeros with one thread and with two, and closes it. A file that is
 * refused is as good as one that runs; what the sanitizers complain of is a finding. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counts.h"
#include "guard.h"
#include "internal.h"

/* Beyond these a file is opened but not run: it would test the memory. */
enum { MOST_ELEMENTS = 1 << 18, MOST_TASKS = 1 << 12, MOST_PROGRAMS = 4, THREADS = 2 };

static fuzz_counts own_counts, *counts = &own_counts;

static void count(int what) { atomic_fetch_add_explicit(&(*counts)[what], 1, memory_order_relaxed); }

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  const char *folder = getenv("COLONNADE_FUZZ_FOLDER");
  char path[4096];
  snprintf(path, sizeof path, "%s/counts", folder ? folder : "");
  const int file = folder ? open(path, O_RDWR) : -1;
  if (file < 0) return 0;
  void *shared = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (shared != MAP_FAILED) counts = shared;
  return 0;
}

/* Counters of what has been executed, by the compiler's name. */
extern uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];

/* So libFuzzer finds nothing new in a file that is refused, and goes on from files that are accepted. */
static void forget_coverage(void) {
  memset(__start___sancov_cntrs, 0, (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs));
}

typedef cln_info (*value_of)(const cln_model *, int32_t);

static int64_t elements_of(const cln_model *model, int32_t values, value_of value) {
  int64_t sum = 0;
  for (int32_t i = 0; i < values && sum <= MOST_ELEMENTS; ++i) sum += value(model, i).elements;
  return sum;
}

/* As many elements as each value has, so that the sanitizer notices the first one beyond. */
static void **memory_of(const cln_model *model, int32_t values, value_of value) {
  void **data = calloc((size_t)values + 1, sizeof *data);
  for (int32_t i = 0; i < values; ++i) data[i] = calloc((size_t)value(model, i).bytes, 1);
  return data;
}

static void release(void **data, int32_t values) {
  for (int32_t i = 0; i < values; ++i) free(data[i]);
  free(data);
}

static void count_steps(const cln_model *model) {
  static const char *const names[CLN_OP_COUNT] = CLN_OP_NAMES;
  bool seen[CLN_OP_COUNT] = {false};
  for (int32_t i = 0; i < cln_model_steps(model); ++i) {
    const char *op;
    cln_model_step(model, i, &op);
    for (int k = 0; k < CLN_OP_COUNT; ++k) seen[k] |= !strcmp(op, names[k]);
  }
  for (int k = 0; k < CLN_OP_COUNT; ++k)
    if (seen[k]) count(COUNT_STEPS + k);
}

/* The programs have one arena and one team. */
static cln_session *session_of(cln_model *model, int32_t threads, int32_t program, cln_session **first) {
  char error[256];
  if (cln_session_create(model, threads, first, error, sizeof error)) return NULL;
  return cln_session_program(*first, program);
}

static void run(cln_model *file, int32_t program) {
  const cln_model *model = cln_model_program(file, program);
  const int32_t inputs = cln_model_inputs(model), outputs = cln_model_outputs(model);
  void **in = memory_of(model, inputs, cln_model_input), **out = memory_of(model, outputs, cln_model_output);
  bool ran = true;
  for (int32_t threads = 1; threads <= THREADS; ++threads) {
    cln_session *first = NULL, *session = ran ? session_of(file, threads, program, &first) : NULL;
    ran = session != NULL;
    if (!ran) break;
    double *times = threads > 1 ? calloc((size_t)cln_model_steps(model), sizeof *times) : NULL;
    guard_arena(session);
    cln_session_profile(session, (const void *const *)in, out, times);
    release_arena(session);
    free(times);
    cln_session_free(first);
  }
  count(ran ? COUNT_RUNS : COUNT_NO_SESSION);
  if (ran) count_steps(model);
  release(in, inputs);
  release(out, outputs);
}

/* Whether any program is: all have their memory at the same time. */
static bool is_large(const cln_model *file) {
  for (int32_t i = 0; i < cln_model_programs(file); ++i) {
    const cln_model *model = cln_model_program(file, i);
    const int64_t values = elements_of(model, cln_model_inputs(model), cln_model_input) +
                           elements_of(model, cln_model_outputs(model), cln_model_output);
    if (cln_model_arena_bytes(model) > 4 * MOST_ELEMENTS || values > MOST_ELEMENTS || model->task_count > MOST_TASKS) return true;
  }
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  char error[256];
  cln_model *model;
  count(COUNT_TRIED);
  if (cln_model_read(data, bytes, &model, error, sizeof error)) {
    forget_coverage();
    return 0;
  }
  count(COUNT_ACCEPTED);
  guard_model(model);
  if (is_large(model))
    count(COUNT_TOO_LARGE);
  else
    for (int32_t i = 0; i < cln_model_programs(model) && i < MOST_PROGRAMS; ++i) run(model, i);
  cln_model_close(model);
  return 0;
}
