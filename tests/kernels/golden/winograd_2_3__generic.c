static void winograd_rows_2_3__generic(const cln_transform *a) {
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
      const vec v6 = __builtin_shufflevector(d0, VEC_SET1(x[2 * 4 + 0]), 1, 2, 3, 4);
      const vec v7 = __builtin_shufflevector(d1, VEC_SET1(x[2 * 4 + 1]), 1, 2, 3, 4);
      const vec k0 = VEC_SET1(-1.0f);
      const vec v9 = k0 * d0 + v6;
      const vec v10 = v6 + d1;
      const vec v11 = k0 * d1 + v6;
      const vec v12 = k0 * d1 + v7;
      *(vec *)(y + 0 * y_step) = v9;
      *(vec *)(y + 2 * y_step) = v10;
      *(vec *)(y + 4 * y_step) = v11;
      *(vec *)(y + 6 * y_step) = v12;
    }
  }
}

static void winograd_columns_2_3__generic(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step, down = a->down;
  for (size_t p = 0; p < a->count; p += 4) {
    const float *x = a->x + p;
    float *y = a->y + p;
    const vec v0 = (*(const vec *)(x + 0 * x_step));
    const vec v1 = (*(const vec *)(x + 1 * x_step));
    const vec v2 = (*(const vec *)(x + 0 * x_step + down));
    const vec v3 = (*(const vec *)(x + 1 * x_step + down));
    const vec k0 = VEC_SET1(-1.0f);
    const vec v5 = k0 * v0 + v2;
    const vec v6 = v2 + v1;
    const vec v7 = k0 * v1 + v2;
    const vec v8 = k0 * v1 + v3;
    *(vec *)(y + 0 * y_step) = v5;
    *(vec *)(y + 4 * y_step) = v6;
    *(vec *)(y + 8 * y_step) = v7;
    *(vec *)(y + 12 * y_step) = v8;
    const vec v13 = (*(const vec *)(x + 2 * x_step));
    const vec v14 = (*(const vec *)(x + 3 * x_step));
    const vec v15 = (*(const vec *)(x + 2 * x_step + down));
    const vec v16 = (*(const vec *)(x + 3 * x_step + down));
    const vec v17 = k0 * v13 + v15;
    const vec v18 = v15 + v14;
    const vec v19 = k0 * v14 + v15;
    const vec v20 = k0 * v14 + v16;
    *(vec *)(y + 1 * y_step) = v17;
    *(vec *)(y + 5 * y_step) = v18;
    *(vec *)(y + 9 * y_step) = v19;
    *(vec *)(y + 13 * y_step) = v20;
    const vec v25 = (*(const vec *)(x + 4 * x_step));
    const vec v26 = (*(const vec *)(x + 5 * x_step));
    const vec v27 = (*(const vec *)(x + 4 * x_step + down));
    const vec v28 = (*(const vec *)(x + 5 * x_step + down));
    const vec v29 = k0 * v25 + v27;
    const vec v30 = v27 + v26;
    const vec v31 = k0 * v26 + v27;
    const vec v32 = k0 * v26 + v28;
    *(vec *)(y + 2 * y_step) = v29;
    *(vec *)(y + 6 * y_step) = v30;
    *(vec *)(y + 10 * y_step) = v31;
    *(vec *)(y + 14 * y_step) = v32;
    const vec v37 = (*(const vec *)(x + 6 * x_step));
    const vec v38 = (*(const vec *)(x + 7 * x_step));
    const vec v39 = (*(const vec *)(x + 6 * x_step + down));
    const vec v40 = (*(const vec *)(x + 7 * x_step + down));
    const vec v41 = k0 * v37 + v39;
    const vec v42 = v39 + v38;
    const vec v43 = k0 * v38 + v39;
    const vec v44 = k0 * v38 + v40;
    *(vec *)(y + 3 * y_step) = v41;
    *(vec *)(y + 7 * y_step) = v42;
    *(vec *)(y + 11 * y_step) = v43;
    *(vec *)(y + 15 * y_step) = v44;
  }
}

static void winograd_output_2_3__generic(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step;
  for (size_t p = 0; p < a->count; p += 4) {
    const vec bias = VEC_SET1(a->bias);
    const float *x = a->x + p;
    float *y = a->y + 2 * p;
    const vec v0 = (*(const vec *)(x + 0 * x_step));
    const vec v1 = (*(const vec *)(x + 4 * x_step));
    const vec v2 = (*(const vec *)(x + 8 * x_step));
    const vec v3 = (*(const vec *)(x + 12 * x_step));
    const vec v4 = v1 + v2;
    const vec k0 = VEC_SET1(-1.0f);
    const vec v6 = k0 * v2 + v1;
    const vec v7 = v0 + v4;
    const vec v8 = v3 + v6;
    const vec v9 = (*(const vec *)(x + 1 * x_step));
    const vec v10 = (*(const vec *)(x + 5 * x_step));
    const vec v11 = (*(const vec *)(x + 9 * x_step));
    const vec v12 = (*(const vec *)(x + 13 * x_step));
    const vec v13 = v10 + v11;
    const vec v14 = k0 * v11 + v10;
    const vec v15 = v9 + v13;
    const vec v16 = v12 + v14;
    const vec v17 = (*(const vec *)(x + 2 * x_step));
    const vec v18 = (*(const vec *)(x + 6 * x_step));
    const vec v19 = (*(const vec *)(x + 10 * x_step));
    const vec v20 = (*(const vec *)(x + 14 * x_step));
    const vec v21 = v18 + v19;
    const vec v22 = k0 * v19 + v18;
    const vec v23 = v17 + v21;
    const vec v24 = v20 + v22;
    const vec v25 = (*(const vec *)(x + 3 * x_step));
    const vec v26 = (*(const vec *)(x + 7 * x_step));
    const vec v27 = (*(const vec *)(x + 11 * x_step));
    const vec v28 = (*(const vec *)(x + 15 * x_step));
    const vec v29 = v26 + v27;
    const vec v30 = k0 * v27 + v26;
    const vec v31 = v25 + v29;
    const vec v32 = v28 + v30;
    const vec v33 = v15 + v23;
    const vec v34 = k0 * v23 + v15;
    const vec v35 = v7 + v33;
    const vec v36 = v31 + v34;
    vec y0_0 = bias + v35;
    vec y0_1 = bias + v36;
    {
      if (a->lo != -__builtin_inff()) {
        const vec lo = VEC_SET1(a->lo);
        y0_0 = vec_max(lo, y0_0);
        y0_1 = vec_max(lo, y0_1);
      }
      if (a->hi != __builtin_inff()) {
        const vec hi = VEC_SET1(a->hi);
        y0_0 = vec_min(hi, y0_0);
        y0_1 = vec_min(hi, y0_1);
      }
    }
    const vec y0_0_10 = y0_0;
    const vec y0_1_10 = y0_1;
    const vec y0_0_10_20 = __builtin_shufflevector(y0_0_10, y0_1_10, 0, 4, 1, 5);
    const vec y0_0_10_21 = __builtin_shufflevector(y0_0_10, y0_1_10, 2, 6, 3, 7);
    *(vec *)(y + 0 * y_step + 0) = y0_0_10_20;
    *(vec *)(y + 0 * y_step + 4) = y0_0_10_21;
    const vec v57 = v16 + v24;
    const vec v58 = k0 * v24 + v16;
    const vec v59 = v8 + v57;
    const vec v60 = v32 + v58;
    vec y1_0 = bias + v59;
    vec y1_1 = bias + v60;
    {
      if (a->lo != -__builtin_inff()) {
        const vec lo = VEC_SET1(a->lo);
        y1_0 = vec_max(lo, y1_0);
        y1_1 = vec_max(lo, y1_1);
      }
      if (a->hi != __builtin_inff()) {
        const vec hi = VEC_SET1(a->hi);
        y1_0 = vec_min(hi, y1_0);
        y1_1 = vec_min(hi, y1_1);
      }
    }
    const vec y1_0_10 = y1_0;
    const vec y1_1_10 = y1_1;
    const vec y1_0_10_20 = __builtin_shufflevector(y1_0_10, y1_1_10, 0, 4, 1, 5);
    const vec y1_0_10_21 = __builtin_shufflevector(y1_0_10, y1_1_10, 2, 6, 3, 7);
    *(vec *)(y + 1 * y_step + 0) = y1_0_10_20;
    *(vec *)(y + 1 * y_step + 4) = y1_0_10_21;
  }
}
