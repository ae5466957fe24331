/* For files compiled once per instruction set: -DCLN_SYMBOL=avx2 makes CLN_ISA(f) f__avx2. */
#pragma once
#define CLN_JOIN_(a, b) a##__##b
#define CLN_JOIN(a, b) CLN_JOIN_(a, b)
#define CLN_ISA(name) CLN_JOIN(name, CLN_SYMBOL)
