/* Little-endian arrays in NumPy's .npy format, versions 1 to 3 (numpy.lib.format). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "colonnade.h"

/* Reads a C-ordered array of exactly this type and these dims into data. 0, or -1 with one line in error. */
int npy_read(const char *path, const cln_info *info, void *data, char *error, size_t error_size);

/* Whether it would: there is such an array, as far as its header tells. */
bool npy_fits(const char *path, const cln_info *info);

/* Writes beside and renames, so that an interrupted write leaves nothing. 0, or -1 with one line in error. */
int npy_write(const char *path, const cln_info *info, const void *data, char *error, size_t error_size);
