/* A model file that is being changed: random numbers, the places of its numbers, its checksum. */
#pragma once
#include <stdbool.h>
#include <string.h>

#include "format.h"
#include "layout.h"

typedef struct {
  uint8_t *data;
  size_t bytes, room;
  uint64_t state; /* of the random numbers */
} draft;

/* One record in it. */
typedef struct {
  const record *record;
  size_t at;
} part;

/* One number in it. */
typedef struct {
  size_t at;
  int32_t bytes;
} place;

uint64_t random_below(draft *d, uint64_t limit);
bool one_in(draft *d, uint64_t n);

int64_t load(const draft *d, place p);
void store(draft *d, place p, int64_t value);

/* There is room for a header in every draft. Of sections that lie outside, no elements are counted. */
cln_header *header_of(const draft *d);
size_t elements(const draft *d, int section);
part element(const draft *d, int section, size_t index);

/* Makes length and checksum right. */
void mend(draft *d);

/* Whether the library opens the file, its checksum being right. */
bool accepted(draft *d);
