static void winograd_rows_2_3__rvv(const cln_transform *a) {
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
      const vfloat32m1_t v3 = __riscv_vfslide1down_vf_f32m1(d0, x[2 * vl + 0], vl);
      const vfloat32m1_t v4 = __riscv_vfslide1down_vf_f32m1(d1, x[2 * vl + 1], vl);
      const float k0 = -1.0f;
      const vfloat32m1_t v6 = __riscv_vfmacc_vf_f32m1(v3, k0, d0, vl);
      const vfloat32m1_t v7 = __riscv_vfadd_vv_f32m1(v3, d1, vl);
      const vfloat32m1_t v8 = __riscv_vfmacc_vf_f32m1(v3, k0, d1, vl);
      const vfloat32m1_t v9 = __riscv_vfmacc_vf_f32m1(v4, k0, d1, vl);
      __riscv_vse32_v_f32m1(y + 0 * y_step, v6, vl);
      __riscv_vse32_v_f32m1(y + 2 * y_step, v7, vl);
      __riscv_vse32_v_f32m1(y + 4 * y_step, v8, vl);
      __riscv_vse32_v_f32m1(y + 6 * y_step, v9, vl);
      p += vl;
    }
  }
}

static void winograd_columns_2_3__rvv(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step, down = a->down;
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m1(a->count - p);
    const float *x = a->x + p;
    float *y = a->y + p;
    const vfloat32m1_t v0 = __riscv_vle32_v_f32m1(x + 0 * x_step, vl);
    const vfloat32m1_t v1 = __riscv_vle32_v_f32m1(x + 1 * x_step, vl);
    const vfloat32m1_t v2 = __riscv_vle32_v_f32m1(x + 0 * x_step + down, vl);
    const vfloat32m1_t v3 = __riscv_vle32_v_f32m1(x + 1 * x_step + down, vl);
    const float k0 = -1.0f;
    const vfloat32m1_t v5 = __riscv_vfmacc_vf_f32m1(v2, k0, v0, vl);
    const vfloat32m1_t v6 = __riscv_vfadd_vv_f32m1(v2, v1, vl);
    const vfloat32m1_t v7 = __riscv_vfmacc_vf_f32m1(v2, k0, v1, vl);
    const vfloat32m1_t v8 = __riscv_vfmacc_vf_f32m1(v3, k0, v1, vl);
    __riscv_vse32_v_f32m1(y + 0 * y_step, v5, vl);
    __riscv_vse32_v_f32m1(y + 4 * y_step, v6, vl);
    __riscv_vse32_v_f32m1(y + 8 * y_step, v7, vl);
    __riscv_vse32_v_f32m1(y + 12 * y_step, v8, vl);
    const vfloat32m1_t v13 = __riscv_vle32_v_f32m1(x + 2 * x_step, vl);
    const vfloat32m1_t v14 = __riscv_vle32_v_f32m1(x + 3 * x_step, vl);
    const vfloat32m1_t v15 = __riscv_vle32_v_f32m1(x + 2 * x_step + down, vl);
    const vfloat32m1_t v16 = __riscv_vle32_v_f32m1(x + 3 * x_step + down, vl);
    const vfloat32m1_t v17 = __riscv_vfmacc_vf_f32m1(v15, k0, v13, vl);
    const vfloat32m1_t v18 = __riscv_vfadd_vv_f32m1(v15, v14, vl);
    const vfloat32m1_t v19 = __riscv_vfmacc_vf_f32m1(v15, k0, v14, vl);
    const vfloat32m1_t v20 = __riscv_vfmacc_vf_f32m1(v16, k0, v14, vl);
    __riscv_vse32_v_f32m1(y + 1 * y_step, v17, vl);
    __riscv_vse32_v_f32m1(y + 5 * y_step, v18, vl);
    __riscv_vse32_v_f32m1(y + 9 * y_step, v19, vl);
    __riscv_vse32_v_f32m1(y + 13 * y_step, v20, vl);
    const vfloat32m1_t v25 = __riscv_vle32_v_f32m1(x + 4 * x_step, vl);
    const vfloat32m1_t v26 = __riscv_vle32_v_f32m1(x + 5 * x_step, vl);
    const vfloat32m1_t v27 = __riscv_vle32_v_f32m1(x + 4 * x_step + down, vl);
    const vfloat32m1_t v28 = __riscv_vle32_v_f32m1(x + 5 * x_step + down, vl);
    const vfloat32m1_t v29 = __riscv_vfmacc_vf_f32m1(v27, k0, v25, vl);
    const vfloat32m1_t v30 = __riscv_vfadd_vv_f32m1(v27, v26, vl);
    const vfloat32m1_t v31 = __riscv_vfmacc_vf_f32m1(v27, k0, v26, vl);
    const vfloat32m1_t v32 = __riscv_vfmacc_vf_f32m1(v28, k0, v26, vl);
    __riscv_vse32_v_f32m1(y + 2 * y_step, v29, vl);
    __riscv_vse32_v_f32m1(y + 6 * y_step, v30, vl);
    __riscv_vse32_v_f32m1(y + 10 * y_step, v31, vl);
    __riscv_vse32_v_f32m1(y + 14 * y_step, v32, vl);
    const vfloat32m1_t v37 = __riscv_vle32_v_f32m1(x + 6 * x_step, vl);
    const vfloat32m1_t v38 = __riscv_vle32_v_f32m1(x + 7 * x_step, vl);
    const vfloat32m1_t v39 = __riscv_vle32_v_f32m1(x + 6 * x_step + down, vl);
    const vfloat32m1_t v40 = __riscv_vle32_v_f32m1(x + 7 * x_step + down, vl);
    const vfloat32m1_t v41 = __riscv_vfmacc_vf_f32m1(v39, k0, v37, vl);
    const vfloat32m1_t v42 = __riscv_vfadd_vv_f32m1(v39, v38, vl);
    const vfloat32m1_t v43 = __riscv_vfmacc_vf_f32m1(v39, k0, v38, vl);
    const vfloat32m1_t v44 = __riscv_vfmacc_vf_f32m1(v40, k0, v38, vl);
    __riscv_vse32_v_f32m1(y + 3 * y_step, v41, vl);
    __riscv_vse32_v_f32m1(y + 7 * y_step, v42, vl);
    __riscv_vse32_v_f32m1(y + 11 * y_step, v43, vl);
    __riscv_vse32_v_f32m1(y + 15 * y_step, v44, vl);
    p += vl;
  }
}

static void winograd_output_2_3__rvv(const cln_transform *a) {
  const int64_t x_step = a->x_step, y_step = a->y_step;
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m1(a->count - p);
    const float bias = a->bias;
    const float *x = a->x + p;
    float *y = a->y + 2 * p;
    const vfloat32m1_t v0 = __riscv_vle32_v_f32m1(x + 0 * x_step, vl);
    const vfloat32m1_t v1 = __riscv_vle32_v_f32m1(x + 4 * x_step, vl);
    const vfloat32m1_t v2 = __riscv_vle32_v_f32m1(x + 8 * x_step, vl);
    const vfloat32m1_t v3 = __riscv_vle32_v_f32m1(x + 12 * x_step, vl);
    const vfloat32m1_t v4 = __riscv_vfadd_vv_f32m1(v1, v2, vl);
    const float k0 = -1.0f;
    const vfloat32m1_t v6 = __riscv_vfmacc_vf_f32m1(v1, k0, v2, vl);
    const vfloat32m1_t v7 = __riscv_vfadd_vv_f32m1(v0, v4, vl);
    const vfloat32m1_t v8 = __riscv_vfadd_vv_f32m1(v3, v6, vl);
    const vfloat32m1_t v9 = __riscv_vle32_v_f32m1(x + 1 * x_step, vl);
    const vfloat32m1_t v10 = __riscv_vle32_v_f32m1(x + 5 * x_step, vl);
    const vfloat32m1_t v11 = __riscv_vle32_v_f32m1(x + 9 * x_step, vl);
    const vfloat32m1_t v12 = __riscv_vle32_v_f32m1(x + 13 * x_step, vl);
    const vfloat32m1_t v13 = __riscv_vfadd_vv_f32m1(v10, v11, vl);
    const vfloat32m1_t v14 = __riscv_vfmacc_vf_f32m1(v10, k0, v11, vl);
    const vfloat32m1_t v15 = __riscv_vfadd_vv_f32m1(v9, v13, vl);
    const vfloat32m1_t v16 = __riscv_vfadd_vv_f32m1(v12, v14, vl);
    const vfloat32m1_t v17 = __riscv_vle32_v_f32m1(x + 2 * x_step, vl);
    const vfloat32m1_t v18 = __riscv_vle32_v_f32m1(x + 6 * x_step, vl);
    const vfloat32m1_t v19 = __riscv_vle32_v_f32m1(x + 10 * x_step, vl);
    const vfloat32m1_t v20 = __riscv_vle32_v_f32m1(x + 14 * x_step, vl);
    const vfloat32m1_t v21 = __riscv_vfadd_vv_f32m1(v18, v19, vl);
    const vfloat32m1_t v22 = __riscv_vfmacc_vf_f32m1(v18, k0, v19, vl);
    const vfloat32m1_t v23 = __riscv_vfadd_vv_f32m1(v17, v21, vl);
    const vfloat32m1_t v24 = __riscv_vfadd_vv_f32m1(v20, v22, vl);
    const vfloat32m1_t v25 = __riscv_vle32_v_f32m1(x + 3 * x_step, vl);
    const vfloat32m1_t v26 = __riscv_vle32_v_f32m1(x + 7 * x_step, vl);
    const vfloat32m1_t v27 = __riscv_vle32_v_f32m1(x + 11 * x_step, vl);
    const vfloat32m1_t v28 = __riscv_vle32_v_f32m1(x + 15 * x_step, vl);
    const vfloat32m1_t v29 = __riscv_vfadd_vv_f32m1(v26, v27, vl);
    const vfloat32m1_t v30 = __riscv_vfmacc_vf_f32m1(v26, k0, v27, vl);
    const vfloat32m1_t v31 = __riscv_vfadd_vv_f32m1(v25, v29, vl);
    const vfloat32m1_t v32 = __riscv_vfadd_vv_f32m1(v28, v30, vl);
    const vfloat32m1_t v33 = __riscv_vfadd_vv_f32m1(v15, v23, vl);
    const vfloat32m1_t v34 = __riscv_vfmacc_vf_f32m1(v15, k0, v23, vl);
    const vfloat32m1_t v35 = __riscv_vfadd_vv_f32m1(v7, v33, vl);
    const vfloat32m1_t v36 = __riscv_vfadd_vv_f32m1(v31, v34, vl);
    vfloat32m1_t y0_0 = __riscv_vfadd_vf_f32m1(v35, bias, vl);
    vfloat32m1_t y0_1 = __riscv_vfadd_vf_f32m1(v36, bias, vl);
    {
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
      } else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
        const float lo = a->lo, hi = a->hi;
        y0_0 = __riscv_vfmerge_vfm_f32m1(y0_0, lo, __riscv_vmflt_vf_f32m1_b32(y0_0, lo, vl), vl);
        y0_0 = __riscv_vfmerge_vfm_f32m1(y0_0, hi, __riscv_vmfgt_vf_f32m1_b32(y0_0, hi, vl), vl);
        y0_1 = __riscv_vfmerge_vfm_f32m1(y0_1, lo, __riscv_vmflt_vf_f32m1_b32(y0_1, lo, vl), vl);
        y0_1 = __riscv_vfmerge_vfm_f32m1(y0_1, hi, __riscv_vmfgt_vf_f32m1_b32(y0_1, hi, vl), vl);
      }
    }
    __riscv_vsseg2e32_v_f32m1x2(y + 0 * y_step, __riscv_vcreate_v_f32m1x2(y0_0, y0_1), vl);
    const vfloat32m1_t v61 = __riscv_vfadd_vv_f32m1(v16, v24, vl);
    const vfloat32m1_t v62 = __riscv_vfmacc_vf_f32m1(v16, k0, v24, vl);
    const vfloat32m1_t v63 = __riscv_vfadd_vv_f32m1(v8, v61, vl);
    const vfloat32m1_t v64 = __riscv_vfadd_vv_f32m1(v32, v62, vl);
    vfloat32m1_t y1_0 = __riscv_vfadd_vf_f32m1(v63, bias, vl);
    vfloat32m1_t y1_1 = __riscv_vfadd_vf_f32m1(v64, bias, vl);
    {
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
      } else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
        const float lo = a->lo, hi = a->hi;
        y1_0 = __riscv_vfmerge_vfm_f32m1(y1_0, lo, __riscv_vmflt_vf_f32m1_b32(y1_0, lo, vl), vl);
        y1_0 = __riscv_vfmerge_vfm_f32m1(y1_0, hi, __riscv_vmfgt_vf_f32m1_b32(y1_0, hi, vl), vl);
        y1_1 = __riscv_vfmerge_vfm_f32m1(y1_1, lo, __riscv_vmflt_vf_f32m1_b32(y1_1, lo, vl), vl);
        y1_1 = __riscv_vfmerge_vfm_f32m1(y1_1, hi, __riscv_vmfgt_vf_f32m1_b32(y1_1, hi, vl), vl);
      }
    }
    __riscv_vsseg2e32_v_f32m1x2(y + 1 * y_step, __riscv_vcreate_v_f32m1x2(y1_0, y1_1), vl);
    p += vl;
  }
}
