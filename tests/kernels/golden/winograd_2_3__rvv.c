static void winograd_lines_2_3__rvv(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step, down = a->down;
  for (int64_t line = 0; line < a->lines; ++line) {
    const float *from = a->x + line * x_step;
    float *to = a->y + line % 2 * y_step + line / 2 * down;
    for (size_t p = 0; p < a->count;) {
      const size_t vl = __riscv_vsetvl_e32m1(a->count - p);
      const float *x = from + 2 * p;
      float *y = to + p;
      const vfloat32m1x2_t d0_all = __riscv_vlseg2e32_v_f32m1x2(x, vl);
      const vfloat32m1_t d0 = __riscv_vget_v_f32m1x2_f32m1(d0_all, 0);
      const vfloat32m1_t d1 = __riscv_vget_v_f32m1x2_f32m1(d0_all, 1);
      vfloat32m1_t v3 = __riscv_vfslide1down_vf_f32m1(d0, x[2 * vl + 0], vl);
      vfloat32m1_t v4 = __riscv_vfslide1down_vf_f32m1(d1, x[2 * vl + 1], vl);
      const float k0 = -1.0f;
      vfloat32m1_t v6 = __riscv_vfmacc_vf_f32m1(v3, k0, d0, vl);
      vfloat32m1_t v7 = __riscv_vfadd_vv_f32m1(v3, d1, vl);
      vfloat32m1_t v8 = __riscv_vfmacc_vf_f32m1(v3, k0, d1, vl);
      vfloat32m1_t v9 = __riscv_vfmacc_vf_f32m1(v4, k0, d1, vl);
      __riscv_vse32_v_f32m1(y + 0 * y_step, v6, vl);
      __riscv_vse32_v_f32m1(y + 2 * y_step, v7, vl);
      __riscv_vse32_v_f32m1(y + 4 * y_step, v8, vl);
      __riscv_vse32_v_f32m1(y + 6 * y_step, v9, vl);
      p += vl;
    }
  }
}

static void winograd_columns_2_3__rvv(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step;
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m1(a->count - p);
    const float *x = a->x + p, *below = x + a->down;
    float *y = a->y + p;
    vfloat32m1_t v0 = __riscv_vle32_v_f32m1(x + 0 * x_step, vl);
    vfloat32m1_t v1 = __riscv_vle32_v_f32m1(x + 1 * x_step, vl);
    vfloat32m1_t v2 = __riscv_vle32_v_f32m1(below + 0 * x_step, vl);
    vfloat32m1_t v3 = __riscv_vle32_v_f32m1(below + 1 * x_step, vl);
    const float k0 = -1.0f;
    vfloat32m1_t v5 = __riscv_vfmacc_vf_f32m1(v2, k0, v0, vl);
    vfloat32m1_t v6 = __riscv_vfadd_vv_f32m1(v2, v1, vl);
    vfloat32m1_t v7 = __riscv_vfmacc_vf_f32m1(v2, k0, v1, vl);
    vfloat32m1_t v8 = __riscv_vfmacc_vf_f32m1(v3, k0, v1, vl);
    __riscv_vse32_v_f32m1(y + 0 * y_step, v5, vl);
    __riscv_vse32_v_f32m1(y + 4 * y_step, v6, vl);
    __riscv_vse32_v_f32m1(y + 8 * y_step, v7, vl);
    __riscv_vse32_v_f32m1(y + 12 * y_step, v8, vl);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    vfloat32m1_t v17 = __riscv_vle32_v_f32m1(x + 0 * x_step, vl);
    vfloat32m1_t v18 = __riscv_vle32_v_f32m1(x + 1 * x_step, vl);
    vfloat32m1_t v19 = __riscv_vle32_v_f32m1(below + 0 * x_step, vl);
    vfloat32m1_t v20 = __riscv_vle32_v_f32m1(below + 1 * x_step, vl);
    vfloat32m1_t v21 = __riscv_vfmacc_vf_f32m1(v19, k0, v17, vl);
    vfloat32m1_t v22 = __riscv_vfadd_vv_f32m1(v19, v18, vl);
    vfloat32m1_t v23 = __riscv_vfmacc_vf_f32m1(v19, k0, v18, vl);
    vfloat32m1_t v24 = __riscv_vfmacc_vf_f32m1(v20, k0, v18, vl);
    __riscv_vse32_v_f32m1(y + 0 * y_step, v21, vl);
    __riscv_vse32_v_f32m1(y + 4 * y_step, v22, vl);
    __riscv_vse32_v_f32m1(y + 8 * y_step, v23, vl);
    __riscv_vse32_v_f32m1(y + 12 * y_step, v24, vl);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    vfloat32m1_t v33 = __riscv_vle32_v_f32m1(x + 0 * x_step, vl);
    vfloat32m1_t v34 = __riscv_vle32_v_f32m1(x + 1 * x_step, vl);
    vfloat32m1_t v35 = __riscv_vle32_v_f32m1(below + 0 * x_step, vl);
    vfloat32m1_t v36 = __riscv_vle32_v_f32m1(below + 1 * x_step, vl);
    vfloat32m1_t v37 = __riscv_vfmacc_vf_f32m1(v35, k0, v33, vl);
    vfloat32m1_t v38 = __riscv_vfadd_vv_f32m1(v35, v34, vl);
    vfloat32m1_t v39 = __riscv_vfmacc_vf_f32m1(v35, k0, v34, vl);
    vfloat32m1_t v40 = __riscv_vfmacc_vf_f32m1(v36, k0, v34, vl);
    __riscv_vse32_v_f32m1(y + 0 * y_step, v37, vl);
    __riscv_vse32_v_f32m1(y + 4 * y_step, v38, vl);
    __riscv_vse32_v_f32m1(y + 8 * y_step, v39, vl);
    __riscv_vse32_v_f32m1(y + 12 * y_step, v40, vl);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    vfloat32m1_t v49 = __riscv_vle32_v_f32m1(x + 0 * x_step, vl);
    vfloat32m1_t v50 = __riscv_vle32_v_f32m1(x + 1 * x_step, vl);
    vfloat32m1_t v51 = __riscv_vle32_v_f32m1(below + 0 * x_step, vl);
    vfloat32m1_t v52 = __riscv_vle32_v_f32m1(below + 1 * x_step, vl);
    vfloat32m1_t v53 = __riscv_vfmacc_vf_f32m1(v51, k0, v49, vl);
    vfloat32m1_t v54 = __riscv_vfadd_vv_f32m1(v51, v50, vl);
    vfloat32m1_t v55 = __riscv_vfmacc_vf_f32m1(v51, k0, v50, vl);
    vfloat32m1_t v56 = __riscv_vfmacc_vf_f32m1(v52, k0, v50, vl);
    __riscv_vse32_v_f32m1(y + 0 * y_step, v53, vl);
    __riscv_vse32_v_f32m1(y + 4 * y_step, v54, vl);
    __riscv_vse32_v_f32m1(y + 8 * y_step, v55, vl);
    __riscv_vse32_v_f32m1(y + 12 * y_step, v56, vl);
    x += 2 * x_step;
    below += 2 * x_step;
    y += y_step;
    __asm__ volatile("" : "+r"(x), "+r"(below), "+r"(y));
    p += vl;
  }
}

static void winograd_output_2_3__rvv(const cln_transform *a) {
  const int64_t x_step = a->x_step;
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m1(a->count - p);
    const float bias = a->bias;
    const float *x = a->x + p;
    vfloat32m1_t v0 = __riscv_vle32_v_f32m1(x + 0 * 4 * x_step, vl);
    vfloat32m1_t v1 = __riscv_vle32_v_f32m1(x + 1 * 4 * x_step, vl);
    vfloat32m1_t v2 = __riscv_vle32_v_f32m1(x + 2 * 4 * x_step, vl);
    vfloat32m1_t v3 = __riscv_vle32_v_f32m1(x + 3 * 4 * x_step, vl);
    vfloat32m1_t v4 = __riscv_vfadd_vv_f32m1(v1, v2, vl);
    const float k0 = -1.0f;
    vfloat32m1_t v6 = __riscv_vfmacc_vf_f32m1(v1, k0, v2, vl);
    vfloat32m1_t v7 = __riscv_vfadd_vv_f32m1(v0, v4, vl);
    vfloat32m1_t v8 = __riscv_vfadd_vv_f32m1(v3, v6, vl);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+vr"(v7), "+vr"(v8));
    vfloat32m1_t v11 = __riscv_vle32_v_f32m1(x + 0 * 4 * x_step, vl);
    vfloat32m1_t v12 = __riscv_vle32_v_f32m1(x + 1 * 4 * x_step, vl);
    vfloat32m1_t v13 = __riscv_vle32_v_f32m1(x + 2 * 4 * x_step, vl);
    vfloat32m1_t v14 = __riscv_vle32_v_f32m1(x + 3 * 4 * x_step, vl);
    vfloat32m1_t v15 = __riscv_vfadd_vv_f32m1(v12, v13, vl);
    vfloat32m1_t v16 = __riscv_vfmacc_vf_f32m1(v12, k0, v13, vl);
    vfloat32m1_t v17 = __riscv_vfadd_vv_f32m1(v11, v15, vl);
    vfloat32m1_t v18 = __riscv_vfadd_vv_f32m1(v14, v16, vl);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+vr"(v17), "+vr"(v18));
    vfloat32m1_t v21 = __riscv_vle32_v_f32m1(x + 0 * 4 * x_step, vl);
    vfloat32m1_t v22 = __riscv_vle32_v_f32m1(x + 1 * 4 * x_step, vl);
    vfloat32m1_t v23 = __riscv_vle32_v_f32m1(x + 2 * 4 * x_step, vl);
    vfloat32m1_t v24 = __riscv_vle32_v_f32m1(x + 3 * 4 * x_step, vl);
    vfloat32m1_t v25 = __riscv_vfadd_vv_f32m1(v22, v23, vl);
    vfloat32m1_t v26 = __riscv_vfmacc_vf_f32m1(v22, k0, v23, vl);
    vfloat32m1_t v27 = __riscv_vfadd_vv_f32m1(v21, v25, vl);
    vfloat32m1_t v28 = __riscv_vfadd_vv_f32m1(v24, v26, vl);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+vr"(v27), "+vr"(v28));
    vfloat32m1_t v31 = __riscv_vle32_v_f32m1(x + 0 * 4 * x_step, vl);
    vfloat32m1_t v32 = __riscv_vle32_v_f32m1(x + 1 * 4 * x_step, vl);
    vfloat32m1_t v33 = __riscv_vle32_v_f32m1(x + 2 * 4 * x_step, vl);
    vfloat32m1_t v34 = __riscv_vle32_v_f32m1(x + 3 * 4 * x_step, vl);
    vfloat32m1_t v35 = __riscv_vfadd_vv_f32m1(v32, v33, vl);
    vfloat32m1_t v36 = __riscv_vfmacc_vf_f32m1(v32, k0, v33, vl);
    vfloat32m1_t v37 = __riscv_vfadd_vv_f32m1(v31, v35, vl);
    vfloat32m1_t v38 = __riscv_vfadd_vv_f32m1(v34, v36, vl);
    x += x_step;
    __asm__ volatile("" : "+r"(x), "+vr"(v37), "+vr"(v38));
    const int64_t left = (a->width - 2 * (int64_t)p);
    const size_t n0 = left > 0 ? (size_t)(left + 1) / 2 : 0;
    const size_t vl0 = n0 < vl ? n0 : vl;
    const size_t n1 = left > 1 ? (size_t)(left + 0) / 2 : 0;
    const size_t vl1 = n1 < vl ? n1 : vl;
    vfloat32m1_t v46 = __riscv_vfadd_vv_f32m1(v17, v27, vl);
    vfloat32m1_t v47 = __riscv_vfmacc_vf_f32m1(v17, k0, v27, vl);
    vfloat32m1_t v48 = __riscv_vfadd_vv_f32m1(v7, v46, vl);
    vfloat32m1_t v49 = __riscv_vfadd_vv_f32m1(v37, v47, vl);
    if (0 < a->lines) {
      float *y = a->y + 2 * p + 0 * a->y_step;
      const float *r = a->r ? a->r + 2 * p + 0 * a->y_step : NULL;
      vfloat32m1_t y0_0 = __riscv_vfadd_vf_f32m1(v48, bias, vl);
      vfloat32m1_t y0_1 = __riscv_vfadd_vf_f32m1(v49, bias, vl);
      if (r) {
        y0_0 = __riscv_vfadd_vv_f32m1(y0_0, __riscv_vlse32_v_f32m1(r + 0, 2 * sizeof(float), vl0), vl0);
        y0_1 = __riscv_vfadd_vv_f32m1(y0_1, __riscv_vlse32_v_f32m1(r + 1, 2 * sizeof(float), vl1), vl1);
      }
      if (a->lo >= 0.0f) {
        const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
        int32_t least, most;
        __builtin_memcpy(&least, &lo, sizeof least);
        __builtin_memcpy(&most, &hi, sizeof most);
        y0_0 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vmax_vx_i32m1(__riscv_vreinterpret_v_f32m1_i32m1(y0_0), least, vl));
        y0_1 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vmax_vx_i32m1(__riscv_vreinterpret_v_f32m1_i32m1(y0_1), least, vl));
        if (hi != __builtin_inff()) {
          const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
          y0_0 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vreinterpret_v_u32m1_i32m1(__riscv_vadd_vx_u32m1(__riscv_vminu_vx_u32m1(__riscv_vsub_vx_u32m1(__riscv_vreinterpret_v_i32m1_u32m1(__riscv_vreinterpret_v_f32m1_i32m1(y0_0)), nan, vl), bound, vl), nan, vl)));
          y0_1 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vreinterpret_v_u32m1_i32m1(__riscv_vadd_vx_u32m1(__riscv_vminu_vx_u32m1(__riscv_vsub_vx_u32m1(__riscv_vreinterpret_v_i32m1_u32m1(__riscv_vreinterpret_v_f32m1_i32m1(y0_1)), nan, vl), bound, vl), nan, vl)));
        }
      }
      else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
        const float lo = a->lo, hi = a->hi;
        y0_0 = __riscv_vfmerge_vfm_f32m1(y0_0, lo, __riscv_vmflt_vf_f32m1_b32(y0_0, lo, vl), vl);
        y0_0 = __riscv_vfmerge_vfm_f32m1(y0_0, hi, __riscv_vmfgt_vf_f32m1_b32(y0_0, hi, vl), vl);
        y0_1 = __riscv_vfmerge_vfm_f32m1(y0_1, lo, __riscv_vmflt_vf_f32m1_b32(y0_1, lo, vl), vl);
        y0_1 = __riscv_vfmerge_vfm_f32m1(y0_1, hi, __riscv_vmfgt_vf_f32m1_b32(y0_1, hi, vl), vl);
      }
      __riscv_vsse32_v_f32m1(y + 0, 2 * sizeof(float), y0_0, vl0);
      __riscv_vsse32_v_f32m1(y + 1, 2 * sizeof(float), y0_1, vl1);
    }
    vfloat32m1_t v82 = __riscv_vfadd_vv_f32m1(v18, v28, vl);
    vfloat32m1_t v83 = __riscv_vfmacc_vf_f32m1(v18, k0, v28, vl);
    vfloat32m1_t v84 = __riscv_vfadd_vv_f32m1(v8, v82, vl);
    vfloat32m1_t v85 = __riscv_vfadd_vv_f32m1(v38, v83, vl);
    if (1 < a->lines) {
      float *y = a->y + 2 * p + 1 * a->y_step;
      const float *r = a->r ? a->r + 2 * p + 1 * a->y_step : NULL;
      vfloat32m1_t y1_0 = __riscv_vfadd_vf_f32m1(v84, bias, vl);
      vfloat32m1_t y1_1 = __riscv_vfadd_vf_f32m1(v85, bias, vl);
      if (r) {
        y1_0 = __riscv_vfadd_vv_f32m1(y1_0, __riscv_vlse32_v_f32m1(r + 0, 2 * sizeof(float), vl0), vl0);
        y1_1 = __riscv_vfadd_vv_f32m1(y1_1, __riscv_vlse32_v_f32m1(r + 1, 2 * sizeof(float), vl1), vl1);
      }
      if (a->lo >= 0.0f) {
        const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
        int32_t least, most;
        __builtin_memcpy(&least, &lo, sizeof least);
        __builtin_memcpy(&most, &hi, sizeof most);
        y1_0 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vmax_vx_i32m1(__riscv_vreinterpret_v_f32m1_i32m1(y1_0), least, vl));
        y1_1 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vmax_vx_i32m1(__riscv_vreinterpret_v_f32m1_i32m1(y1_1), least, vl));
        if (hi != __builtin_inff()) {
          const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
          y1_0 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vreinterpret_v_u32m1_i32m1(__riscv_vadd_vx_u32m1(__riscv_vminu_vx_u32m1(__riscv_vsub_vx_u32m1(__riscv_vreinterpret_v_i32m1_u32m1(__riscv_vreinterpret_v_f32m1_i32m1(y1_0)), nan, vl), bound, vl), nan, vl)));
          y1_1 = __riscv_vreinterpret_v_i32m1_f32m1(__riscv_vreinterpret_v_u32m1_i32m1(__riscv_vadd_vx_u32m1(__riscv_vminu_vx_u32m1(__riscv_vsub_vx_u32m1(__riscv_vreinterpret_v_i32m1_u32m1(__riscv_vreinterpret_v_f32m1_i32m1(y1_1)), nan, vl), bound, vl), nan, vl)));
        }
      }
      else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
        const float lo = a->lo, hi = a->hi;
        y1_0 = __riscv_vfmerge_vfm_f32m1(y1_0, lo, __riscv_vmflt_vf_f32m1_b32(y1_0, lo, vl), vl);
        y1_0 = __riscv_vfmerge_vfm_f32m1(y1_0, hi, __riscv_vmfgt_vf_f32m1_b32(y1_0, hi, vl), vl);
        y1_1 = __riscv_vfmerge_vfm_f32m1(y1_1, lo, __riscv_vmflt_vf_f32m1_b32(y1_1, lo, vl), vl);
        y1_1 = __riscv_vfmerge_vfm_f32m1(y1_1, hi, __riscv_vmfgt_vf_f32m1_b32(y1_1, hi, vl), vl);
      }
      __riscv_vsse32_v_f32m1(y + 0, 2 * sizeof(float), y1_0, vl0);
      __riscv_vsse32_v_f32m1(y + 1, 2 * sizeof(float), y1_1, vl1);
    }
    p += vl;
  }
}
