static void cnm_f32_2x2v__generic(const cln_strip_args *a) {
  {
    const char *restrict x = (const char *)(a->x);
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    vec c0_0, c1_0;
    vec c0_1, c1_1;
    static const float none[2] = {0.0f};
    const float *bias = a->bias ? a->bias : none;
    const float *start = a->c ? a->c : a->r;
    const int64_t *start_rows = a->c ? a->c_rows : a->r_rows;
    if (a->c || a->r) {
      c0_0 = (*(const vec *)(start + start_rows[0] + 0));
      c0_1 = (*(const vec *)(start + start_rows[0] + 4));
      c1_0 = (*(const vec *)(start + start_rows[1] + 0));
      c1_1 = (*(const vec *)(start + start_rows[1] + 4));
    } else if (n) {
      const float *row = (const float *)(x + off[0]);
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      const vec w0 = VEC_SET1(w[0]);
      c0_0 = w0 * x0 + VEC_SET1(bias[0]);
      c0_1 = w0 * x1 + VEC_SET1(bias[0]);
      const vec w1 = VEC_SET1(w[1]);
      c1_0 = w1 * x0 + VEC_SET1(bias[1]);
      c1_1 = w1 * x1 + VEC_SET1(bias[1]);
      ++off, w += 2, --n;
    } else {
      c0_0 = VEC_SET1(bias[0]);
      c0_1 = VEC_SET1(bias[0]);
      c1_0 = VEC_SET1(bias[1]);
      c1_1 = VEC_SET1(bias[1]);
    }
    for (; n >= 2; n -= 2) {
      __builtin_prefetch(w + 512);
      {
        const float *row = (const float *)(x + off[0]);
        __builtin_prefetch((const float *)(x + off[8]) + 0);
        const vec x0 = (*(const vec *)(row + 0));
        const vec x1 = (*(const vec *)(row + 4));
        const vec w0 = VEC_SET1(w[0]);
        c0_0 = w0 * x0 + c0_0;
        c0_1 = w0 * x1 + c0_1;
        const vec w1 = VEC_SET1(w[1]);
        c1_0 = w1 * x0 + c1_0;
        c1_1 = w1 * x1 + c1_1;
      }
      {
        const float *row = (const float *)(x + off[1]);
        __builtin_prefetch((const float *)(x + off[9]) + 0);
        const vec x0 = (*(const vec *)(row + 0));
        const vec x1 = (*(const vec *)(row + 4));
        const vec w0 = VEC_SET1(w[2]);
        c0_0 = w0 * x0 + c0_0;
        c0_1 = w0 * x1 + c0_1;
        const vec w1 = VEC_SET1(w[3]);
        c1_0 = w1 * x0 + c1_0;
        c1_1 = w1 * x1 + c1_1;
      }
      off += 2;
      w += 4;
    }
    for (; n != 0; --n) {
      __builtin_prefetch(w + 512);
      {
        const float *row = (const float *)(x + off[0]);
        __builtin_prefetch((const float *)(x + off[8]) + 0);
        const vec x0 = (*(const vec *)(row + 0));
        const vec x1 = (*(const vec *)(row + 4));
        const vec w0 = VEC_SET1(w[0]);
        c0_0 = w0 * x0 + c0_0;
        c0_1 = w0 * x1 + c0_1;
        const vec w1 = VEC_SET1(w[1]);
        c1_0 = w1 * x0 + c1_0;
        c1_1 = w1 * x1 + c1_1;
      }
      off += 1;
      w += 2;
    }
    if (a->c && a->r) {
      const float *r = a->r;
      c0_0 = c0_0 + (*(const vec *)(r + a->r_rows[0] + 0));
      c0_1 = c0_1 + (*(const vec *)(r + a->r_rows[0] + 4));
      c1_0 = c1_0 + (*(const vec *)(r + a->r_rows[1] + 0));
      c1_1 = c1_1 + (*(const vec *)(r + a->r_rows[1] + 4));
    }
    if (a->bias && (a->c || a->r)) {
      const vec b0 = VEC_SET1(a->bias[0]);
      c0_0 = b0 + c0_0;
      c0_1 = b0 + c0_1;
      const vec b1 = VEC_SET1(a->bias[1]);
      c1_0 = b1 + c1_0;
      c1_1 = b1 + c1_1;
    }
    {
      if (a->lo != -__builtin_inff()) {
        const vec lo = VEC_SET1(a->lo);
        c0_0 = vec_max(lo, c0_0);
        c0_1 = vec_max(lo, c0_1);
        c1_0 = vec_max(lo, c1_0);
        c1_1 = vec_max(lo, c1_1);
      }
      if (a->hi != __builtin_inff()) {
        const vec hi = VEC_SET1(a->hi);
        c0_0 = vec_min(hi, c0_0);
        c0_1 = vec_min(hi, c0_1);
        c1_0 = vec_min(hi, c1_0);
        c1_1 = vec_min(hi, c1_1);
      }
    }
    float *y = a->y;
    const int64_t *y_rows = a->y_rows;  /* a local: the stores below might change a->y_rows, for all C knows */
    *(vec *)(y + y_rows[0] + 0) = c0_0;
    *(vec *)(y + y_rows[0] + 4) = c0_1;
    *(vec *)(y + y_rows[1] + 0) = c1_0;
    *(vec *)(y + y_rows[1] + 4) = c1_1;
  }
}
