// Gathering and overwriting by an index array.

#include "bytes.h"

// Rows lie anywhere, so that the processor can't foresee them: they are called for some rows ahead.
INLINE void call_for_row(const char *src, int64_t index, long axis_size, long row_bytes) {
    u64 place = place_of(index, axis_size);
    if (place >= (u64)axis_size) return;
    const char *row = src + (long)place * row_bytes;
    for (long i = 0; i < smaller(row_bytes, 2048); i += 64) __builtin_prefetch(row + i);
}

// Rows of one element.
#define TAKE_ELEMENTS(T, UNUSED)                                                                   \
    static long take_elements_##T(                                                                 \
        T *out, const T *in, const int64_t *idx, long n, long axis_size) {                         \
        for (long i = 0; i < n; i++) {                                                             \
            u64 place = place_of(idx[i], axis_size);                                               \
            if (place >= (u64)axis_size) return i;                                                 \
            out[i] = in[place];                                                                    \
        }                                                                                          \
        return -1;                                                                                 \
    }
FOR_UNSIGNED(TAKE_ELEMENTS, )

KERNEL static long take_long_rows(void *out, const void *src, const int64_t *idx, long n,
    long axis_size, long row_bytes) {
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

long ck_take_rows(void *out, const void *src, const int64_t *idx, long n, long axis_size,
    long row_bytes) {
    switch (row_bytes) {
    case 1: return take_elements_u8(out, src, idx, n, axis_size);
    case 2: return take_elements_u16(out, src, idx, n, axis_size);
    case 4: return take_elements_u32(out, src, idx, n, axis_size);
    case 8: return take_elements_u64(out, src, idx, n, axis_size);
    default: return take_long_rows(out, src, idx, n, axis_size, row_bytes);
    }
}

// Rows of `width` elements that lie `stride` apart in the array, and one behind the other beside
// their indices.
#define ALONG(NAME, T, MOVE)                                                                       \
    static long NAME##_##T(T *out, const T *in, const int64_t *idx, long rows, long width,         \
        long stride, long axis_size) {                                                             \
        long e = 0;                                                                                \
        for (long r = 0; r < rows; r++)                                                            \
            for (long column = 0; column < width; column++, e++) {                                 \
                u64 place = place_of(idx[e], axis_size);                                           \
                if (place >= (u64)axis_size) return e;                                             \
                MOVE;                                                                              \
            }                                                                                      \
        return -1;                                                                                 \
    }
#define MAKE_ALONG(T, UNUSED) ALONG(take, T, out[e] = in[(long)place * stride + column])
FOR_UNSIGNED(MAKE_ALONG, )

long ck_take_along(void *out, const void *src, const int64_t *idx, long rows, long width,
    long stride, long axis_size, int itemsize) {
    // A column's elements lie one behind the other.
    if (width == 1 && stride == 1) return ck_take_rows(out, src, idx, rows, axis_size, itemsize);
    switch (itemsize) {
    case 1: return take_u8(out, src, idx, rows, width, stride, axis_size);
    case 2: return take_u16(out, src, idx, rows, width, stride, axis_size);
    case 4: return take_u32(out, src, idx, rows, width, stride, axis_size);
    default: return take_u64(out, src, idx, rows, width, stride, axis_size);
    }
}
