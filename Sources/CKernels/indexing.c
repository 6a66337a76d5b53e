// Gathering by an index array, and writing by one.

#include "bytes.h"

// Rows lie anywhere, so that the processor can't foresee them: they are called for some rows ahead.
INLINE void call_for_row(const char *src, int64_t index, long axis_size, long row_bytes) {
    u64 place = place_of(index, axis_size);
    if (place >= (u64)axis_size) return;
    const char *row = src + (long)place * row_bytes;
    for (long i = 0; i < smaller(row_bytes, 2048); i += 64) __builtin_prefetch(row + i);
}

// Whether all indices lie inside the axis: most do, and then they need no look one by one.
KERNEL static bool all_inside(const int64_t *idx, long n, long axis_size) {
    u64 outside = 0;
    LANES for (long i = 0; i < n; i++) outside |= place_of(idx[i], axis_size) >= (u64)axis_size;
    return !outside;
}

long ck_first_outside(const int64_t *idx, long n, long axis_size) {
    if (all_inside(idx, n, axis_size)) return -1;
    long i = 0;
    while (place_of(idx[i], axis_size) < (u64)axis_size) i++;
    return i;
}

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

// Rows of `width` elements that lie `stride` apart in the array, and one behind the other beside
// their indices.
#define TAKE_ALONG(T, UNUSED)                                                                      \
    KERNEL static void take_##T(T *out, const T *in, const int64_t *idx, long rows, long width,    \
        long stride, long axis_size) {                                                             \
        if (width == 1) {                                                                          \
            LANES for (long r = 0; r < rows; r++)                                                  \
                out[r] = in[(long)place_of(idx[r], axis_size) * stride];                           \
            return;                                                                                \
        }                                                                                          \
        for (long r = 0; r < rows; r++, out += width, idx += width) {                              \
            LANES for (long column = 0; column < width; column++)                                  \
                out[column] = in[(long)place_of(idx[column], axis_size) * stride + column];        \
        }                                                                                          \
    }
FOR_UNSIGNED(TAKE_ALONG, )

long ck_take_along(void *out, const void *src, const int64_t *idx, long rows, long width,
    long stride, long axis_size, int itemsize) {
    // Pieces that stay in the first cache between the two looks at them.
    enum { PIECE = 1024 };
    long step = width < PIECE ? PIECE / width : 1;
    for (long row = 0; row < rows; row += step) {
        long some = smaller(step, rows - row), first = row * width;
        long outside = ck_first_outside(idx + first, some * width, axis_size);
        if (outside >= 0) return first + outside;
        char *to = (char *)out + first * itemsize;
        const int64_t *from = idx + first;
        switch (itemsize) {
        case 1: take_u8((u8 *)to, src, from, some, width, stride, axis_size); break;
        case 2: take_u16((u16 *)to, src, from, some, width, stride, axis_size); break;
        case 4: take_u32((u32 *)to, src, from, some, width, stride, axis_size); break;
        default: take_u64((u64 *)to, src, from, some, width, stride, axis_size); break;
        }
    }
    return -1;
}

// Columns lie apart, so that the elements of a row go to different places.
#define PUT_ALONG(T, UNUSED)                                                                       \
    KERNEL static void put_##T(T *out, const T *in, const int64_t *idx, long rows, long width,     \
        long stride, long axis_size) {                                                             \
        if (width == 1) {                                                                          \
            for (long r = 0; r < rows; r++)                                                        \
                out[(long)place_of(idx[r], axis_size) * stride] = in[r];                           \
            return;                                                                                \
        }                                                                                          \
        for (long r = 0; r < rows; r++, in += width, idx += width) {                               \
            LANES for (long column = 0; column < width; column++)                                  \
                out[(long)place_of(idx[column], axis_size) * stride + column] = in[column];        \
        }                                                                                          \
    }
FOR_UNSIGNED(PUT_ALONG, )

void ck_put_along(void *out, const void *updates, const int64_t *idx, long rows, long width,
    long stride, long axis_size, int itemsize) {
    switch (itemsize) {
    case 1: return put_u8(out, updates, idx, rows, width, stride, axis_size);
    case 2: return put_u16(out, updates, idx, rows, width, stride, axis_size);
    case 4: return put_u32(out, updates, idx, rows, width, stride, axis_size);
    default: return put_u64(out, updates, idx, rows, width, stride, axis_size);
    }
}

// Rows of one element are those of a column.
long ck_take_rows(void *out, const void *src, const int64_t *idx, long n, long axis_size,
    long row_bytes) {
    bool is_element = row_bytes == 1 || row_bytes == 2 || row_bytes == 4 || row_bytes == 8;
    return is_element ? ck_take_along(out, src, idx, n, 1, 1, axis_size, (int)row_bytes)
                      : take_long_rows(out, src, idx, n, axis_size, row_bytes);
}
