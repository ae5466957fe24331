#include "draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "colonnade.h"

uint64_t random_below(draft *d, uint64_t limit) {
  d->state ^= d->state << 13, d->state ^= d->state >> 7, d->state ^= d->state << 17;
  return limit ? (d->state >> 11) % limit : 0;
}

bool one_in(draft *d, uint64_t n) { return random_below(d, n) == 0; }

int64_t load(const draft *d, place p) {
  int64_t wide = 0;
  int32_t narrow = 0;
  if (p.bytes == 8) memcpy(&wide, d->data + p.at, sizeof wide);
  if (p.bytes == 4) memcpy(&narrow, d->data + p.at, sizeof narrow);
  return p.bytes == 8 ? wide : narrow;
}

void store(draft *d, place p, int64_t value) { memcpy(d->data + p.at, &value, (size_t)p.bytes); }

cln_header *header_of(const draft *d) { return (cln_header *)d->data; }

size_t elements(const draft *d, int section) {
  const cln_header *h = header_of(d);
  const uint64_t at = h->section_at[section], count = h->section_count[section], size = section_records[section].bytes;
  return at < d->bytes && count <= (d->bytes - at) / size ? count : 0;
}

part element(const draft *d, int section, size_t index) {
  const record *r = section_records + section;
  return (part){r, header_of(d)->section_at[section] + index * r->bytes};
}

void mend(draft *d) {
  cln_header *h = header_of(d);
  const size_t after = offsetof(cln_header, checksum) + sizeof h->checksum;
  h->file_bytes = d->bytes;
  h->checksum = cln_checksum(d->data + after, d->bytes - after);
}

static const draft *opening; /* what `accepted` is at, which libFuzzer knows nothing of */

bool accepted(draft *d) {
  cln_model *model;
  mend(d);
  opening = d;
  const bool ok = !cln_model_read(d->data, d->bytes, &model, NULL, 0);
  if (ok) cln_model_close(model);
  opening = NULL;
  return ok;
}

/* The sanitizers call these before they end the process. */
static void keep_what_is_opened(void) {
  const char *folder = getenv("COLONNADE_FUZZ_FOLDER");
  char path[4096];
  if (!opening || !folder) return;
  snprintf(path, sizeof path, "%s/findings/crash-opening-%d", folder, (int)getpid());
  FILE *file = fopen(path, "wb");
  if (!file) return;
  fwrite(opening->data, 1, opening->bytes, file);
  fclose(file);
}

void __asan_on_error(void) { keep_what_is_opened(); }
void __ubsan_on_report(void) { keep_what_is_opened(); }
