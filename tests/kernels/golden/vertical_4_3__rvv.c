static void vertical_in_4_3__rvv(const cln_vertical_in *a) {
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
    for (size_t p = 0; p < a->count;) {
      const size_t vl = __riscv_vsetvl_e32m2(a->count - p);
      vfloat32m2_t v0 = __riscv_vle32_v_f32m2(line0 + p, vl);
      vfloat32m2_t v1 = __riscv_vle32_v_f32m2(line1 + p, vl);
      vfloat32m2_t v2 = __riscv_vle32_v_f32m2(line2 + p, vl);
      vfloat32m2_t v3 = __riscv_vle32_v_f32m2(line3 + p, vl);
      vfloat32m2_t v4 = __riscv_vle32_v_f32m2(line4 + p, vl);
      vfloat32m2_t v5 = __riscv_vle32_v_f32m2(line5 + p, vl);
      const float k0 = 0.87890625f;
      vfloat32m2_t v7 = __riscv_vfmacc_vf_f32m2(v4, k0, v0, vl);
      const float k1 = -2.640625f;
      vfloat32m2_t v9 = __riscv_vfmacc_vf_f32m2(v7, k1, v2, vl);
      const float k2 = -2.25f;
      vfloat32m2_t v11 = __riscv_vfmacc_vf_f32m2(v4, k2, v2, vl);
      vfloat32m2_t v12 = __riscv_vfmacc_vf_f32m2(v3, k2, v1, vl);
      const float k3 = 0.625f;
      vfloat32m2_t v14 = __riscv_vfmacc_vf_f32m2(v11, k3, v12, vl);
      const float k4 = -0.625f;
      vfloat32m2_t v16 = __riscv_vfmacc_vf_f32m2(v11, k4, v12, vl);
      const float k5 = -0.390625f;
      vfloat32m2_t v18 = __riscv_vfmacc_vf_f32m2(v4, k5, v2, vl);
      vfloat32m2_t v19 = __riscv_vfmacc_vf_f32m2(v3, k5, v1, vl);
      const float k6 = 1.5f;
      vfloat32m2_t v21 = __riscv_vfmacc_vf_f32m2(v18, k6, v19, vl);
      const float k7 = -1.5f;
      vfloat32m2_t v23 = __riscv_vfmacc_vf_f32m2(v18, k7, v19, vl);
      vfloat32m2_t v24 = __riscv_vfmacc_vf_f32m2(v5, k0, v1, vl);
      vfloat32m2_t v25 = __riscv_vfmacc_vf_f32m2(v24, k1, v3, vl);
      __riscv_vse32_v_f32m2(y + 0 * y_step + p, v9, vl);
      __riscv_vse32_v_f32m2(y + 1 * y_step + p, v14, vl);
      __riscv_vse32_v_f32m2(y + 2 * y_step + p, v16, vl);
      __riscv_vse32_v_f32m2(y + 3 * y_step + p, v21, vl);
      __riscv_vse32_v_f32m2(y + 4 * y_step + p, v23, vl);
      __riscv_vse32_v_f32m2(y + 5 * y_step + p, v25, vl);
      p += vl;
    }
    for (int k = 0; k < 6; ++k) zero_floats(y + k * y_step + a->count, a->gap);
  }
}

static void vertical_out_4_3__rvv(const cln_vertical_out *a) {
  const float *x = a->x;
  for (int64_t line = 0; line < a->lines; line += 4, x += a->x_pitch) {
    for (size_t p = 0; p < a->count;) {
      const size_t vl = __riscv_vsetvl_e32m2(a->count - p);
      const float bias = a->bias;
      vfloat32m2_t v0 = __riscv_vle32_v_f32m2(x + p + 0 * a->x_step, vl);
      vfloat32m2_t v1 = __riscv_vle32_v_f32m2(x + p + 1 * a->x_step, vl);
      vfloat32m2_t v2 = __riscv_vle32_v_f32m2(x + p + 2 * a->x_step, vl);
      vfloat32m2_t v3 = __riscv_vle32_v_f32m2(x + p + 3 * a->x_step, vl);
      vfloat32m2_t v4 = __riscv_vle32_v_f32m2(x + p + 4 * a->x_step, vl);
      vfloat32m2_t v5 = __riscv_vle32_v_f32m2(x + p + 5 * a->x_step, vl);
      vfloat32m2_t v6 = __riscv_vfadd_vv_f32m2(v1, v2, vl);
      vfloat32m2_t v7 = __riscv_vfadd_vv_f32m2(v3, v4, vl);
      const float k0 = -1.0f;
      vfloat32m2_t v9 = __riscv_vfmacc_vf_f32m2(v1, k0, v2, vl);
      vfloat32m2_t v10 = __riscv_vfmacc_vf_f32m2(v3, k0, v4, vl);
      vfloat32m2_t v11 = __riscv_vfadd_vv_f32m2(v0, v6, vl);
      vfloat32m2_t v12 = __riscv_vfadd_vv_f32m2(v11, v7, vl);
      const float k1 = 0.625f;
      vfloat32m2_t v14 = __riscv_vfmul_vf_f32m2(v9, k1, vl);
      const float k2 = 1.5f;
      vfloat32m2_t v16 = __riscv_vfmacc_vf_f32m2(v14, k2, v10, vl);
      const float k3 = 0.390625f;
      vfloat32m2_t v18 = __riscv_vfmul_vf_f32m2(v6, k3, vl);
      const float k4 = 2.25f;
      vfloat32m2_t v20 = __riscv_vfmacc_vf_f32m2(v18, k4, v7, vl);
      const float k5 = 0.244140625f;
      vfloat32m2_t v22 = __riscv_vfmacc_vf_f32m2(v5, k5, v9, vl);
      const float k6 = 3.375f;
      vfloat32m2_t v24 = __riscv_vfmacc_vf_f32m2(v22, k6, v10, vl);
      const int64_t left = (int64_t)(a->count - p);
      const size_t n0 = left > 0 ? (size_t)(left + 0) / 1 : 0;
      const size_t vl0 = n0 < vl ? n0 : vl;
      if (line + 0 < a->lines) {
        float *y = a->y + (line + 0) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 0) * a->y_pitch + p : NULL;
        vfloat32m2_t y0 = __riscv_vfadd_vf_f32m2(v12, bias, vl);
        if (r) {
          y0 = __riscv_vfadd_vv_f32m2(y0, __riscv_vle32_v_f32m2(r, vl0), vl0);
        }
        if (a->lo >= 0.0f) {
          const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
          int32_t least, most;
          __builtin_memcpy(&least, &lo, sizeof least);
          __builtin_memcpy(&most, &hi, sizeof most);
          y0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(y0), least, vl));
          if (hi != __builtin_inff()) {
            const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
            y0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(y0)), nan, vl), bound, vl), nan, vl)));
          }
        }
        else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
          const float lo = a->lo, hi = a->hi;
          y0 = __riscv_vfmerge_vfm_f32m2(y0, lo, __riscv_vmflt_vf_f32m2_b16(y0, lo, vl), vl);
          y0 = __riscv_vfmerge_vfm_f32m2(y0, hi, __riscv_vmfgt_vf_f32m2_b16(y0, hi, vl), vl);
        }
        __riscv_vse32_v_f32m2(y, y0, vl0);
      }
      if (line + 1 < a->lines) {
        float *y = a->y + (line + 1) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 1) * a->y_pitch + p : NULL;
        vfloat32m2_t y1 = __riscv_vfadd_vf_f32m2(v16, bias, vl);
        if (r) {
          y1 = __riscv_vfadd_vv_f32m2(y1, __riscv_vle32_v_f32m2(r, vl0), vl0);
        }
        if (a->lo >= 0.0f) {
          const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
          int32_t least, most;
          __builtin_memcpy(&least, &lo, sizeof least);
          __builtin_memcpy(&most, &hi, sizeof most);
          y1 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(y1), least, vl));
          if (hi != __builtin_inff()) {
            const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
            y1 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(y1)), nan, vl), bound, vl), nan, vl)));
          }
        }
        else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
          const float lo = a->lo, hi = a->hi;
          y1 = __riscv_vfmerge_vfm_f32m2(y1, lo, __riscv_vmflt_vf_f32m2_b16(y1, lo, vl), vl);
          y1 = __riscv_vfmerge_vfm_f32m2(y1, hi, __riscv_vmfgt_vf_f32m2_b16(y1, hi, vl), vl);
        }
        __riscv_vse32_v_f32m2(y, y1, vl0);
      }
      if (line + 2 < a->lines) {
        float *y = a->y + (line + 2) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 2) * a->y_pitch + p : NULL;
        vfloat32m2_t y2 = __riscv_vfadd_vf_f32m2(v20, bias, vl);
        if (r) {
          y2 = __riscv_vfadd_vv_f32m2(y2, __riscv_vle32_v_f32m2(r, vl0), vl0);
        }
        if (a->lo >= 0.0f) {
          const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
          int32_t least, most;
          __builtin_memcpy(&least, &lo, sizeof least);
          __builtin_memcpy(&most, &hi, sizeof most);
          y2 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(y2), least, vl));
          if (hi != __builtin_inff()) {
            const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
            y2 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(y2)), nan, vl), bound, vl), nan, vl)));
          }
        }
        else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
          const float lo = a->lo, hi = a->hi;
          y2 = __riscv_vfmerge_vfm_f32m2(y2, lo, __riscv_vmflt_vf_f32m2_b16(y2, lo, vl), vl);
          y2 = __riscv_vfmerge_vfm_f32m2(y2, hi, __riscv_vmfgt_vf_f32m2_b16(y2, hi, vl), vl);
        }
        __riscv_vse32_v_f32m2(y, y2, vl0);
      }
      if (line + 3 < a->lines) {
        float *y = a->y + (line + 3) * a->y_pitch + p;
        const float *r = a->r ? a->r + (line + 3) * a->y_pitch + p : NULL;
        vfloat32m2_t y3 = __riscv_vfadd_vf_f32m2(v24, bias, vl);
        if (r) {
          y3 = __riscv_vfadd_vv_f32m2(y3, __riscv_vle32_v_f32m2(r, vl0), vl0);
        }
        if (a->lo >= 0.0f) {
          const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
          int32_t least, most;
          __builtin_memcpy(&least, &lo, sizeof least);
          __builtin_memcpy(&most, &hi, sizeof most);
          y3 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(y3), least, vl));
          if (hi != __builtin_inff()) {
            const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
            y3 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(y3)), nan, vl), bound, vl), nan, vl)));
          }
        }
        else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
          const float lo = a->lo, hi = a->hi;
          y3 = __riscv_vfmerge_vfm_f32m2(y3, lo, __riscv_vmflt_vf_f32m2_b16(y3, lo, vl), vl);
          y3 = __riscv_vfmerge_vfm_f32m2(y3, hi, __riscv_vmfgt_vf_f32m2_b16(y3, hi, vl), vl);
        }
        __riscv_vse32_v_f32m2(y, y3, vl0);
      }
      p += vl;
    }
  }
}
