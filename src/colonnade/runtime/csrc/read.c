/* Reads memory as fast as the instruction set allows: plain C, which the compiler turns into vector loads. */
#include "internal.h"
#include "isa.h"

uint64_t CLN_ISA(cln_read)(const uint64_t *words, size_t count) {
  uint64_t found = 0;
  for (size_t i = 0; i < count; ++i) found |= words[i];
  return found;
}
