// Kernels of float32 in vectors of 16, for processors with AVX-512; others run the portable ones.

#ifndef CK_WIDE_H
#define CK_WIDE_H

#include "float_math.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prfchw")))
#define WIDE_INLINE WIDE __attribute__((always_inline)) static inline

enum { WIDTH = 16 };

// So many steps along k ahead a product asks for its operands: the second cache is far where two
// threads share a core.
enum { AHEAD = 16 };

INLINE bool has_wide(void) {
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
}

// The lanes of the last vector of a run.
INLINE __mmask16 first_lanes(long count) { return (__mmask16)((1u << count) - 1); }
INLINE __mmask16 lanes_from(long i, long n) { return first_lanes(smaller(n - i, WIDTH)); }

WIDE_INLINE __m512 spread(float x) { return _mm512_set1_ps(x); }

// What kernels that are written once for vectors of any length are made of; see lanes_wide.h.
WIDE_INLINE __mmask16 first_16(long count) { return first_lanes(smaller(count, WIDTH)); }
WIDE_INLINE __m512 spread_16(float x) { return _mm512_set1_ps(x); }
WIDE_INLINE __m512 load_16(const float *in) { return _mm512_loadu_ps(in); }
WIDE_INLINE __m512 load_some_16(__mmask16 lanes, const float *in) {
    return _mm512_maskz_loadu_ps(lanes, in);
}
WIDE_INLINE void store_16(float *out, __m512 x) { _mm512_storeu_ps(out, x); }
WIDE_INLINE void store_some_16(float *out, __mmask16 lanes, __m512 x) {
    _mm512_mask_storeu_ps(out, lanes, x);
}
WIDE_INLINE __m512 fused_16(__m512 x, __m512 y, __m512 z) { return _mm512_fmadd_ps(x, y, z); }

// Lane i of vector j becomes lane j of vector i.
WIDE_INLINE void transpose_wide(__m512i v[16]) {
    __m512i t[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

WIDE_INLINE void transpose_16(__m512 v[16]) {
    __m512i t[16];
    UNROLL for (int i = 0; i < 16; i++) t[i] = (__m512i)v[i];
    transpose_wide(t);
    UNROLL for (int i = 0; i < 16; i++) v[i] = (__m512)t[i];
}

// The functions of float_math.h. One instruction scales by a power of two, whatever the exponent,
// and rounds once; NaN is kept by the order of the limits' arguments.
WIDE_INLINE __m512 split_exponent_wide(__m512 x, __m512 *n) {
    const __m512 shift = spread(12582912.0f);
    *n = _mm512_fmadd_ps(x, spread(1.44269504f), shift) - shift;
    return _mm512_fnmadd_ps(
        *n, spread(LN2_LOW), _mm512_fnmadd_ps(*n, spread(LN2_HIGH), x));
}

WIDE_INLINE __m512 exp_minus_one_wide(__m512 x) {
    __m512 p = spread(1.381314825e-03f);
    p = _mm512_fmadd_ps(p, x, spread(8.369418792e-03f));
    p = _mm512_fmadd_ps(p, x, spread(4.166845605e-02f));
    p = _mm512_fmadd_ps(p, x, spread(1.666651517e-01f));
    p = _mm512_fmadd_ps(p, x, spread(4.999999404e-01f));
    return _mm512_fmadd_ps(p, x * x, x);
}

// For x up to 89.
WIDE_INLINE __m512 exp_below_wide(__m512 x) {
    __m512 n, rest = split_exponent_wide(_mm512_max_ps(spread(-104.0f), x), &n);
    return _mm512_scalef_ps(exp_minus_one_wide(rest) + spread(1.0f), n);
}

WIDE_INLINE __m512 exp_wide(__m512 x) { return exp_below_wide(_mm512_min_ps(spread(89.0f), x)); }

// out[i] = EXPRESSION of the vector x, where the processor can; otherwise the portable kernel.
#define WIDE_UNARY(NAME, EXPRESSION)                                                               \
    WIDE static void NAME##_wide_f32(void *out, const void *a, long n) {                           \
        const float *in = a;                                                                       \
        float *result = out;                                                                       \
        long i = 0;                                                                                \
        for (; i + WIDTH <= n; i += WIDTH) {                                                       \
            __m512 x = _mm512_loadu_ps(in + i);                                                    \
            ask_for((const char *)(in + i) + READ_AHEAD);                                          \
            ask_for((const char *)(result + i) + WRITTEN_AHEAD);                                   \
            _mm512_storeu_ps(result + i, (EXPRESSION));                                            \
        }                                                                                          \
        if (i == n) return;                                                                        \
        __m512 x = _mm512_maskz_loadu_ps(first_lanes(n - i), in + i);                              \
        _mm512_mask_storeu_ps(result + i, first_lanes(n - i), (EXPRESSION));                       \
    }                                                                                              \
    WIDEST(NAME)

#define WIDEST(NAME)                                                                               \
    static void NAME##_widest_f32(void *out, const void *a, long n) {                              \
        (has_wide() ? NAME##_wide_f32 : NAME##_f32)(out, a, n);                                    \
    }

#else

#define WIDE_UNARY(NAME, EXPRESSION) WIDEST(NAME)
#define WIDEST(NAME)                                                                               \
    static void NAME##_widest_f32(void *out, const void *a, long n) { NAME##_f32(out, a, n); }

#endif

// Table rows of a kernel that has a wide form.
#define ROWS_WIDE(N) [CK_F32] = N##_widest_f32, [CK_F64] = N##_f64

#endif
