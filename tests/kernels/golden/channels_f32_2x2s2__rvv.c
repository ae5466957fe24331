static void channels_f32_2x2s2__rvv(const cln_channel_args *a) {
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m2(a->count - p);
    const char *restrict x = (const char *)a->x;
    const float *restrict w = a->w + p;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    const int64_t step = a->step;
    const int64_t x_line = a->x_line, y_line = a->y_line;
    const size_t rows = a->count;
    const float *r = a->r;
    float *y = a->y;
    vfloat32m2_t c0_0, c1_0, c2_0, c3_0;
    if (a->c) {
      const float *c = a->c + p;
      c0_0 = __riscv_vle32_v_f32m2(c + 0, vl);
      c += step;
      c1_0 = __riscv_vle32_v_f32m2(c + 0, vl);
      c += step;
      c2_0 = __riscv_vle32_v_f32m2(c + 0, vl);
      c += step;
      c3_0 = __riscv_vle32_v_f32m2(c + 0, vl);
      c += step;
    } else if (n) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const vfloat32m2_t w0 = __riscv_vle32_v_f32m2(w + 0, vl);
        w += rows;
        const float x0 = row0[0];
        const float x1 = row0[2];
        const float x2 = row1[0];
        const float x3 = row1[2];
        c0_0 = __riscv_vfmul_vf_f32m2(w0, x0, vl);
        c1_0 = __riscv_vfmul_vf_f32m2(w0, x1, vl);
        c2_0 = __riscv_vfmul_vf_f32m2(w0, x2, vl);
        c3_0 = __riscv_vfmul_vf_f32m2(w0, x3, vl);
      }
      ++off, --n;
    } else {
      c0_0 = __riscv_vfmv_v_f_f32m2(0.0f, vl);
      c1_0 = __riscv_vfmv_v_f_f32m2(0.0f, vl);
      c2_0 = __riscv_vfmv_v_f_f32m2(0.0f, vl);
      c3_0 = __riscv_vfmv_v_f_f32m2(0.0f, vl);
    }
    for (; n >= 4; n -= 4, off += 4) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const vfloat32m2_t w0 = __riscv_vle32_v_f32m2(w + 0, vl);
        w += rows;
        const float x0 = row0[0];
        const float x1 = row0[2];
        const float x2 = row1[0];
        const float x3 = row1[2];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, x0, w0, vl);
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, x1, w0, vl);
        c2_0 = __riscv_vfmacc_vf_f32m2(c2_0, x2, w0, vl);
        c3_0 = __riscv_vfmacc_vf_f32m2(c3_0, x3, w0, vl);
      }
      {
        const float *row0 = (const float *)(x + off[1]);
        const float *row1 = row0 + x_line;
        const vfloat32m2_t w0 = __riscv_vle32_v_f32m2(w + 0, vl);
        w += rows;
        const float x0 = row0[0];
        const float x1 = row0[2];
        const float x2 = row1[0];
        const float x3 = row1[2];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, x0, w0, vl);
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, x1, w0, vl);
        c2_0 = __riscv_vfmacc_vf_f32m2(c2_0, x2, w0, vl);
        c3_0 = __riscv_vfmacc_vf_f32m2(c3_0, x3, w0, vl);
      }
      {
        const float *row0 = (const float *)(x + off[2]);
        const float *row1 = row0 + x_line;
        const vfloat32m2_t w0 = __riscv_vle32_v_f32m2(w + 0, vl);
        w += rows;
        const float x0 = row0[0];
        const float x1 = row0[2];
        const float x2 = row1[0];
        const float x3 = row1[2];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, x0, w0, vl);
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, x1, w0, vl);
        c2_0 = __riscv_vfmacc_vf_f32m2(c2_0, x2, w0, vl);
        c3_0 = __riscv_vfmacc_vf_f32m2(c3_0, x3, w0, vl);
      }
      {
        const float *row0 = (const float *)(x + off[3]);
        const float *row1 = row0 + x_line;
        const vfloat32m2_t w0 = __riscv_vle32_v_f32m2(w + 0, vl);
        w += rows;
        const float x0 = row0[0];
        const float x1 = row0[2];
        const float x2 = row1[0];
        const float x3 = row1[2];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, x0, w0, vl);
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, x1, w0, vl);
        c2_0 = __riscv_vfmacc_vf_f32m2(c2_0, x2, w0, vl);
        c3_0 = __riscv_vfmacc_vf_f32m2(c3_0, x3, w0, vl);
      }
    }
    for (; n != 0; n -= 1, off += 1) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const vfloat32m2_t w0 = __riscv_vle32_v_f32m2(w + 0, vl);
        w += rows;
        const float x0 = row0[0];
        const float x1 = row0[2];
        const float x2 = row1[0];
        const float x3 = row1[2];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, x0, w0, vl);
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, x1, w0, vl);
        c2_0 = __riscv_vfmacc_vf_f32m2(c2_0, x2, w0, vl);
        c3_0 = __riscv_vfmacc_vf_f32m2(c3_0, x3, w0, vl);
      }
    }
    if (a->sums) {
      float *sums = a->sums + p;
      __riscv_vse32_v_f32m2(sums + 0, c0_0, vl);
      sums += step;
      __riscv_vse32_v_f32m2(sums + 0, c1_0, vl);
      sums += step;
      __riscv_vse32_v_f32m2(sums + 0, c2_0, vl);
      sums += step;
      __riscv_vse32_v_f32m2(sums + 0, c3_0, vl);
      sums += step;
    } else {
      const vfloat32m2_t bias0 = __riscv_vle32_v_f32m2(a->bias + p + 0, vl);
      c0_0 = __riscv_vfadd_vv_f32m2(c0_0, bias0, vl);
      c1_0 = __riscv_vfadd_vv_f32m2(c1_0, bias0, vl);
      c2_0 = __riscv_vfadd_vv_f32m2(c2_0, bias0, vl);
      c3_0 = __riscv_vfadd_vv_f32m2(c3_0, bias0, vl);
      const vuint32m2_t places = __riscv_vle32_v_u32m2(a->places + p, vl);
      if (r) {
        c0_0 = __riscv_vfadd_vv_f32m2(c0_0, __riscv_vluxei32_v_f32m2(r + 0, places, vl), vl);
        c1_0 = __riscv_vfadd_vv_f32m2(c1_0, __riscv_vluxei32_v_f32m2(r + 1, places, vl), vl);
        c2_0 = __riscv_vfadd_vv_f32m2(c2_0, __riscv_vluxei32_v_f32m2(r + y_line + 0, places, vl), vl);
        c3_0 = __riscv_vfadd_vv_f32m2(c3_0, __riscv_vluxei32_v_f32m2(r + y_line + 1, places, vl), vl);
      }
      if (a->lo >= 0.0f) {
        const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
        int32_t least, most;
        __builtin_memcpy(&least, &lo, sizeof least);
        __builtin_memcpy(&most, &hi, sizeof most);
        c0_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(c0_0), least, vl));
        c1_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(c1_0), least, vl));
        c2_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(c2_0), least, vl));
        c3_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(c3_0), least, vl));
        if (hi != __builtin_inff()) {
          const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
          c0_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(c0_0)), nan, vl), bound, vl), nan, vl)));
          c1_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(c1_0)), nan, vl), bound, vl), nan, vl)));
          c2_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(c2_0)), nan, vl), bound, vl), nan, vl)));
          c3_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(c3_0)), nan, vl), bound, vl), nan, vl)));
        }
      }
      __riscv_vsuxei32_v_f32m2(y + 0, places, c0_0, vl);
      __riscv_vsuxei32_v_f32m2(y + 1, places, c1_0, vl);
      __riscv_vsuxei32_v_f32m2(y + y_line + 0, places, c2_0, vl);
      __riscv_vsuxei32_v_f32m2(y + y_line + 1, places, c3_0, vl);
    }
    p += vl;
  }
}
