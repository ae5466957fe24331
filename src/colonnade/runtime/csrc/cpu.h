#pragma once
#include <stdbool.h>

bool cln_cpu_any(void);
bool cln_cpu_x86_64_v3(void);
bool cln_cpu_x86_64_v4(void);
bool cln_cpu_riscv_v(void);
