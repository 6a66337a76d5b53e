// Gathering by an index array, and writing by one.

#include "bytes.h"

INLINE void call_for(const char *bytes, long count) {
    for (long i = 0; i < smaller(count, 2048); i += 64) __builtin_prefetch(bytes + i);
}

// Rows lie anywhere, so that the processor can't foresee them: they are called for some rows ahead.
INLINE void call_for_row(const char *src, int64_t index, long axis_size, long row_bytes) {
    u64 place = place_of(index, axis_size);
    if (place < (u64)axis_size) call_for(src + (long)place * row_bytes, row_bytes);
}

// Whether all indices lie inside the axis: most do, and then they need no look one by one.
KERNEL static bool all_inside(const int64_t *idx, long n, long axis_size) {
    u64 outside = 0;
    LANES for (long i = 0; i < n; i++) outside |= place_of(idx[i], axis_size) >= (u64)axis_size;
    return !outside;
}

long ck_first_outside(
    const int64_t *idx, long rows, long width, long pitch, long axis_size) {
    if (pitch == width) {
        width *= rows;
        rows = 1;
    }
    for (long r = 0; r < rows; r++) {
        const int64_t *row = idx + r * pitch;
        if (all_inside(row, width, axis_size)) continue;
        long column = 0;
        while (place_of(row[column], axis_size) < (u64)axis_size) column++;
        return r * pitch + column;
    }
    return -1;
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

// What the next rows hold lies in other pages, where the processor does not look ahead.
INLINE void call_for_part(const void *rows, long left, long pitch, long bytes) {
    enum { AHEAD = 3 };
    if (left > AHEAD) call_for((const char *)rows + AHEAD * pitch, bytes);
}

// Some neighbouring elements; whether an index among them lies outside, where any element is taken.
// A step is how far the element of the next column lies from that of one, at the same index.
#define TAKE_SOME(T, UNUSED)                                                                       \
    INLINE bool take_some_##T(T *out, const T *in, const int64_t *idx, long count, long stride,    \
        long axis_size, long step) {                                                               \
        u64 outside = 0;                                                                           \
        LANES for (long i = 0; i < count; i++) {                                                   \
            u64 place = place_of(idx[i], axis_size);                                               \
            outside |= place >= (u64)axis_size;                                                    \
            out[i] = in[(place < (u64)axis_size ? (long)place : 0) * stride + i * step];           \
        }                                                                                          \
        return outside != 0;                                                                       \
    }                                                                                              \
    /* A column of the array, of which the next one begins where it ends. */                       \
    KERNEL static bool take_column_##T(                                                            \
        T *out, const T *in, const int64_t *idx, long count, long axis_size) {                     \
        enum { LINE = 64 / sizeof(T) };                                                            \
        bool outside = false;                                                                      \
        long i = 0;                                                                                \
        for (; i + LINE <= count; i += LINE) {                                                     \
            if (i < axis_size) __builtin_prefetch(in + axis_size + i);                             \
            outside |= take_some_##T(out + i, in, idx + i, LINE, 1, axis_size, 0);                 \
        }                                                                                          \
        return outside | take_some_##T(out + i, in, idx + i, count - i, 1, axis_size, 0);          \
    }                                                                                              \
    KERNEL static bool take_columns_##T(T *out, const T *in, const int64_t *idx, long rows,        \
        long width, long pitch, long stride, long axis_size) {                                     \
        bool outside = false;                                                                      \
        for (long r = 0; r < rows; r++, out += pitch, idx += pitch) {                              \
            if (pitch != width) call_for_part(idx, rows - r, pitch * 8, width * 8);                \
            outside |= take_some_##T(out, in, idx, width, stride, axis_size, 1);                   \
        }                                                                                          \
        return outside;                                                                            \
    }                                                                                              \
    static bool take_##T(T *out, const T *in, const int64_t *idx, long rows, long width,           \
        long pitch, long stride, long axis_size) {                                                 \
        return stride == 1                                                                         \
                   ? take_column_##T(out, in, idx, rows, axis_size)                                \
                   : take_columns_##T(out, in, idx, rows, width, pitch, stride, axis_size);        \
    }
FOR_UNSIGNED(TAKE_SOME, )

long ck_take_along(void *out, const void *src, const int64_t *idx, long rows, long width,
    long pitch, long stride, long axis_size, int itemsize) {
    bool outside = true;
    if (axis_size > 0) switch (itemsize) {
        case 1: outside = take_u8(out, src, idx, rows, width, pitch, stride, axis_size); break;
        case 2: outside = take_u16(out, src, idx, rows, width, pitch, stride, axis_size); break;
        case 4: outside = take_u32(out, src, idx, rows, width, pitch, stride, axis_size); break;
        default: outside = take_u64(out, src, idx, rows, width, pitch, stride, axis_size); break;
        }
    return outside ? ck_first_outside(idx, rows, width, pitch, axis_size) : -1;
}

// One after the other, as the last of equal indices stays.
#define PUT_ALONG(T, UNUSED)                                                                       \
    static long put_##T(T *out, const T *in, const int64_t *idx, long rows, long width,            \
        long pitch, long stride, long axis_size) {                                                 \
        for (long r = 0; r < rows; r++) {                                                          \
            const int64_t *places = idx + r * pitch;                                               \
            const T *from = in + r * pitch;                                                        \
            if (pitch != width) {                                                                  \
                call_for_part(places, rows - r, pitch * 8, width * 8);                             \
                call_for_part(from, rows - r, pitch * (long)sizeof(T), width * (long)sizeof(T));   \
            }                                                                                      \
            for (long column = 0; column < width; column++) {                                      \
                u64 place = place_of(places[column], axis_size);                                   \
                if (place >= (u64)axis_size) return r * pitch + column;                            \
                out[(long)place * stride + column] = from[column];                                 \
            }                                                                                      \
        }                                                                                          \
        return -1;                                                                                 \
    }                                                                                              \
    static long put_column_##T(                                                                    \
        T *out, const T *in, const int64_t *idx, long count, long axis_size) {                     \
        _Pragma("clang loop unroll_count(4)") for (long i = 0; i < count; i++) {                   \
            u64 place = place_of(idx[i], axis_size);                                               \
            if (place >= (u64)axis_size) return i;                                                 \
            out[place] = in[i];                                                                    \
        }                                                                                          \
        return -1;                                                                                 \
    }                                                                                              \
    static long put_along_##T(T *out, const T *in, const int64_t *idx, long rows, long width,      \
        long pitch, long stride, long axis_size) {                                                 \
        return stride == 1 ? put_column_##T(out, in, idx, rows, axis_size)                         \
                           : put_##T(out, in, idx, rows, width, pitch, stride, axis_size);         \
    }
FOR_UNSIGNED(PUT_ALONG, )

long ck_put_along(void *out, const void *updates, const int64_t *idx, long rows, long width,
    long pitch, long stride, long axis_size, int itemsize) {
    switch (itemsize) {
    case 1: return put_along_u8(out, updates, idx, rows, width, pitch, stride, axis_size);
    case 2: return put_along_u16(out, updates, idx, rows, width, pitch, stride, axis_size);
    case 4: return put_along_u32(out, updates, idx, rows, width, pitch, stride, axis_size);
    default: return put_along_u64(out, updates, idx, rows, width, pitch, stride, axis_size);
    }
}

// Rows of one element are those of a column.
long ck_take_rows(void *out, const void *src, const int64_t *idx, long n, long axis_size,
    long row_bytes) {
    bool is_element = row_bytes == 1 || row_bytes == 2 || row_bytes == 4 || row_bytes == 8;
    return is_element ? ck_take_along(out, src, idx, n, 1, 1, 1, axis_size, (int)row_bytes)
                      : take_long_rows(out, src, idx, n, axis_size, row_bytes);
}
