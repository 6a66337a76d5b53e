// Kernels of float32 in vectors of 8, for processors with AVX2 that have no AVX-512.

#ifndef CK_EIGHT_H
#define CK_EIGHT_H

#include "kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define EIGHT __attribute__((target("avx2,fma")))
#define EIGHT_INLINE EIGHT __attribute__((always_inline)) static inline

INLINE bool has_eight(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

// What kernels that are written once for vectors of any length are made of; see lanes_eight.h.
EIGHT_INLINE __m256i first_8(long count) {
    __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)smaller(count, 8)), lanes);
}
EIGHT_INLINE __m256 spread_8(float x) { return _mm256_set1_ps(x); }
EIGHT_INLINE __m256 load_8(const float *in) { return _mm256_loadu_ps(in); }
EIGHT_INLINE __m256 load_some_8(__m256i lanes, const float *in) {
    return _mm256_maskload_ps(in, lanes);
}
EIGHT_INLINE void store_8(float *out, __m256 x) { _mm256_storeu_ps(out, x); }
// By parts, as a masked store takes many times as long as a plain one on some processors.
EIGHT_INLINE void store_some_8(float *out, __m256i lanes, __m256 x) {
    int bits = _mm256_movemask_ps((__m256)lanes);
    if (bits == 0xff) return _mm256_storeu_ps(out, x);
    __m128 part = _mm256_castps256_ps128(x);
    if (bits & 8) {
        _mm_storeu_ps(out, part);
        part = _mm256_extractf128_ps(x, 1);
        out += 4, bits >>= 4;
    }
    if (bits & 2) {
        _mm_storel_pi((__m64 *)out, part);
        part = _mm_movehl_ps(part, part);
        out += 2, bits >>= 2;
    }
    if (bits & 1) _mm_store_ss(out, part);
}
EIGHT_INLINE __m256 fused_8(__m256 x, __m256 y, __m256 z) { return _mm256_fmadd_ps(x, y, z); }

EIGHT_INLINE float total_8(__m256 x) {
    __m128 four = _mm256_castps256_ps128(x) + _mm256_extractf128_ps(x, 1);
    __m128 two = four + _mm_movehl_ps(four, four);
    return two[0] + two[1];
}

// Lane i of vector j becomes lane j of vector i.
EIGHT_INLINE void transpose_8(__m256 v[8]) {
    __m256 t[8];
    UNROLL for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL for (int i = 0; i < 8; i += 4) {
        v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        __m256 low = v[i], high = v[i + 4];
        v[i] = _mm256_permute2f128_ps(low, high, 0x20);
        v[i + 4] = _mm256_permute2f128_ps(low, high, 0x31);
    }
}

#endif

#endif
