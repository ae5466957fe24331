/* Opens each model file, runs it on zeros, closes it; every file in a process of its own.
 *
 *   harness THREADS RUNS FILE...
 *
 * A file that is refused is as good as one that runs. Prints the name of every file whose process died, by a sanitizer's
 * report or a signal, or took longer than SECONDS; the exit code is 1 if there was any. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "colonnade.h"

enum { SECONDS = 20, MOST_BYTES = 1 << 26 };

static void **values(const cln_model *model, int32_t count, cln_info (*info)(const cln_model *, int32_t)) {
  void **data = calloc((size_t)count + 1, sizeof *data);
  for (int32_t i = 0; i < count; ++i) {
    if (info(model, i).bytes > MOST_BYTES) exit(0); /* right, but not worth the memory */
    data[i] = calloc((size_t)info(model, i).bytes + 1, 1);
  }
  return data;
}

static void free_values(void **data, int32_t count) {
  for (int32_t i = 0; i < count; ++i) free(data[i]);
  free(data);
}

static void run_program(const cln_model *model, cln_session *session, int runs) {
  int32_t inputs = cln_model_inputs(model), outputs = cln_model_outputs(model);
  void **in = values(model, inputs, cln_model_input), **out = values(model, outputs, cln_model_output);
  for (int i = 0; i < runs; ++i) cln_session_run(session, (const void *const *)in, out);
  free_values(in, inputs);
  free_values(out, outputs);
}

static void try_file(const char *path, int32_t threads, int runs) {
  char error[256];
  cln_model *model;
  cln_session *session;
  if (cln_model_open(path, &model, error, sizeof error)) return;
  if (!cln_session_create(model, threads, &session, error, sizeof error)) {
    for (int32_t i = 0; i < cln_model_programs(model); ++i)
      run_program(cln_model_program(model, i), cln_session_program(session, i), runs);
    cln_session_free(session);
  }
  cln_model_close(model);
}

int main(int argc, char **argv) {
  int failed = 0;
  for (int i = 3; i < argc; ++i) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      alarm(SECONDS);
      try_file(argv[i], atoi(argv[1]), atoi(argv[2]));
      exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0) return 2;
    if (status) {
      printf("%s: %s %d\n", argv[i], WIFSIGNALED(status) ? "signal" : "exit code",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
      failed = 1;
    }
  }
  return failed;
}
