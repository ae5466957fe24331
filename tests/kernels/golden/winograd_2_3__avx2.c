static void winograd_rows_2_3__avx2(const cln_transform *a) {
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
      const __m256 v6 = __builtin_shufflevector(d0, _mm256_set1_ps(x[2 * 8 + 0]), 1, 2, 3, 4, 5, 6, 7, 8);
      const __m256 v7 = __builtin_shufflevector(d1, _mm256_set1_ps(x[2 * 8 + 1]), 1, 2, 3, 4, 5, 6, 7, 8);
      const __m256 k0 = _mm256_set1_ps(-1.0f);
      const __m256 v9 = _mm256_fmadd_ps(k0, d0, v6);
      const __m256 v10 = _mm256_add_ps(v6, d1);
      const __m256 v11 = _mm256_fmadd_ps(k0, d1, v6);
      const __m256 v12 = _mm256_fmadd_ps(k0, d1, v7);
      _mm256_storeu_ps(y + 0 * y_step, v9);
      _mm256_storeu_ps(y + 2 * y_step, v10);
      _mm256_storeu_ps(y + 4 * y_step, v11);
      _mm256_storeu_ps(y + 6 * y_step, v12);
    }
  }
}

static void winograd_columns_2_3__avx2(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step, down = a->down;
  for (size_t p = 0; p < a->count; p += 8) {
    const float *x = a->x + p;
    float *y = a->y + p;
    const __m256 v0 = _mm256_loadu_ps(x + 0 * x_step);
    const __m256 v1 = _mm256_loadu_ps(x + 1 * x_step);
    const __m256 v2 = _mm256_loadu_ps(x + 0 * x_step + down);
    const __m256 v3 = _mm256_loadu_ps(x + 1 * x_step + down);
    const __m256 k0 = _mm256_set1_ps(-1.0f);
    const __m256 v5 = _mm256_fmadd_ps(k0, v0, v2);
    const __m256 v6 = _mm256_add_ps(v2, v1);
    const __m256 v7 = _mm256_fmadd_ps(k0, v1, v2);
    const __m256 v8 = _mm256_fmadd_ps(k0, v1, v3);
    _mm256_storeu_ps(y + 0 * y_step, v5);
    _mm256_storeu_ps(y + 4 * y_step, v6);
    _mm256_storeu_ps(y + 8 * y_step, v7);
    _mm256_storeu_ps(y + 12 * y_step, v8);
    const __m256 v13 = _mm256_loadu_ps(x + 2 * x_step);
    const __m256 v14 = _mm256_loadu_ps(x + 3 * x_step);
    const __m256 v15 = _mm256_loadu_ps(x + 2 * x_step + down);
    const __m256 v16 = _mm256_loadu_ps(x + 3 * x_step + down);
    const __m256 v17 = _mm256_fmadd_ps(k0, v13, v15);
    const __m256 v18 = _mm256_add_ps(v15, v14);
    const __m256 v19 = _mm256_fmadd_ps(k0, v14, v15);
    const __m256 v20 = _mm256_fmadd_ps(k0, v14, v16);
    _mm256_storeu_ps(y + 1 * y_step, v17);
    _mm256_storeu_ps(y + 5 * y_step, v18);
    _mm256_storeu_ps(y + 9 * y_step, v19);
    _mm256_storeu_ps(y + 13 * y_step, v20);
    const __m256 v25 = _mm256_loadu_ps(x + 4 * x_step);
    const __m256 v26 = _mm256_loadu_ps(x + 5 * x_step);
    const __m256 v27 = _mm256_loadu_ps(x + 4 * x_step + down);
    const __m256 v28 = _mm256_loadu_ps(x + 5 * x_step + down);
    const __m256 v29 = _mm256_fmadd_ps(k0, v25, v27);
    const __m256 v30 = _mm256_add_ps(v27, v26);
    const __m256 v31 = _mm256_fmadd_ps(k0, v26, v27);
    const __m256 v32 = _mm256_fmadd_ps(k0, v26, v28);
    _mm256_storeu_ps(y + 2 * y_step, v29);
    _mm256_storeu_ps(y + 6 * y_step, v30);
    _mm256_storeu_ps(y + 10 * y_step, v31);
    _mm256_storeu_ps(y + 14 * y_step, v32);
    const __m256 v37 = _mm256_loadu_ps(x + 6 * x_step);
    const __m256 v38 = _mm256_loadu_ps(x + 7 * x_step);
    const __m256 v39 = _mm256_loadu_ps(x + 6 * x_step + down);
    const __m256 v40 = _mm256_loadu_ps(x + 7 * x_step + down);
    const __m256 v41 = _mm256_fmadd_ps(k0, v37, v39);
    const __m256 v42 = _mm256_add_ps(v39, v38);
    const __m256 v43 = _mm256_fmadd_ps(k0, v38, v39);
    const __m256 v44 = _mm256_fmadd_ps(k0, v38, v40);
    _mm256_storeu_ps(y + 3 * y_step, v41);
    _mm256_storeu_ps(y + 7 * y_step, v42);
    _mm256_storeu_ps(y + 11 * y_step, v43);
    _mm256_storeu_ps(y + 15 * y_step, v44);
  }
}

static void winograd_output_2_3__avx2(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step;
  for (size_t p = 0; p < a->count; p += 8) {
    const __m256 bias = _mm256_set1_ps(a->bias);
    const float *x = a->x + p;
    float *y = a->y + 2 * p;
    const __m256 v0 = _mm256_loadu_ps(x + 0 * x_step);
    const __m256 v1 = _mm256_loadu_ps(x + 4 * x_step);
    const __m256 v2 = _mm256_loadu_ps(x + 8 * x_step);
    const __m256 v3 = _mm256_loadu_ps(x + 12 * x_step);
    const __m256 v4 = _mm256_add_ps(v1, v2);
    const __m256 k0 = _mm256_set1_ps(-1.0f);
    const __m256 v6 = _mm256_fmadd_ps(k0, v2, v1);
    const __m256 v7 = _mm256_add_ps(v0, v4);
    const __m256 v8 = _mm256_add_ps(v3, v6);
    const __m256 v9 = _mm256_loadu_ps(x + 1 * x_step);
    const __m256 v10 = _mm256_loadu_ps(x + 5 * x_step);
    const __m256 v11 = _mm256_loadu_ps(x + 9 * x_step);
    const __m256 v12 = _mm256_loadu_ps(x + 13 * x_step);
    const __m256 v13 = _mm256_add_ps(v10, v11);
    const __m256 v14 = _mm256_fmadd_ps(k0, v11, v10);
    const __m256 v15 = _mm256_add_ps(v9, v13);
    const __m256 v16 = _mm256_add_ps(v12, v14);
    const __m256 v17 = _mm256_loadu_ps(x + 2 * x_step);
    const __m256 v18 = _mm256_loadu_ps(x + 6 * x_step);
    const __m256 v19 = _mm256_loadu_ps(x + 10 * x_step);
    const __m256 v20 = _mm256_loadu_ps(x + 14 * x_step);
    const __m256 v21 = _mm256_add_ps(v18, v19);
    const __m256 v22 = _mm256_fmadd_ps(k0, v19, v18);
    const __m256 v23 = _mm256_add_ps(v17, v21);
    const __m256 v24 = _mm256_add_ps(v20, v22);
    const __m256 v25 = _mm256_loadu_ps(x + 3 * x_step);
    const __m256 v26 = _mm256_loadu_ps(x + 7 * x_step);
    const __m256 v27 = _mm256_loadu_ps(x + 11 * x_step);
    const __m256 v28 = _mm256_loadu_ps(x + 15 * x_step);
    const __m256 v29 = _mm256_add_ps(v26, v27);
    const __m256 v30 = _mm256_fmadd_ps(k0, v27, v26);
    const __m256 v31 = _mm256_add_ps(v25, v29);
    const __m256 v32 = _mm256_add_ps(v28, v30);
    const __m256 v33 = _mm256_add_ps(v15, v23);
    const __m256 v34 = _mm256_fmadd_ps(k0, v23, v15);
    const __m256 v35 = _mm256_add_ps(v7, v33);
    const __m256 v36 = _mm256_add_ps(v31, v34);
    __m256 y0_0 = _mm256_add_ps(bias, v35);
    __m256 y0_1 = _mm256_add_ps(bias, v36);
    {
      if (a->lo != -__builtin_inff()) {
        const __m256 lo = _mm256_set1_ps(a->lo);
        y0_0 = _mm256_max_ps(lo, y0_0);
        y0_1 = _mm256_max_ps(lo, y0_1);
      }
      if (a->hi != __builtin_inff()) {
        const __m256 hi = _mm256_set1_ps(a->hi);
        y0_0 = _mm256_min_ps(hi, y0_0);
        y0_1 = _mm256_min_ps(hi, y0_1);
      }
    }
    const __m256 y0_0_10 = y0_0;
    const __m256 y0_1_10 = y0_1;
    const __m256 y0_0_10_20 = __builtin_shufflevector(y0_0_10, y0_1_10, 0, 8, 1, 9, 2, 10, 3, 11);
    const __m256 y0_0_10_21 = __builtin_shufflevector(y0_0_10, y0_1_10, 4, 12, 5, 13, 6, 14, 7, 15);
    _mm256_storeu_ps(y + 0 * y_step + 0, y0_0_10_20);
    _mm256_storeu_ps(y + 0 * y_step + 8, y0_0_10_21);
    const __m256 v57 = _mm256_add_ps(v16, v24);
    const __m256 v58 = _mm256_fmadd_ps(k0, v24, v16);
    const __m256 v59 = _mm256_add_ps(v8, v57);
    const __m256 v60 = _mm256_add_ps(v32, v58);
    __m256 y1_0 = _mm256_add_ps(bias, v59);
    __m256 y1_1 = _mm256_add_ps(bias, v60);
    {
      if (a->lo != -__builtin_inff()) {
        const __m256 lo = _mm256_set1_ps(a->lo);
        y1_0 = _mm256_max_ps(lo, y1_0);
        y1_1 = _mm256_max_ps(lo, y1_1);
      }
      if (a->hi != __builtin_inff()) {
        const __m256 hi = _mm256_set1_ps(a->hi);
        y1_0 = _mm256_min_ps(hi, y1_0);
        y1_1 = _mm256_min_ps(hi, y1_1);
      }
    }
    const __m256 y1_0_10 = y1_0;
    const __m256 y1_1_10 = y1_1;
    const __m256 y1_0_10_20 = __builtin_shufflevector(y1_0_10, y1_1_10, 0, 8, 1, 9, 2, 10, 3, 11);
    const __m256 y1_0_10_21 = __builtin_shufflevector(y1_0_10, y1_1_10, 4, 12, 5, 13, 6, 14, 7, 15);
    _mm256_storeu_ps(y + 1 * y_step + 0, y1_0_10_20);
    _mm256_storeu_ps(y + 1 * y_step + 8, y1_0_10_21);
  }
}
