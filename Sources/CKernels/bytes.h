// Copies of few bytes, for which a call of memcpy would cost more than the copy.

#ifndef CK_BYTES_H
#define CK_BYTES_H

#include "kernel.h"

typedef u8 u8x64 __attribute__((ext_vector_type(64), aligned(1)));

// In pieces of fixed size, the last of which may overlap the one before it. Rows that lie far apart
// come in sooner by plain vectors than by memcpy: the next ones are on their way meanwhile.
INLINE void copy_bytes(void *to, const void *from, long bytes) {
    char *out = to;
    const char *in = from;
    if (bytes > 1 << 15) {
        memcpy(out, in, (size_t)bytes);
    } else if (bytes > 128) {
        // Whole lines are written; a store to two of them takes twice as long.
        long last = bytes - (long)sizeof(u8x64);
        *(u8x64 *)out = *(const u8x64 *)in;
        for (long i = 64 - ((intptr_t)out & 63); i < last; i += sizeof(u8x64))
            *(u8x64 *)(out + i) = *(const u8x64 *)(in + i);
        *(u8x64 *)(out + last) = *(const u8x64 *)(in + last);
    } else if (bytes >= 16) {
        for (long i = 0; i + 16 <= bytes; i += 16) memcpy(out + i, in + i, 16);
        memcpy(out + bytes - 16, in + bytes - 16, 16);
    } else if (bytes >= 8) {
        memcpy(out, in, 8);
        memcpy(out + bytes - 8, in + bytes - 8, 8);
    } else if (bytes >= 4) {
        memcpy(out, in, 4);
        memcpy(out + bytes - 4, in + bytes - 4, 4);
    } else {
        for (long i = 0; i < bytes; i++) out[i] = in[i];
    }
}

#endif
