static void channels_f32_2x2s2__generic(const cln_channel_args *a) {
  {
    const char *restrict x = (const char *)a->x;
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    const int64_t step = a->step;
    const int64_t x_line = a->x_line, y_line = a->y_line;
    const size_t rows = a->count;
    const float *r = a->r;
    float *y = a->y;
    vec c0_0, c0_1, c1_0, c1_1, c2_0, c2_1, c3_0, c3_1;
    if (a->c) {
      const float *c = a->c;
      c0_0 = (*(const vec *)(c + 0));
      c0_1 = (*(const vec *)(c + 4));
      c += step;
      c1_0 = (*(const vec *)(c + 0));
      c1_1 = (*(const vec *)(c + 4));
      c += step;
      c2_0 = (*(const vec *)(c + 0));
      c2_1 = (*(const vec *)(c + 4));
      c += step;
      c3_0 = (*(const vec *)(c + 0));
      c3_1 = (*(const vec *)(c + 4));
      c += step;
    } else if (n) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const vec w0 = (*(const vec *)(w + 0));
        const vec w1 = (*(const vec *)(w + 4));
        w += rows;
        const vec x0 = VEC_SET1(row0[0]);
        c0_0 = x0 * w0;
        c0_1 = x0 * w1;
        const vec x1 = VEC_SET1(row0[2]);
        c1_0 = x1 * w0;
        c1_1 = x1 * w1;
        const vec x2 = VEC_SET1(row1[0]);
        c2_0 = x2 * w0;
        c2_1 = x2 * w1;
        const vec x3 = VEC_SET1(row1[2]);
        c3_0 = x3 * w0;
        c3_1 = x3 * w1;
      }
      ++off, --n;
    } else {
      c0_0 = VEC_SET1(0.0f);
      c0_1 = VEC_SET1(0.0f);
      c1_0 = VEC_SET1(0.0f);
      c1_1 = VEC_SET1(0.0f);
      c2_0 = VEC_SET1(0.0f);
      c2_1 = VEC_SET1(0.0f);
      c3_0 = VEC_SET1(0.0f);
      c3_1 = VEC_SET1(0.0f);
    }
    for (; n >= 2; n -= 2, off += 2) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const vec w0 = (*(const vec *)(w + 0));
        const vec w1 = (*(const vec *)(w + 4));
        w += rows;
        const vec x0 = VEC_SET1(row0[0]);
        c0_0 = x0 * w0 + c0_0;
        c0_1 = x0 * w1 + c0_1;
        const vec x1 = VEC_SET1(row0[2]);
        c1_0 = x1 * w0 + c1_0;
        c1_1 = x1 * w1 + c1_1;
        const vec x2 = VEC_SET1(row1[0]);
        c2_0 = x2 * w0 + c2_0;
        c2_1 = x2 * w1 + c2_1;
        const vec x3 = VEC_SET1(row1[2]);
        c3_0 = x3 * w0 + c3_0;
        c3_1 = x3 * w1 + c3_1;
      }
      {
        const float *row0 = (const float *)(x + off[1]);
        const float *row1 = row0 + x_line;
        const vec w0 = (*(const vec *)(w + 0));
        const vec w1 = (*(const vec *)(w + 4));
        w += rows;
        const vec x0 = VEC_SET1(row0[0]);
        c0_0 = x0 * w0 + c0_0;
        c0_1 = x0 * w1 + c0_1;
        const vec x1 = VEC_SET1(row0[2]);
        c1_0 = x1 * w0 + c1_0;
        c1_1 = x1 * w1 + c1_1;
        const vec x2 = VEC_SET1(row1[0]);
        c2_0 = x2 * w0 + c2_0;
        c2_1 = x2 * w1 + c2_1;
        const vec x3 = VEC_SET1(row1[2]);
        c3_0 = x3 * w0 + c3_0;
        c3_1 = x3 * w1 + c3_1;
      }
    }
    for (; n != 0; n -= 1, off += 1) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const vec w0 = (*(const vec *)(w + 0));
        const vec w1 = (*(const vec *)(w + 4));
        w += rows;
        const vec x0 = VEC_SET1(row0[0]);
        c0_0 = x0 * w0 + c0_0;
        c0_1 = x0 * w1 + c0_1;
        const vec x1 = VEC_SET1(row0[2]);
        c1_0 = x1 * w0 + c1_0;
        c1_1 = x1 * w1 + c1_1;
        const vec x2 = VEC_SET1(row1[0]);
        c2_0 = x2 * w0 + c2_0;
        c2_1 = x2 * w1 + c2_1;
        const vec x3 = VEC_SET1(row1[2]);
        c3_0 = x3 * w0 + c3_0;
        c3_1 = x3 * w1 + c3_1;
      }
    }
    if (a->sums) {
      float *sums = a->sums;
      *(vec *)(sums + 0) = c0_0;
      *(vec *)(sums + 4) = c0_1;
      sums += step;
      *(vec *)(sums + 0) = c1_0;
      *(vec *)(sums + 4) = c1_1;
      sums += step;
      *(vec *)(sums + 0) = c2_0;
      *(vec *)(sums + 4) = c2_1;
      sums += step;
      *(vec *)(sums + 0) = c3_0;
      *(vec *)(sums + 4) = c3_1;
      sums += step;
    } else {
      const vec bias0 = (*(const vec *)(a->bias + 0));
      const vec bias1 = (*(const vec *)(a->bias + 4));
      c0_0 = c0_0 + bias0;
      c0_1 = c0_1 + bias1;
      c1_0 = c1_0 + bias0;
      c1_1 = c1_1 + bias1;
      c2_0 = c2_0 + bias0;
      c2_1 = c2_1 + bias1;
      c3_0 = c3_0 + bias0;
      c3_1 = c3_1 + bias1;
      const uint32_t *places = a->places;
      if (r) {
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + 0, places + 0, count_within(a->count, 0, 4));
          c0_0 = c0_0 + (*(const vec *)(lanes));
        }
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + 0, places + 4, count_within(a->count, 4, 4));
          c0_1 = c0_1 + (*(const vec *)(lanes));
        }
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + 1, places + 0, count_within(a->count, 0, 4));
          c1_0 = c1_0 + (*(const vec *)(lanes));
        }
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + 1, places + 4, count_within(a->count, 4, 4));
          c1_1 = c1_1 + (*(const vec *)(lanes));
        }
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + y_line + 0, places + 0, count_within(a->count, 0, 4));
          c2_0 = c2_0 + (*(const vec *)(lanes));
        }
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + y_line + 0, places + 4, count_within(a->count, 4, 4));
          c2_1 = c2_1 + (*(const vec *)(lanes));
        }
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + y_line + 1, places + 0, count_within(a->count, 0, 4));
          c3_0 = c3_0 + (*(const vec *)(lanes));
        }
        {
          float lanes[4] = {0};
          gather_floats(lanes, r + y_line + 1, places + 4, count_within(a->count, 4, 4));
          c3_1 = c3_1 + (*(const vec *)(lanes));
        }
      }
      if (a->lo != -__builtin_inff()) {
        const vec lo = VEC_SET1(a->lo);
        c0_0 = vec_max(lo, c0_0);
        c0_1 = vec_max(lo, c0_1);
        c1_0 = vec_max(lo, c1_0);
        c1_1 = vec_max(lo, c1_1);
        c2_0 = vec_max(lo, c2_0);
        c2_1 = vec_max(lo, c2_1);
        c3_0 = vec_max(lo, c3_0);
        c3_1 = vec_max(lo, c3_1);
      }
      if (a->hi != __builtin_inff()) {
        const vec hi = VEC_SET1(a->hi);
        c0_0 = vec_min(hi, c0_0);
        c0_1 = vec_min(hi, c0_1);
        c1_0 = vec_min(hi, c1_0);
        c1_1 = vec_min(hi, c1_1);
        c2_0 = vec_min(hi, c2_0);
        c2_1 = vec_min(hi, c2_1);
        c3_0 = vec_min(hi, c3_0);
        c3_1 = vec_min(hi, c3_1);
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c0_0;
        scatter_floats(y + 0, places + 0, lanes, count_within(a->count, 0, 4));
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c0_1;
        scatter_floats(y + 0, places + 4, lanes, count_within(a->count, 4, 4));
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c1_0;
        scatter_floats(y + 1, places + 0, lanes, count_within(a->count, 0, 4));
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c1_1;
        scatter_floats(y + 1, places + 4, lanes, count_within(a->count, 4, 4));
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c2_0;
        scatter_floats(y + y_line + 0, places + 0, lanes, count_within(a->count, 0, 4));
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c2_1;
        scatter_floats(y + y_line + 0, places + 4, lanes, count_within(a->count, 4, 4));
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c3_0;
        scatter_floats(y + y_line + 1, places + 0, lanes, count_within(a->count, 0, 4));
      }
      {
        float lanes[4];
        *(vec *)(lanes) = c3_1;
        scatter_floats(y + y_line + 1, places + 4, lanes, count_within(a->count, 4, 4));
      }
    }
  }
}
