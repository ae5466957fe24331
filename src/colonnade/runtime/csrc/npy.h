/* Little-endian float32 arrays in NumPy's .npy format, versions 1 to 3 (numpy.lib.format). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Reads a C-ordered '<f4' array of exactly these dims into data. 0, or -1 with one line in error. */
int npy_read(const char *path, const int64_t *dims, int32_t rank, float *data, char *error, size_t error_size);

/* Writes beside and renames, so that an interrupted write leaves nothing. 0, or -1 with one line in error. */
int npy_write(const char *path, const int64_t *dims, int32_t rank, const float *data, char *error, size_t error_size);
