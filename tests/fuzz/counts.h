/* What the target counts: the content of the file `counts` in the folder COLONNADE_FUZZ_FOLDER, to which all processes
 * add that are told of the same folder. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "format.h"

enum { COUNT_TRIED, COUNT_ACCEPTED, COUNT_TOO_LARGE, COUNT_NO_SESSION, COUNT_RUNS, COUNT_STEPS, COUNT_END = COUNT_STEPS + CLN_OP_COUNT };

typedef atomic_ullong fuzz_counts[COUNT_END];
