static void winograd_lines_2_3__generic(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step, down = a->down;
  for (int64_t line = 0; line < a->lines; ++line) {
    const float *from = a->x + line * x_step;
    float *to = a->y + line % 2 * y_step + line / 2 * down;
    for (size_t p = 0; p < a->count; p += 4) {
      const float *x = from + 2 * p;
      float *y = to + p;
      const vec d0_0 = (*(const vec *)(x + 0));
      const vec d0_1 = (*(const vec *)(x + 4));
      const vec d0_10 = __builtin_shufflevector(d0_0, d0_1, 0, 2, 4, 6);
      const vec d0 = d0_10;
      const vec d1_10 = __builtin_shufflevector(d0_0, d0_1, 1, 3, 5, 7);
      const vec d1 = d1_10;
      vec v6 = __builtin_shufflevector(d0, VEC_SET1(x[2 * 4 + 0]), 1, 2, 3, 4);
      vec v7 = __builtin_shufflevector(d1, VEC_SET1(x[2 * 4 + 1]), 1, 2, 3, 4);
      const vec k0 = VEC_SET1(-1.0f);
      vec v9 = k0 * d0 + v6;
      vec v10 = v6 + d1;
      vec v11 = k0 * d1 + v6;
      vec v12 = k0 * d1 + v7;
      *(vec *)(y + 0 * y_step) = v9;
      *(vec *)(y + 2 * y_step) = v10;
      *(vec *)(y + 4 * y_step) = v11;
      *(vec *)(y + 6 * y_step) = v12;
    }
  }
}

static void winograd_columns_2_3__generic(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step;
  for (size_t p = 0; p < a->count; p += 4) {
    const float *x = a->x + p, *below = x + a->down;
    float *y = a->y + p;
    vec v0 = (*(const vec *)(x + 0 * x_step));
    vec v1 = (*(const vec *)(x + 1 * x_step));
    vec v2 = (*(const vec *)(below + 0 * x_step));
    vec v3 = (*(const vec *)(below + 1 * x_step));
    const vec k0 = VEC_SET1(-1.0f);
    vec v5 = k0 * v0 + v2;
    vec v6 = v2 + v1;
    vec v7 = k0 * v1 + v2;
    vec v8 = k0 * v1 + v3;
    *(vec *)(y + 0 * y_step) = v5;
    *(vec *)(y + 4 * y_step) = v6;
    *(vec *)(y + 8 * y_step) = v7;
    *(vec *)(y + 12 * y_step) = v8;
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    vec v17 = (*(const vec *)(x + 0 * x_step));
    vec v18 = (*(const vec *)(x + 1 * x_step));
    vec v19 = (*(const vec *)(below + 0 * x_step));
    vec v20 = (*(const vec *)(below + 1 * x_step));
    vec v21 = k0 * v17 + v19;
    vec v22 = v19 + v18;
    vec v23 = k0 * v18 + v19;
    vec v24 = k0 * v18 + v20;
    *(vec *)(y + 0 * y_step) = v21;
    *(vec *)(y + 4 * y_step) = v22;
    *(vec *)(y + 8 * y_step) = v23;
    *(vec *)(y + 12 * y_step) = v24;
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    vec v33 = (*(const vec *)(x + 0 * x_step));
    vec v34 = (*(const vec *)(x + 1 * x_step));
    vec v35 = (*(const vec *)(below + 0 * x_step));
    vec v36 = (*(const vec *)(below + 1 * x_step));
    vec v37 = k0 * v33 + v35;
    vec v38 = v35 + v34;
    vec v39 = k0 * v34 + v35;
    vec v40 = k0 * v34 + v36;
    *(vec *)(y + 0 * y_step) = v37;
    *(vec *)(y + 4 * y_step) = v38;
    *(vec *)(y + 8 * y_step) = v39;
    *(vec *)(y + 12 * y_step) = v40;
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    vec v49 = (*(const vec *)(x + 0 * x_step));
    vec v50 = (*(const vec *)(x + 1 * x_step));
    vec v51 = (*(const vec *)(below + 0 * x_step));
    vec v52 = (*(const vec *)(below + 1 * x_step));
    vec v53 = k0 * v49 + v51;
    vec v54 = v51 + v50;
    vec v55 = k0 * v50 + v51;
    vec v56 = k0 * v50 + v52;
    *(vec *)(y + 0 * y_step) = v53;
    *(vec *)(y + 4 * y_step) = v54;
    *(vec *)(y + 8 * y_step) = v55;
    *(vec *)(y + 12 * y_step) = v56;
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
  }
}

static void winograd_output_2_3__generic(const cln_transform *a) {
  const int64_t x_step = a->x_step;
  for (size_t p = 0; p < a->count; p += 4) {
    const vec bias = VEC_SET1(a->bias);
    const float *x = a->x + p;
    vec v0 = (*(const vec *)(x + 0 * 4 * x_step));
    vec v1 = (*(const vec *)(x + 1 * 4 * x_step));
    vec v2 = (*(const vec *)(x + 2 * 4 * x_step));
    vec v3 = (*(const vec *)(x + 3 * 4 * x_step));
    vec v4 = v1 + v2;
    const vec k0 = VEC_SET1(-1.0f);
    vec v6 = k0 * v2 + v1;
    vec v7 = v0 + v4;
    vec v8 = v3 + v6;
    x += x_step;
    __asm__ volatile("" : "+r"(x));
    vec v11 = (*(const vec *)(x + 0 * 4 * x_step));
    vec v12 = (*(const vec *)(x + 1 * 4 * x_step));
    vec v13 = (*(const vec *)(x + 2 * 4 * x_step));
    vec v14 = (*(const vec *)(x + 3 * 4 * x_step));
    vec v15 = v12 + v13;
    vec v16 = k0 * v13 + v12;
    vec v17 = v11 + v15;
    vec v18 = v14 + v16;
    x += x_step;
    __asm__ volatile("" : "+r"(x));
    vec v21 = (*(const vec *)(x + 0 * 4 * x_step));
    vec v22 = (*(const vec *)(x + 1 * 4 * x_step));
    vec v23 = (*(const vec *)(x + 2 * 4 * x_step));
    vec v24 = (*(const vec *)(x + 3 * 4 * x_step));
    vec v25 = v22 + v23;
    vec v26 = k0 * v23 + v22;
    vec v27 = v21 + v25;
    vec v28 = v24 + v26;
    x += x_step;
    __asm__ volatile("" : "+r"(x));
    vec v31 = (*(const vec *)(x + 0 * 4 * x_step));
    vec v32 = (*(const vec *)(x + 1 * 4 * x_step));
    vec v33 = (*(const vec *)(x + 2 * 4 * x_step));
    vec v34 = (*(const vec *)(x + 3 * 4 * x_step));
    vec v35 = v32 + v33;
    vec v36 = k0 * v33 + v32;
    vec v37 = v31 + v35;
    vec v38 = v34 + v36;
    x += x_step;
    __asm__ volatile("" : "+r"(x));
    const int32_t left = (int32_t)(a->width - 2 * (int64_t)p);
    vec v42 = v17 + v27;
    vec v43 = k0 * v27 + v17;
    vec v44 = v7 + v42;
    vec v45 = v37 + v43;
    if (0 < a->lines) {
      float *y = a->y + 2 * p + 0 * a->y_step;
      const float *r = a->r ? a->r + 2 * p + 0 * a->y_step : NULL;
      vec y0_0 = bias + v44;
      vec y0_1 = bias + v45;
      vec y0_0_10 = y0_0;
      vec y0_1_10 = y0_1;
      vec y0_0_10_20 = __builtin_shufflevector(y0_0_10, y0_1_10, 0, 4, 1, 5);
      vec y0_0_10_21 = __builtin_shufflevector(y0_0_10, y0_1_10, 2, 6, 3, 7);
      float rest[8], *to = y;  /* what ends inside a vector goes through the former */
      if (left < 8) {
        if (r) copy_floats(rest, r, left), r = rest;
        to = rest;
      }
      if (r) {
        y0_0_10_20 = y0_0_10_20 + (*(const vec *)(r + 0));
        y0_0_10_21 = y0_0_10_21 + (*(const vec *)(r + 4));
      }
      if (a->lo != -__builtin_inff()) {
        const vec lo = VEC_SET1(a->lo);
        y0_0_10_20 = vec_max(lo, y0_0_10_20);
        y0_0_10_21 = vec_max(lo, y0_0_10_21);
      }
      if (a->hi != __builtin_inff()) {
        const vec hi = VEC_SET1(a->hi);
        y0_0_10_20 = vec_min(hi, y0_0_10_20);
        y0_0_10_21 = vec_min(hi, y0_0_10_21);
      }
      *(vec *)(to + 0) = y0_0_10_20;
      *(vec *)(to + 4) = y0_0_10_21;
      if (to == rest) copy_floats(y, rest, left);
    }
    vec v78 = v18 + v28;
    vec v79 = k0 * v28 + v18;
    vec v80 = v8 + v78;
    vec v81 = v38 + v79;
    if (1 < a->lines) {
      float *y = a->y + 2 * p + 1 * a->y_step;
      const float *r = a->r ? a->r + 2 * p + 1 * a->y_step : NULL;
      vec y1_0 = bias + v80;
      vec y1_1 = bias + v81;
      vec y1_0_10 = y1_0;
      vec y1_1_10 = y1_1;
      vec y1_0_10_20 = __builtin_shufflevector(y1_0_10, y1_1_10, 0, 4, 1, 5);
      vec y1_0_10_21 = __builtin_shufflevector(y1_0_10, y1_1_10, 2, 6, 3, 7);
      float rest[8], *to = y;  /* what ends inside a vector goes through the former */
      if (left < 8) {
        if (r) copy_floats(rest, r, left), r = rest;
        to = rest;
      }
      if (r) {
        y1_0_10_20 = y1_0_10_20 + (*(const vec *)(r + 0));
        y1_0_10_21 = y1_0_10_21 + (*(const vec *)(r + 4));
      }
      if (a->lo != -__builtin_inff()) {
        const vec lo = VEC_SET1(a->lo);
        y1_0_10_20 = vec_max(lo, y1_0_10_20);
        y1_0_10_21 = vec_max(lo, y1_0_10_21);
      }
      if (a->hi != __builtin_inff()) {
        const vec hi = VEC_SET1(a->hi);
        y1_0_10_20 = vec_min(hi, y1_0_10_20);
        y1_0_10_21 = vec_min(hi, y1_0_10_21);
      }
      *(vec *)(to + 0) = y1_0_10_20;
      *(vec *)(to + 4) = y1_0_10_21;
      if (to == rest) copy_floats(y, rest, left);
    }
  }
}
