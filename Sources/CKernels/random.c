// Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011), laid out as MLX does.

#include "kernel.h"

INLINE u32 rotate(u32 x, int bits) { return (x << bits) | (x >> (32 - bits)); }

// Four rounds and the injection of the next two key words.
#define ROUND(R) x += y, y = rotate(y, R) ^ x
#define ROUNDS(A, B, C, D, KEY_X, KEY_Y, COUNT)                                                    \
    ROUND(A), ROUND(B), ROUND(C), ROUND(D), x += (KEY_X), y += (KEY_Y) + (COUNT)

INLINE void threefry(u32 k0, u32 k1, u32 *first, u32 *second) {
    u32 k2 = k0 ^ k1 ^ 0x1BD11BDA;
    u32 x = *first + k0, y = *second + k1;
    ROUNDS(13, 15, 26, 6, k1, k2, 1);
    ROUNDS(17, 29, 16, 24, k2, k0, 2);
    ROUNDS(13, 15, 26, 6, k0, k1, 3);
    ROUNDS(17, 29, 16, 24, k1, k2, 4);
    ROUNDS(13, 15, 26, 6, k2, k0, 5);
    *first = x;
    *second = y;
}

KERNEL static void hash_pairs(u32 *low, u32 *high, u32 k0, u32 k1, long begin, long end, long gap) {
    LANES for (long i = begin; i < end; i++) {
        u32 x = (u32)i, y = (u32)(gap + i);
        threefry(k0, k1, &x, &y);
        low[i] = x;
        high[i] = y;
    }
}

void ck_threefry(uint32_t *out, uint32_t key0, uint32_t key1, long words, long first, long count) {
    long half = words / 2, odd = words % 2, end = first + count;
    long pairs = end < half ? end : half;
    if (first < pairs) hash_pairs(out, out + half + odd, key0, key1, first, pairs, half + odd);
    if (odd && first <= half && half < end) {
        u32 x = (u32)half, y = 0;
        threefry(key0, key1, &x, &y);
        out[half] = x;
    }
}
