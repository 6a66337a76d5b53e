// Gathering and overwriting by an index array.

#include "bytes.h"

// Rows lie anywhere, so that the processor can't foresee them: they are called for some rows ahead.
INLINE void call_for_row(const char *src, int64_t index, long axis_size, long row_bytes) {
    u64 place = place_of(index, axis_size);
    if (place >= (u64)axis_size) return;
    const char *row = src + (long)place * row_bytes;
    for (long i = 0; i < smaller(row_bytes, 2048); i += 64) __builtin_prefetch(row + i);
}

KERNEL long ck_take_rows(void *out, const void *src, const int64_t *idx, long n, long axis_size,
    long row_bytes) {
    enum { AHEAD = 4 };
    char *to = out;
    for (long i = 0; i < n; i++) {
        u64 place = place_of(idx[i], axis_size);
        if (place >= (u64)axis_size) return i;
        if (i + AHEAD < n) call_for_row(src, idx[i + AHEAD], axis_size, row_bytes);
        copy_bytes(to + i * row_bytes, (const char *)src + (long)place * row_bytes, row_bytes);
    }
    return -1;
}

KERNEL long ck_put_rows(void *out, const void *updates, const int64_t *idx, long n, long axis_size,
    long row_bytes) {
    const char *from = updates;
    for (long i = 0; i < n; i++) {
        u64 place = place_of(idx[i], axis_size);
        if (place >= (u64)axis_size) return i;
        copy_bytes((char *)out + (long)place * row_bytes, from + i * row_bytes, row_bytes);
    }
    return -1;
}

// `column` is e % inner, without a division.
#define ALONG(NAME, T, MOVE)                                                                       \
    static long NAME##_##T(T *out, const T *in, const int64_t *idx, long count, long inner,        \
        long axis_size) {                                                                          \
        for (long e = 0, column = 0; e < count; e++) {                                             \
            u64 place = place_of(idx[e], axis_size);                                               \
            if (place >= (u64)axis_size) return e;                                                 \
            MOVE;                                                                                  \
            column = column + 1 == inner ? 0 : column + 1;                                         \
        }                                                                                          \
        return -1;                                                                                 \
    }
#define MAKE_ALONG(T, UNUSED)                                                                      \
    ALONG(take, T, out[e] = in[(long)place * inner + column])                                      \
    ALONG(put, T, out[(long)place * inner + column] = in[e])
FOR_UNSIGNED(MAKE_ALONG, )

long ck_take_along(void *out, const void *src, const int64_t *idx, long count, long inner,
    long axis_size, int itemsize) {
    switch (itemsize) {
    case 1: return take_u8(out, src, idx, count, inner, axis_size);
    case 2: return take_u16(out, src, idx, count, inner, axis_size);
    case 4: return take_u32(out, src, idx, count, inner, axis_size);
    default: return take_u64(out, src, idx, count, inner, axis_size);
    }
}

long ck_put_along(void *out, const void *updates, const int64_t *idx, long count, long inner,
    long axis_size, int itemsize) {
    switch (itemsize) {
    case 1: return put_u8(out, updates, idx, count, inner, axis_size);
    case 2: return put_u16(out, updates, idx, count, inner, axis_size);
    case 4: return put_u32(out, updates, idx, count, inner, axis_size);
    default: return put_u64(out, updates, idx, count, inner, axis_size);
    }
}
