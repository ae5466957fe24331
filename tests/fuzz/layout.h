/* What the generated fields.c (field_table.py) tells of the records of a model file. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Of a field: left alone; the number of a buffer; of one that is written to; where in the section `ints` a table begins; any other number. */
enum { KEPT, BUFFER, WRITTEN, TABLE, NUMBER };

typedef struct record record;

/* of: what a table in `ints` is made of, if not of single numbers. */
typedef struct {
  const char *name;
  int32_t bytes, count, role;
  size_t at;
  const record *of;
} field;

/* A kind of record; one of numbers or characters alone has no fields. */
struct record {
  const char *name;
  const field *fields;
  int32_t field_count;
  size_t bytes;
};

extern const record header_record;
extern const record section_records[]; /* by section */
