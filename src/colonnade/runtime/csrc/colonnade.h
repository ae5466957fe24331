/* Colonnade: run a compiled model.
 *
 *   cln_model *model;      immutable, may be shared by sessions and threads
 *   cln_session *session;  one arena and one thread pool; one run at a time
 *
 * A file holds one program or several, one for each shape that the inputs may have. A model is its first program too:
 * what is said of a model's inputs, outputs and steps is said of one program.
 *
 * Functions that can fail return 0 on success and -1 on failure with one line in `error`, cut to `error_size` bytes.
 * Data is dense, in the order of the value's dims (NCHW for images), of the element type that its cln_info tells. Nothing
 * is allocated while running.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CLN_API __attribute__((visibility("default")))

typedef struct cln_model cln_model;
typedef struct cln_session cln_session;

/* Element types. */
typedef enum {
  CLN_F32 = 0, /* float */
} cln_element;

typedef struct {
  const char *name;
  const int64_t *dims;
  int32_t rank;
  cln_element element;
  int64_t elements; /* product of dims */
  int64_t bytes;
} cln_info;

/* Version of the library, and a digest of everything that shapes its speed: generator, sources, compiler, flags. */
CLN_API const char *cln_version(void);
CLN_API const char *cln_build(void);

/* Targets this library has kernels for, best last; NULL past the end. `runs`: whether this CPU can run them. */
CLN_API const char *cln_target(int32_t index, int32_t *runs);

/* Check and map a model file; or copy and check one in memory. */
CLN_API int cln_model_open(const char *path, cln_model **model, char *error, size_t error_size);
CLN_API int cln_model_read(const void *data, size_t bytes, cln_model **model, char *error, size_t error_size);
/* Only check one in memory, whichever CPU it is for: what is refused here is refused by `open` and `read` there. */
CLN_API int cln_model_check(const void *data, size_t bytes, char *error, size_t error_size);
CLN_API void cln_model_close(cln_model *model);

/* The programs of a file, the first of which is the model itself. The others belong to it: only that one is closed. Inputs
 * and outputs have the same names, ranks and types in all of them. */
CLN_API int32_t cln_model_programs(const cln_model *model);
CLN_API const cln_model *cln_model_program(const cln_model *model, int32_t index);

/* Images of one run, if the first axis of every input and output counts images that do not depend on each other, so that
 * batches may be put together and taken apart; else 0. */
CLN_API int32_t cln_model_images(const cln_model *model);

CLN_API int32_t cln_model_inputs(const cln_model *model);
CLN_API int32_t cln_model_outputs(const cln_model *model);
CLN_API cln_info cln_model_input(const cln_model *model, int32_t index);
CLN_API cln_info cln_model_output(const cln_model *model, int32_t index);
CLN_API const char *cln_model_target(const cln_model *model);
CLN_API int64_t cln_model_arena_bytes(const cln_model *model);

/* Steps in running order, for profiles. `op` is the kind of step, `name` the node it came from. */
CLN_API int32_t cln_model_steps(const cln_model *model);
CLN_API const char *cln_model_step(const cln_model *model, int32_t index, const char **op);

/* Of a program that is not the first: for that one alone. Of a model: for all its programs, with one arena and one team for
 * all; the session of each is `cln_session_program`, the first being the session itself. One of them runs at a time, and
 * only the first is freed. */
CLN_API int cln_session_create(const cln_model *model, int32_t threads, cln_session **session, char *error,
                               size_t error_size);
CLN_API cln_session *cln_session_program(cln_session *session, int32_t index);
CLN_API void cln_session_free(cln_session *session);

/* Run once. inputs[i] and outputs[i] hold as many elements as the model says, of the type that it says, and begin where a
 * pointer to that type may; they may not overlap. A child of fork() may use and free its copy of a session that was not
 * running when it was made: the first run there starts threads of its own. */
CLN_API void cln_session_run(cln_session *session, const void *const *inputs, void *const *outputs);

/* The same; step_ns[i] receives the nanoseconds of step i. */
CLN_API void cln_session_profile(cln_session *session, const void *const *inputs, void *const *outputs,
                                 double *step_ns);

/* What the session's threads can do at most, measured now: multiply-adds per nanosecond with all operands in registers,
 * in `rounds` rounds of a loop; and bytes per nanosecond read from `bytes` of memory, each thread its own part of it
 * `rounds` times. */
CLN_API double cln_session_fma_rate(cln_session *session, int64_t rounds);
CLN_API double cln_session_read_rate(cln_session *session, const void *memory, size_t bytes, int64_t rounds);

/* XXH64 with seed 0, the checksum of model files. */
CLN_API uint64_t cln_checksum(const void *data, size_t bytes);

#ifdef __cplusplus
}
#endif
