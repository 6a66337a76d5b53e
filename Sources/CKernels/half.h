// The half types as float32 values.

#ifndef CK_HALF_H
#define CK_HALF_H

#include "kernel.h"

INLINE float wide_f16(f16 x) { return (float)x; }
INLINE f16 narrow_f16(float x) { return (f16)x; }

INLINE float wide_bf16(bf16 x) {
    u32 bits = (u32)x.bits << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Nearest even; a NaN stays a NaN, made quiet.
INLINE bf16 narrow_bf16(float x) {
    u32 bits;
    memcpy(&bits, &x, sizeof bits);
    u32 rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    u32 quiet = (bits >> 16) | 0x40;
    return (bf16){(u16)((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded)};
}

#endif
