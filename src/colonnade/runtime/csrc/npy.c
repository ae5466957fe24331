#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum { HEADER_LIMIT = 4096, PATH_LIMIT = 4096, ALIGN = 64 };

static const char magic[] = "\x93NUMPY";

/* "(1, 3, 224, 224)", or "(5,)" for one dimension, as NumPy writes shapes. */
static void shape_text(const int64_t *dims, int32_t rank, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "(");
  for (int32_t i = 0; i < rank; ++i)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)dims[i]);
  snprintf(text + used, size - used, rank == 1 ? ",)" : ")");
}

/* The header's dictionary, zero-terminated; the file is left at the data. */
static int read_header(FILE *file, char *header) {
  unsigned char start[10], more[2] = {0, 0};
  if (fread(start, 1, sizeof start, file) != sizeof start || memcmp(start, magic, 6)) return -1;
  size_t length = start[8] | (size_t)start[9] << 8;
  if (start[6] > 1) {
    if (fread(more, 1, sizeof more, file) != sizeof more) return -1;
    length |= (size_t)more[0] << 16 | (size_t)more[1] << 24;
  }
  if (length >= HEADER_LIMIT || fread(header, 1, length, file) != length) return -1;
  header[length] = 0;
  return 0;
}

/* What follows `key` in the dictionary, or "". */
static const char *entry(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (!at) return "";
  at += strlen(key);
  return at + strspn(at, ": ");
}

static const char *const descriptions[CLN_ELEMENT_COUNT] = CLN_ELEMENT_NPY;

static int check_header(const char *header, const cln_info *info, char *error, size_t error_size) {
  char wanted[256], got[256] = "";
  const char *descr = descriptions[info->element], *found = entry(header, "'descr'");
  shape_text(info->dims, info->rank, wanted, sizeof wanted);
  const char *shape = entry(header, "'shape'"), *end = strchr(shape, ')');
  if (*found != '\'' || strncmp(found + 1, descr, strlen(descr)) || found[1 + strlen(descr)] != '\'')
    return cln_fail(error, error_size, "must be of the type %s", descr);
  if (strncmp(entry(header, "'fortran_order'"), "False", 5)) return cln_fail(error, error_size, "must be in C order");
  if (end && (size_t)(end - shape) + 2 < sizeof got) memcpy(got, shape, (size_t)(end - shape) + 1);
  if (strcmp(got, wanted)) return cln_fail(error, error_size, "must have shape %s, not %s", wanted, got);
  return 0;
}

bool npy_fits(const char *path, const cln_info *info) {
  char header[HEADER_LIMIT];
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  const bool fits = !read_header(file, header) && !check_header(header, info, NULL, 0);
  fclose(file);
  return fits;
}

int npy_read(const char *path, const cln_info *info, void *data, char *error, size_t error_size) {
  char header[HEADER_LIMIT];
  FILE *file = fopen(path, "rb");
  if (!file) return cln_fail(error, error_size, "%s", strerror(errno));
  int status = -1;
  const size_t bytes = (size_t)info->bytes;
  if (read_header(file, header))
    cln_fail(error, error_size, "not a .npy file");
  else if (!check_header(header, info, error, error_size)) {
    status = fread(data, 1, bytes, file) == bytes && fgetc(file) == EOF ? 0 : -1;
    if (status) cln_fail(error, error_size, "the file is cut off or too long");
  }
  fclose(file);
  return status;
}

int npy_write(const char *path, const cln_info *info, const void *data, char *error, size_t error_size) {
  char temporary[PATH_LIMIT], shape[256], header[512];
  struct stat there; /* root could replace a device by renaming */
  if (!stat(path, &there) && !S_ISREG(there.st_mode))
    return cln_fail(error, error_size, "is not a file; choose another name");
  if (snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof temporary)
    return cln_fail(error, error_size, "the path is too long");
  shape_text(info->dims, info->rank, shape, sizeof shape);
  int text = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                      descriptions[info->element], shape);
  int length = (10 + text + 1 + ALIGN - 1) / ALIGN * ALIGN - 10;
  FILE *file = fopen(temporary, "wb");
  if (!file) return cln_fail(error, error_size, "%s", strerror(errno));
  const size_t bytes = (size_t)info->bytes;
  const unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)length, length >> 8};
  bool ok = fwrite(start, 1, sizeof start, file) == sizeof start &&
            fprintf(file, "%-*s\n", length - 1, header) == length && fwrite(data, 1, bytes, file) == bytes;
  ok = !fclose(file) && ok;
  if (ok && !rename(temporary, path)) return 0;
  int reason = errno;
  remove(temporary);
  return cln_fail(error, error_size, "%s", strerror(reason));
}
