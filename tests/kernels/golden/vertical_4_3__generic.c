static void vertical_in_4_3__generic(const cln_vertical_in *a) {
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
    for (size_t p = 0; p < a->count; p += 4) {
      vec v0 = (*(const vec *)(line0 + p));
      vec v1 = (*(const vec *)(line1 + p));
      vec v2 = (*(const vec *)(line2 + p));
      vec v3 = (*(const vec *)(line3 + p));
      vec v4 = (*(const vec *)(line4 + p));
      vec v5 = (*(const vec *)(line5 + p));
      const vec k0 = VEC_SET1(0.87890625f);
      vec v7 = k0 * v0 + v4;
      const vec k1 = VEC_SET1(-2.640625f);
      vec v9 = k1 * v2 + v7;
      const vec k2 = VEC_SET1(-2.25f);
      vec v11 = k2 * v2 + v4;
      vec v12 = k2 * v1 + v3;
      const vec k3 = VEC_SET1(0.625f);
      vec v14 = k3 * v12 + v11;
      const vec k4 = VEC_SET1(-0.625f);
      vec v16 = k4 * v12 + v11;
      const vec k5 = VEC_SET1(-0.390625f);
      vec v18 = k5 * v2 + v4;
      vec v19 = k5 * v1 + v3;
      const vec k6 = VEC_SET1(1.5f);
      vec v21 = k6 * v19 + v18;
      const vec k7 = VEC_SET1(-1.5f);
      vec v23 = k7 * v19 + v18;
      vec v24 = k0 * v1 + v5;
      vec v25 = k1 * v3 + v24;
      *(vec *)(y + 0 * y_step + p) = v9;
      *(vec *)(y + 1 * y_step + p) = v14;
      *(vec *)(y + 2 * y_step + p) = v16;
      *(vec *)(y + 3 * y_step + p) = v21;
      *(vec *)(y + 4 * y_step + p) = v23;
      *(vec *)(y + 5 * y_step + p) = v25;
    }
    for (int k = 0; k < 6; ++k) zero_floats(y + k * y_step + a->count, a->gap);
  }
}

static void vertical_out_4_3__generic(const cln_vertical_out *a) {
  const float *x = a->x;
  for (int64_t line = 0; line < a->lines; line += 4, x += a->x_pitch) {
    for (size_t p = 0; p < a->count; p += 4) {
      const vec bias = VEC_SET1(a->bias);
      vec v0 = (*(const vec *)(x + p + 0 * a->x_step));
      vec v1 = (*(const vec *)(x + p + 1 * a->x_step));
      vec v2 = (*(const vec *)(x + p + 2 * a->x_step));
      vec v3 = (*(const vec *)(x + p + 3 * a->x_step));
      vec v4 = (*(const vec *)(x + p + 4 * a->x_step));
      vec v5 = (*(const vec *)(x + p + 5 * a->x_step));
      vec v6 = v1 + v2;
      vec v7 = v3 + v4;
      const vec k0 = VEC_SET1(-1.0f);
      vec v9 = k0 * v2 + v1;
      vec v10 = k0 * v4 + v3;
      vec v11 = v0 + v6;
      vec v12 = v11 + v7;
      const vec k1 = VEC_SET1(0.625f);
      vec v14 = k1 * v9;
      const vec k2 = VEC_SET1(1.5f);
      vec v16 = k2 * v10 + v14;
      const vec k3 = VEC_SET1(0.390625f);
      vec v18 = k3 * v6;
      const vec k4 = VEC_SET1(2.25f);
      vec v20 = k4 * v7 + v18;
      const vec k5 = VEC_SET1(0.244140625f);
      vec v22 = k5 * v9 + v5;
      const vec k6 = VEC_SET1(3.375f);
      vec v24 = k6 * v10 + v22;
      const int32_t left = (int32_t)(int64_t)(a->count - p);
      if (line + 0 < a->lines) {
        float *y = a->y + (line + 0) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 0) * a->y_pitch + p : NULL;
        vec y0 = bias + v12;
        vec y0_10 = y0;
        float rest[4], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 4) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y0_10 = y0_10 + (*(const vec *)(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const vec lo = VEC_SET1(a->lo);
          y0_10 = vec_max(lo, y0_10);
        }
        if (a->hi != __builtin_inff()) {
          const vec hi = VEC_SET1(a->hi);
          y0_10 = vec_min(hi, y0_10);
        }
        *(vec *)(to + 0) = y0_10;
        if (to == rest) copy_floats(y, rest, left);
      }
      if (line + 1 < a->lines) {
        float *y = a->y + (line + 1) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 1) * a->y_pitch + p : NULL;
        vec y1 = bias + v16;
        vec y1_10 = y1;
        float rest[4], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 4) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y1_10 = y1_10 + (*(const vec *)(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const vec lo = VEC_SET1(a->lo);
          y1_10 = vec_max(lo, y1_10);
        }
        if (a->hi != __builtin_inff()) {
          const vec hi = VEC_SET1(a->hi);
          y1_10 = vec_min(hi, y1_10);
        }
        *(vec *)(to + 0) = y1_10;
        if (to == rest) copy_floats(y, rest, left);
      }
      if (line + 2 < a->lines) {
        float *y = a->y + (line + 2) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 2) * a->y_pitch + p : NULL;
        vec y2 = bias + v20;
        vec y2_10 = y2;
        float rest[4], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 4) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y2_10 = y2_10 + (*(const vec *)(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const vec lo = VEC_SET1(a->lo);
          y2_10 = vec_max(lo, y2_10);
        }
        if (a->hi != __builtin_inff()) {
          const vec hi = VEC_SET1(a->hi);
          y2_10 = vec_min(hi, y2_10);
        }
        *(vec *)(to + 0) = y2_10;
        if (to == rest) copy_floats(y, rest, left);
      }
      if (line + 3 < a->lines) {
        float *y = a->y + (line + 3) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 3) * a->y_pitch + p : NULL;
        vec y3 = bias + v24;
        vec y3_10 = y3;
        float rest[4], *to = y;  /* what ends inside a vector goes through the former */
        if (left < 4) {
          if (r) copy_floats(rest, r, left), r = rest;
          to = rest;
        }
        if (r) {
          y3_10 = y3_10 + (*(const vec *)(r + 0));
        }
        if (a->lo != -__builtin_inff()) {
          const vec lo = VEC_SET1(a->lo);
          y3_10 = vec_max(lo, y3_10);
        }
        if (a->hi != __builtin_inff()) {
          const vec hi = VEC_SET1(a->hi);
          y3_10 = vec_min(hi, y3_10);
        }
        *(vec *)(to + 0) = y3_10;
        if (to == rest) copy_floats(y, rest, left);
      }
    }
  }
}
