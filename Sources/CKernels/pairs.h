// Vectors of bfloat16 in pairs, whose products one instruction adds to float32.

#ifndef CK_PAIRS_H
#define CK_PAIRS_H

#include "wide.h"

#if defined(__x86_64__)

#define PAIRS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,prfchw")))
#define PAIRS_INLINE PAIRS __attribute__((always_inline)) static inline

INLINE bool has_pairs(void) { return has_wide() && __builtin_cpu_supports("avx512bf16"); }

// Whether a vector of pairs takes less time than its two vectors of float32. Intel's processors
// begin such an instruction every second cycle, and two of float32 in each.
INLINE bool has_quick_pairs(void) { return has_pairs() && !__builtin_cpu_is("intel"); }

PAIRS_INLINE void store_narrow(void *out, __m512 value, __mmask16 mask) {
    _mm256_mask_storeu_epi16(out, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

#endif

#endif
