// A fingerprint of bytes: four independent chains of multiply and xor-shift over 64-bit words.

#include "kernel.h"

static const u64 ODD_1 = 0x9E3779B97F4A7C15, ODD_2 = 0xD6E8FEB86659FD93;

// Little endian on every machine.
INLINE u64 load_word(const u8 *bytes) {
    u64 word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

INLINE u64 mix(u64 state, u64 word) {
    state = (state ^ word) * ODD_1;
    return state ^ (state >> 29);
}

uint64_t ck_hash64(const void *data, long bytes, uint64_t seed) {
    const u8 *in = data;
    u64 lane[4], left = (u64)bytes;
    for (u64 l = 0; l < 4; l++) lane[l] = (seed + l * ODD_2) ^ ODD_1;
    for (; left >= 32; left -= 32, in += 32)
        for (int l = 0; l < 4; l++) lane[l] = mix(lane[l], load_word(in + 8 * l));
    for (; left >= 8; left -= 8, in += 8) lane[0] = mix(lane[0], load_word(in));
    u64 tail = 0;
    for (u64 i = 0; i < left; i++) tail |= (u64)in[i] << (8 * i);
    // The length tells a tail of zeros from none.
    u64 state = mix(mix(lane[0], tail), (u64)bytes);
    for (int l = 1; l < 4; l++) state = mix(state, lane[l]);
    state = (state ^ (state >> 32)) * ODD_2;
    return state ^ (state >> 29);
}
