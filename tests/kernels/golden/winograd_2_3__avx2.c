static void winograd_lines_2_3__avx2(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step, down = a->down;
  for (int64_t line = 0; line < a->lines; ++line) {
    const float *from = a->x + line * x_step;
    float *to = a->y + line % 2 * y_step + line / 2 * down;
    for (size_t p = 0; p < a->count; p += 8) {
      const float *x = from + 2 * p;
      float *y = to + p;
      const __m256 d0_0 = _mm256_loadu_ps(x + 0);
      const __m256 d0_1 = _mm256_loadu_ps(x + 8);
      const __m256 d0_10 = __builtin_shufflevector(d0_0, d0_1, 0, 2, 4, 6, 8, 10, 12, 14);
      const __m256 d0 = d0_10;
      const __m256 d1_10 = __builtin_shufflevector(d0_0, d0_1, 1, 3, 5, 7, 9, 11, 13, 15);
      const __m256 d1 = d1_10;
      __m256 v6 = __builtin_shufflevector(d0, _mm256_set1_ps(x[2 * 8 + 0]), 1, 2, 3, 4, 5, 6, 7, 8);
      __m256 v7 = __builtin_shufflevector(d1, _mm256_set1_ps(x[2 * 8 + 1]), 1, 2, 3, 4, 5, 6, 7, 8);
      const __m256 k0 = _mm256_set1_ps(-1.0f);
      __m256 v9 = _mm256_fmadd_ps(k0, d0, v6);
      __m256 v10 = _mm256_add_ps(v6, d1);
      __m256 v11 = _mm256_fmadd_ps(k0, d1, v6);
      __m256 v12 = _mm256_fmadd_ps(k0, d1, v7);
      _mm256_storeu_ps(y + 0 * y_step, v9);
      _mm256_storeu_ps(y + 2 * y_step, v10);
      _mm256_storeu_ps(y + 4 * y_step, v11);
      _mm256_storeu_ps(y + 6 * y_step, v12);
    }
  }
}

static void winograd_columns_2_3__avx2(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step;
  for (size_t p = 0; p < a->count; p += 8) {
    const float *x = a->x + p, *below = x + a->down;
    float *y = a->y + p;
    __m256 v0 = _mm256_loadu_ps(x + 0 * x_step);
    __m256 v1 = _mm256_loadu_ps(x + 1 * x_step);
    __m256 v2 = _mm256_loadu_ps(below + 0 * x_step);
    __m256 v3 = _mm256_loadu_ps(below + 1 * x_step);
    const __m256 k0 = _mm256_set1_ps(-1.0f);
    __m256 v5 = _mm256_fmadd_ps(k0, v0, v2);
    __m256 v6 = _mm256_add_ps(v2, v1);
    __m256 v7 = _mm256_fmadd_ps(k0, v1, v2);
    __m256 v8 = _mm256_fmadd_ps(k0, v1, v3);
    _mm256_storeu_ps(y + 0 * y_step, v5);
    _mm256_storeu_ps(y + 4 * y_step, v6);
    _mm256_storeu_ps(y + 8 * y_step, v7);
    _mm256_storeu_ps(y + 12 * y_step, v8);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    __m256 v17 = _mm256_loadu_ps(x + 0 * x_step);
    __m256 v18 = _mm256_loadu_ps(x + 1 * x_step);
    __m256 v19 = _mm256_loadu_ps(below + 0 * x_step);
    __m256 v20 = _mm256_loadu_ps(below + 1 * x_step);
    __m256 v21 = _mm256_fmadd_ps(k0, v17, v19);
    __m256 v22 = _mm256_add_ps(v19, v18);
    __m256 v23 = _mm256_fmadd_ps(k0, v18, v19);
    __m256 v24 = _mm256_fmadd_ps(k0, v18, v20);
    _mm256_storeu_ps(y + 0 * y_step, v21);
    _mm256_storeu_ps(y + 4 * y_step, v22);
    _mm256_storeu_ps(y + 8 * y_step, v23);
    _mm256_storeu_ps(y + 12 * y_step, v24);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    __m256 v33 = _mm256_loadu_ps(x + 0 * x_step);
    __m256 v34 = _mm256_loadu_ps(x + 1 * x_step);
    __m256 v35 = _mm256_loadu_ps(below + 0 * x_step);
    __m256 v36 = _mm256_loadu_ps(below + 1 * x_step);
    __m256 v37 = _mm256_fmadd_ps(k0, v33, v35);
    __m256 v38 = _mm256_add_ps(v35, v34);
    __m256 v39 = _mm256_fmadd_ps(k0, v34, v35);
    __m256 v40 = _mm256_fmadd_ps(k0, v34, v36);
    _mm256_storeu_ps(y + 0 * y_step, v37);
    _mm256_storeu_ps(y + 4 * y_step, v38);
    _mm256_storeu_ps(y + 8 * y_step, v39);
    _mm256_storeu_ps(y + 12 * y_step, v40);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    __m256 v49 = _mm256_loadu_ps(x + 0 * x_step);
    __m256 v50 = _mm256_loadu_ps(x + 1 * x_step);
    __m256 v51 = _mm256_loadu_ps(below + 0 * x_step);
    __m256 v52 = _mm256_loadu_ps(below + 1 * x_step);
    __m256 v53 = _mm256_fmadd_ps(k0, v49, v51);
    __m256 v54 = _mm256_add_ps(v51, v50);
    __m256 v55 = _mm256_fmadd_ps(k0, v50, v51);
    __m256 v56 = _mm256_fmadd_ps(k0, v50, v52);
    _mm256_storeu_ps(y + 0 * y_step, v53);
    _mm256_storeu_ps(y + 4 * y_step, v54);
    _mm256_storeu_ps(y + 8 * y_step, v55);
    _mm256_storeu_ps(y + 12 * y_step, v56);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
  }
}

static void winograd_output_2_3__avx2(const cln_transform *a) {
  const int64_t x_step = a->x_step;
  for (size_t p = 0; p < a->count; p += 8) {
    const __m256 bias = _mm256_set1_ps(a->bias);
    const float *x = a->x + p;
    __m256 v0 = _mm256_loadu_ps(x + 0 * 4 * x_step);
    __m256 v1 = _mm256_loadu_ps(x + 1 * 4 * x_step);
    __m256 v2 = _mm256_loadu_ps(x + 2 * 4 * x_step);
    __m256 v3 = _mm256_loadu_ps(x + 3 * 4 * x_step);
    __m256 v4 = _mm256_add_ps(v1, v2);
    const __m256 k0 = _mm256_set1_ps(-1.0f);
    __m256 v6 = _mm256_fmadd_ps(k0, v2, v1);
    __m256 v7 = _mm256_add_ps(v0, v4);
    __m256 v8 = _mm256_add_ps(v3, v6);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+v"(v7), "+v"(v8));
    __m256 v11 = _mm256_loadu_ps(x + 0 * 4 * x_step);
    __m256 v12 = _mm256_loadu_ps(x + 1 * 4 * x_step);
    __m256 v13 = _mm256_loadu_ps(x + 2 * 4 * x_step);
    __m256 v14 = _mm256_loadu_ps(x + 3 * 4 * x_step);
    __m256 v15 = _mm256_add_ps(v12, v13);
    __m256 v16 = _mm256_fmadd_ps(k0, v13, v12);
    __m256 v17 = _mm256_add_ps(v11, v15);
    __m256 v18 = _mm256_add_ps(v14, v16);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+v"(v17), "+v"(v18));
    __m256 v21 = _mm256_loadu_ps(x + 0 * 4 * x_step);
    __m256 v22 = _mm256_loadu_ps(x + 1 * 4 * x_step);
    __m256 v23 = _mm256_loadu_ps(x + 2 * 4 * x_step);
    __m256 v24 = _mm256_loadu_ps(x + 3 * 4 * x_step);
    __m256 v25 = _mm256_add_ps(v22, v23);
    __m256 v26 = _mm256_fmadd_ps(k0, v23, v22);
    __m256 v27 = _mm256_add_ps(v21, v25);
    __m256 v28 = _mm256_add_ps(v24, v26);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+v"(v27), "+v"(v28));
    __m256 v31 = _mm256_loadu_ps(x + 0 * 4 * x_step);
    __m256 v32 = _mm256_loadu_ps(x + 1 * 4 * x_step);
    __m256 v33 = _mm256_loadu_ps(x + 2 * 4 * x_step);
    __m256 v34 = _mm256_loadu_ps(x + 3 * 4 * x_step);
    __m256 v35 = _mm256_add_ps(v32, v33);
    __m256 v36 = _mm256_fmadd_ps(k0, v33, v32);
    __m256 v37 = _mm256_add_ps(v31, v35);
    __m256 v38 = _mm256_add_ps(v34, v36);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+v"(v37), "+v"(v38));
    const int32_t left = (int32_t)(a->width - 2 * (int64_t)p);
    __m256 v42 = _mm256_add_ps(v17, v27);
    __m256 v43 = _mm256_fmadd_ps(k0, v27, v17);
    __m256 v44 = _mm256_add_ps(v7, v42);
    __m256 v45 = _mm256_add_ps(v37, v43);
    if (0 < a->lines) {
      float *y = a->y + 2 * p + 0 * a->y_step;
      const float *r = a->r ? a->r + 2 * p + 0 * a->y_step : NULL;
      __m256 y0_0 = _mm256_add_ps(bias, v44);
      __m256 y0_1 = _mm256_add_ps(bias, v45);
      __m256 y0_0_10 = y0_0;
      __m256 y0_1_10 = y0_1;
      __m256 y0_0_10_20 = __builtin_shufflevector(y0_0_10, y0_1_10, 0, 8, 1, 9, 2, 10, 3, 11);
      __m256 y0_0_10_21 = __builtin_shufflevector(y0_0_10, y0_1_10, 4, 12, 5, 13, 6, 14, 7, 15);
      float rest[16], *to = y;  /* what ends inside a vector goes through the former */
      if (left < 16) {
        if (r) copy_floats(rest, r, left), r = rest;
        to = rest;
      }
      if (r) {
        y0_0_10_20 = _mm256_add_ps(y0_0_10_20, _mm256_loadu_ps(r + 0));
        y0_0_10_21 = _mm256_add_ps(y0_0_10_21, _mm256_loadu_ps(r + 8));
      }
      if (a->lo != -__builtin_inff()) {
        const __m256 lo = _mm256_set1_ps(a->lo);
        y0_0_10_20 = _mm256_max_ps(lo, y0_0_10_20);
        y0_0_10_21 = _mm256_max_ps(lo, y0_0_10_21);
      }
      if (a->hi != __builtin_inff()) {
        const __m256 hi = _mm256_set1_ps(a->hi);
        y0_0_10_20 = _mm256_min_ps(hi, y0_0_10_20);
        y0_0_10_21 = _mm256_min_ps(hi, y0_0_10_21);
      }
      _mm256_storeu_ps(to + 0, y0_0_10_20);
      _mm256_storeu_ps(to + 8, y0_0_10_21);
      if (to == rest) copy_floats(y, rest, left);
    }
    __m256 v78 = _mm256_add_ps(v18, v28);
    __m256 v79 = _mm256_fmadd_ps(k0, v28, v18);
    __m256 v80 = _mm256_add_ps(v8, v78);
    __m256 v81 = _mm256_add_ps(v38, v79);
    if (1 < a->lines) {
      float *y = a->y + 2 * p + 1 * a->y_step;
      const float *r = a->r ? a->r + 2 * p + 1 * a->y_step : NULL;
      __m256 y1_0 = _mm256_add_ps(bias, v80);
      __m256 y1_1 = _mm256_add_ps(bias, v81);
      __m256 y1_0_10 = y1_0;
      __m256 y1_1_10 = y1_1;
      __m256 y1_0_10_20 = __builtin_shufflevector(y1_0_10, y1_1_10, 0, 8, 1, 9, 2, 10, 3, 11);
      __m256 y1_0_10_21 = __builtin_shufflevector(y1_0_10, y1_1_10, 4, 12, 5, 13, 6, 14, 7, 15);
      float rest[16], *to = y;  /* what ends inside a vector goes through the former */
      if (left < 16) {
        if (r) copy_floats(rest, r, left), r = rest;
        to = rest;
      }
      if (r) {
        y1_0_10_20 = _mm256_add_ps(y1_0_10_20, _mm256_loadu_ps(r + 0));
        y1_0_10_21 = _mm256_add_ps(y1_0_10_21, _mm256_loadu_ps(r + 8));
      }
      if (a->lo != -__builtin_inff()) {
        const __m256 lo = _mm256_set1_ps(a->lo);
        y1_0_10_20 = _mm256_max_ps(lo, y1_0_10_20);
        y1_0_10_21 = _mm256_max_ps(lo, y1_0_10_21);
      }
      if (a->hi != __builtin_inff()) {
        const __m256 hi = _mm256_set1_ps(a->hi);
        y1_0_10_20 = _mm256_min_ps(hi, y1_0_10_20);
        y1_0_10_21 = _mm256_min_ps(hi, y1_0_10_21);
      }
      _mm256_storeu_ps(to + 0, y1_0_10_20);
      _mm256_storeu_ps(to + 8, y1_0_10_21);
      if (to == rest) copy_floats(y, rest, left);
    }
  }
}
