static void vertical_in_4_3__avx2(const cln_vertical_in *a) {
  const int64_t y_step = a->y_step;
  for (int64_t patch = 0; patch < a->patches; ++patch) {
    const float *const *lines = a->lines + 4 * patch;
    const float *const line0 = lines[0];
    const float *const line1 = lines[1];
    const float *const line2 = lines[2];
    const float *const line3 = lines[3];
    const float *const line4 = lines[4];
    const float *const line5 = lines[5];
    float *y = a->y + patch * a->pitch;
    for (size_t p = 0; p < a->count; p += 8) {
      __m256 v0 = _mm256_loadu_ps(line0 + p);
      __m256 v1 = _mm256_loadu_ps(line1 + p);
      __m256 v2 = _mm256_loadu_ps(line2 + p);
      __m256 v3 = _mm256_loadu_ps(line3 + p);
      __m256 v4 = _mm256_loadu_ps(line4 + p);
      __m256 v5 = _mm256_loadu_ps(line5 + p);
      const __m256 k0 = _mm256_set1_ps(0.87890625f);
      __m256 v7 = _mm256_fmadd_ps(k0, v0, v4);
      const __m256 k1 = _mm256_set1_ps(-2.640625f);
      __m256 v9 = _mm256_fmadd_ps(k1, v2, v7);
      const __m256 k2 = _mm256_set1_ps(-2.25f);
      __m256 v11 = _mm256_fmadd_ps(k2, v2, v4);
      __m256 v12 = _mm256_fmadd_ps(k2, v1, v3);
      const __m256 k3 = _mm256_set1_ps(0.625f);
      __m256 v14 = _mm256_fmadd_ps(k3, v12, v11);
      const __m256 k4 = _mm256_set1_ps(-0.625f);
      __m256 v16 = _mm256_fmadd_ps(k4, v12, v11);
      const __m256 k5 = _mm256_set1_ps(-0.390625f);
      __m256 v18 = _mm256_fmadd_ps(k5, v2, v4);
      __m256 v19 = _mm256_fmadd_ps(k5, v1, v3);
      const __m256 k6 = _mm256_set1_ps(1.5f);
      __m256 v21 = _mm256_fmadd_ps(k6, v19, v18);
      const __m256 k7 = _mm256_set1_ps(-1.5f);
      __m256 v23 = _mm256_fmadd_ps(k7, v19, v18);
      __m256 v24 = _mm256_fmadd_ps(k0, v1, v5);
      __m256 v25 = _mm256_fmadd_ps(k1, v3, v24);
      _mm256_storeu_ps(y + 0 * y_step + p, v9);
      _mm256_storeu_ps(y + 1 * y_step + p, v14);
      _mm256_storeu_ps(y + 2 * y_step + p, v16);
      _mm256_storeu_ps(y + 3 * y_step + p, v21);
      _mm256_storeu_ps(y + 4 * y_step + p, v23);
      _mm256_storeu_ps(y + 5 * y_step + p, v25);
    }
    for (int k = 0; k < 6; ++k) zero_floats(y + k * y_step + a->count, a->gap);
  }
}

static void vertical_out_4_3__avx2(const cln_vertical_out *a) {
  const float *x = a->x;
  for (int64_t line = 0; line < a->lines; line += 4, x += a->x_pitch) {
    for (size_t p = 0; p < a->count; p += 8) {
      const __m256 bias = _mm256_set1_ps(a->bias);
      __m256 v0 = _mm256_loadu_ps(x + p + 0 * a->x_step);
      __m256 v1 = _mm256_loadu_ps(x + p + 1 * a->x_step);
      __m256 v2 = _mm256_loadu_ps(x + p + 2 * a->x_step);
      __m256 v3 = _mm256_loadu_ps(x + p + 3 * a->x_step);
      __m256 v4 = _mm256_loadu_ps(x + p + 4 * a->x_step);
      __m256 v5 = _mm256_loadu_ps(x + p + 5 * a->x_step);
      __m256 v6 = _mm256_add_ps(v1, v2);
      __m256 v7 = _mm256_add_ps(v3, v4);
      const __m256 k0 = _mm256_set1_ps(-1.0f);
      __m256 v9 = _mm256_fmadd_ps(k0, v2, v1);
      __m256 v10 = _mm256_fmadd_ps(k0, v4, v3);
      __m256 v11 = _mm256_add_ps(v0, v6);
      __m256 v12 = _mm256_add_ps(v11, v7);
      const __m256 k1 = _mm256_set1_ps(0.625f);
      __m256 v14 = _mm256_mul_ps(k1, v9);
      const __m256 k2 = _mm256_set1_ps(1.5f);
      __m256 v16 = _mm256_fmadd_ps(k2, v10, v14);
      const __m256 k3 = _mm256_set1_ps(0.390625f);
      __m256 v18 = _mm256_mul_ps(k3, v6);
      const __m256 k4 = _mm256_set1_ps(2.25f);
      __m256 v20 = _mm256_fmadd_ps(k4, v7, v18);
      const __m256 k5 = _mm256_set1_ps(0.244140625f);
      __m256 v22 = _mm256_fmadd_ps(k5, v9, v5);
      const __m256 k6 = _mm256_set1_ps(3.375f);
      __m256 v24 = _mm256_fmadd_ps(k6, v10, v22);
      const int32_t left = (int32_t)(int64_t)(a->count - p);
      if (line + 0 < a->lines) {
        float *y = a->y + (line + 0) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 0) * a->y_pitch + p : NULL;
        __m256 y0 = _mm256_add_ps(bias, v12);
        __m256 y0_10 = y0;
        float rest[8], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 8) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y0_10 = _mm256_add_ps(y0_10, _mm256_loadu_ps(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const __m256 lo = _mm256_set1_ps(a->lo);
          y0_10 = _mm256_max_ps(lo, y0_10);
        }
        if (a->hi != __builtin_inff()) {
          const __m256 hi = _mm256_set1_ps(a->hi);
          y0_10 = _mm256_min_ps(hi, y0_10);
        }
        _mm256_storeu_ps(to + 0, y0_10);
        if (to == rest) copy_floats(y, rest, left);
      }
      if (line + 1 < a->lines) {
        float *y = a->y + (line + 1) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 1) * a->y_pitch + p : NULL;
        __m256 y1 = _mm256_add_ps(bias, v16);
        __m256 y1_10 = y1;
        float rest[8], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 8) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y1_10 = _mm256_add_ps(y1_10, _mm256_loadu_ps(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const __m256 lo = _mm256_set1_ps(a->lo);
          y1_10 = _mm256_max_ps(lo, y1_10);
        }
        if (a->hi != __builtin_inff()) {
          const __m256 hi = _mm256_set1_ps(a->hi);
          y1_10 = _mm256_min_ps(hi, y1_10);
        }
        _mm256_storeu_ps(to + 0, y1_10);
        if (to == rest) copy_floats(y, rest, left);
      }
      if (line + 2 < a->lines) {
        float *y = a->y + (line + 2) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 2) * a->y_pitch + p : NULL;
        __m256 y2 = _mm256_add_ps(bias, v20);
        __m256 y2_10 = y2;
        float rest[8], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 8) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y2_10 = _mm256_add_ps(y2_10, _mm256_loadu_ps(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const __m256 lo = _mm256_set1_ps(a->lo);
          y2_10 = _mm256_max_ps(lo, y2_10);
        }
        if (a->hi != __builtin_inff()) {
          const __m256 hi = _mm256_set1_ps(a->hi);
          y2_10 = _mm256_min_ps(hi, y2_10);
        }
        _mm256_storeu_ps(to + 0, y2_10);
        if (to == rest) copy_floats(y, rest, left);
      }
      if (line + 3 < a->lines) {
        float *y = a->y + (line + 3) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 3) * a->y_pitch + p : NULL;
        __m256 y3 = _mm256_add_ps(bias, v24);
        __m256 y3_10 = y3;
        float rest[8], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 8) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y3_10 = _mm256_add_ps(y3_10, _mm256_loadu_ps(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const __m256 lo = _mm256_set1_ps(a->lo);
          y3_10 = _mm256_max_ps(lo, y3_10);
        }
        if (a->hi != __builtin_inff()) {
          const __m256 hi = _mm256_set1_ps(a->hi);
          y3_10 = _mm256_min_ps(hi, y3_10);
        }
        _mm256_storeu_ps(to + 0, y3_10);
        if (to == rest) copy_floats(y, rest, left);
      }
    }
  }
}
