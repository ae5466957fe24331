/* What the files of colonnade-run share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "colonnade.h"

enum { MAX_FILES = 64, MAX_MODELS = 256, ERROR_BYTES = 512 };

typedef struct {
  const char *models[MAX_MODELS], *inputs[MAX_FILES], *outputs[MAX_FILES], *expected[MAX_FILES];
  int model_count, input_count, output_count, expected_count;
  int bench, threads, turns, program; /* turns, program < 0: not asked for */
  size_t evict_bytes;
  bool profile;
} options;

/* model: the program of the file that is run. */
typedef struct {
  cln_model *file;
  const cln_model *model;
  cln_session *session;
} loaded;

/* Models that all read the same inputs and write to the same outputs. */
typedef struct {
  loaded *models;
  void *inputs[MAX_FILES], *outputs[MAX_FILES];
} run_state;

/* One line on stderr; the exit code for a user's mistake. */
int complain(const char *about, const char *error);

/* Reads one .npy file per value, or zeros where no files are given, into new arrays. 0, or an exit code. */
int read_arrays(const cln_model *model, cln_info (*info)(const cln_model *, int32_t), int count,
                const char *const *files, int file_count, void **arrays);

/* Option --turns (turns.c). 0, or an exit code. */
int take_turns(const options *o, run_state *s);
