/* What steps that divide their outer dimension among the threads have in common. */
#pragma once
#include "internal.h"

/* This thread's share of 0 .. n - 1. */
static inline void cln_share(const cln_session *session, int thread, int64_t n, int64_t *begin, int64_t *end) {
  *begin = n * thread / session->threads;
  *end = n * (thread + 1) / session->threads;
}

/* In a run: the step's record, and where a view begins. */
#define RECORD(type) const type *s = session->model->tasks[task].record
#define AT(name) ((float *)cln_at(session, task, s->name##_buffer, s->name##_at))
