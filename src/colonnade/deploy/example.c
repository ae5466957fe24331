/* Runs a model once and prints the five largest numbers of its first output.
 *   build:  cc -O2 -Iinclude example.c lib/libcolonnade.a -lm -lpthread -o example
 *   run:    ./example model.colonnade image.f32
 * image.f32: the input as raw 32-bit floats, [1][3][224][224] for most image networks. Of a model that was compiled for
 * several shapes, the program is run whose input has as many bytes as the file. */
#include <stdio.h>
#include <stdlib.h>

#include "colonnade.h"

/* The first program of the model whose first input has so many bytes, or else the first. */
static const cln_model *program_of(const cln_model *model, long bytes) {
  for (int32_t i = 0; i < cln_model_programs(model); ++i)
    if (cln_model_input(cln_model_program(model, i), 0).bytes == bytes) return cln_model_program(model, i);
  return model;
}

static long size_of(FILE *file) {
  if (!file || fseek(file, 0, SEEK_END)) return -1;
  long bytes = ftell(file);
  rewind(file);
  return bytes;
}

int main(int count, char **arguments) {
  char error[256] = "usage: example MODEL.colonnade IMAGE.f32";
  cln_model *model;
  cln_session *session;
  if (count != 3 || cln_model_open(arguments[1], &model, error, sizeof error)) return fprintf(stderr, "%s\n", error), 1;
  FILE *file = fopen(arguments[2], "rb");
  const cln_model *program = program_of(model, size_of(file));
  if (cln_session_create(program, /* threads */ 1, &session, error, sizeof error)) return fprintf(stderr, "%s\n", error), 1;
  cln_info in = cln_model_input(program, 0), out = cln_model_output(program, 0);
  if (in.element != CLN_F32 || out.element != CLN_F32) return fprintf(stderr, "this example knows float only\n"), 1;
  float *x = calloc((size_t)in.elements, sizeof *x), *y = calloc((size_t)out.elements, sizeof *y);
  if (!x || !y || !file || fread(x, sizeof *x, (size_t)in.elements, file) != (size_t)in.elements)
    return fprintf(stderr, "%s: %lld floats are needed\n", arguments[2], (long long)in.elements), 1;
  cln_session_run(session, (const void *const[]){x}, (void *const[]){y});
  for (int place = 0; place < 5 && place < out.elements; ++place) {
    int64_t best = 0;
    for (int64_t i = 1; i < out.elements; ++i) best = y[i] > y[best] ? i : best;
    printf("%lld %g\n", (long long)best, y[best]);
    y[best] = -1e30f; /* not again */
  }
  return 0; /* the system takes back all memory and files */
}
