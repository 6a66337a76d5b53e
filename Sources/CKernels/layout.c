// Strided copies and additions of matrices, the only loops that know strides.

#include "addition.h"
#include "bytes.h"

#pragma STDC FP_CONTRACT OFF

// MARK: copies

// Rows that are contiguous on both sides; strides in bytes.
KERNEL static void copy_rows(
    char *out, const char *in, long rows, long bytes, long out_stride, long in_stride) {
    if (out_stride == bytes && in_stride == bytes) {
        memcpy(out, in, (size_t)(rows * bytes));
    } else {
        for (long r = 0; r < rows; r++) copy_bytes(out + r * out_stride, in + r * in_stride, bytes);
    }
}

// The side of a square tile: both faces of it stay in the L1 cache.
enum { TILE = 16 };

#define MAKE_COPY(T, UNUSED)                                                                       \
    typedef T line_##T __attribute__((ext_vector_type(64 / sizeof(T)), aligned(sizeof(T))));       \
    /* One value a row, in whole lines: the last of a row begins so early that it ends with it; */ \
    /* that of a row of less than a line runs over into the next one, where that is yet to come. */\
    KERNEL static void fill_##T(                                                                   \
        T *out, const T *in, long rows, long cols, long out_stride, long in_stride) {              \
        const long line = 64 / sizeof(T);                                                          \
        bool runs_over = cols < line && out_stride == cols && rows * cols >= line;                 \
        long over = runs_over ? (rows * cols - line) / cols + 1 : 0, r = 0;                        \
        for (; r < over; r++) *(line_##T *)(out + r * cols) = (line_##T)in[r * in_stride];         \
        for (; r < rows; r++) {                                                                    \
            T value = in[r * in_stride], *row = out + r * out_stride;                              \
            if (cols < line) {                                                                     \
                for (long c = 0; c < cols; c++) row[c] = value;                                    \
            } else {                                                                               \
                for (long c = 0; c < cols - line; c += line)                                       \
                    *(line_##T *)(row + c) = (line_##T)value;                                      \
                *(line_##T *)(row + cols - line) = (line_##T)value;                                \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void transpose_##T(                                                              \
        T *out, const T *in, long rows, long cols, long out_stride, long in_stride) {              \
        for (long c0 = 0; c0 < cols; c0 += TILE) {                                                 \
            long c1 = smaller(c0 + TILE, cols);                                                    \
            for (long r0 = 0; r0 < rows; r0 += TILE) {                                             \
                long r1 = smaller(r0 + TILE, rows);                                                \
                for (long r = r0; r < r1; r++)                                                     \
                    for (long c = c0; c < c1; c++)                                                 \
                        out[r * out_stride + c] = in[c * in_stride + r];                           \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void copy_strided_##T(T *out, const T *in, long rows, long cols, long ors, long ocs,    \
        long irs, long ics) {                                                                      \
        for (long r = 0; r < rows; r++) {                                                          \
            T *to = out + r * ors;                                                                 \
            const T *from = in + r * irs;                                                          \
            for (long c = 0; c < cols; c++) to[c * ocs] = from[c * ics];                           \
        }                                                                                          \
    }                                                                                              \
    static void copy_2d_##T(T *out, const T *in, long rows, long cols, long ors, long ocs,         \
        long irs, long ics) {                                                                      \
        if (ocs != 1) copy_strided_##T(out, in, rows, cols, ors, ocs, irs, ics);                   \
        else if (ics == 0) fill_##T(out, in, rows, cols, ors, irs);                                \
        else if (irs == 1) transpose_##T(out, in, rows, cols, ors, ics);                           \
        else copy_strided_##T(out, in, rows, cols, ors, ocs, irs, ics);                            \
    }
FOR_UNSIGNED(MAKE_COPY, )

// MARK: copies past the caches

typedef u8 u8x64_line __attribute__((ext_vector_type(64)));

// A loop over the places for each line would take longer than the memory: one for each number.
#define MAKE_COPY_LINES(COUNT)                                                                     \
    KERNEL static void copy_lines_##COUNT(                                                         \
        char *out, const char *in, long lines, const char *const *ahead) {                         \
        for (long i = 0; i < lines * 64; i += 64) {                                                \
            u8x64_line line = *(const u8x64 *)(in + i);                                            \
            UNROLL for (long place = 0; place < COUNT; place++)                                    \
                __builtin_prefetch(ahead[place] + i);                                              \
            __builtin_nontemporal_store(line, (u8x64_line *)(out + i));                            \
        }                                                                                          \
    }
MAKE_COPY_LINES(0)
MAKE_COPY_LINES(1)
MAKE_COPY_LINES(2)
MAKE_COPY_LINES(3)

void ck_copy_past_caches(
    void *out, const void *in, long bytes, const void *const *ahead, long count) {
    long first = smaller(-(intptr_t)out & 63, bytes), lines = (bytes - first) / 64;
    copy_bytes(out, in, first);
    static void (*const copy[])(char *, const char *, long, const char *const *) = {
        copy_lines_0, copy_lines_1, copy_lines_2, copy_lines_3};
    copy[smaller(count, 3)](
        (char *)out + first, (const char *)in + first, lines, (const char *const *)ahead);
    long done = first + lines * 64;
    copy_bytes((char *)out + done, (const char *)in + done, bytes - done);
}

void ck_await_copies(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

void ck_ask(const void *memory, long bytes) {
    for (const char *line = memory, *end = line + bytes; line < end; line += 64) ask_for(line);
}

INLINE void swap(long *a, long *b) {
    long held = *a;
    *a = *b;
    *b = held;
}

void ck_copy_2d(void *out, const void *in, long rows, long cols, long ors, long ocs, long irs,
    long ics, int itemsize) {
    if (rows <= 0 || cols <= 0) return;
    // The stride of a single row or column is free, so that it may count as contiguous.
    if (rows == 1) ors = ocs * cols, irs = ics * cols;
    if (cols == 1) ocs = ors * rows, ics = irs * rows;
    // The axis that the output walks one by one goes inside.
    if (cols == 1 || (ocs != 1 && ors == 1)) {
        swap(&rows, &cols);
        swap(&ors, &ocs);
        swap(&irs, &ics);
    }
    if (ocs == 1 && ics == 1) {
        long size = itemsize;
        copy_rows(out, in, rows, cols * size, ors * size, irs * size);
        return;
    }
    switch (itemsize) {
    case 1: copy_2d_u8(out, in, rows, cols, ors, ocs, irs, ics); break;
    case 2: copy_2d_u16(out, in, rows, cols, ors, ocs, irs, ics); break;
    case 4: copy_2d_u32(out, in, rows, cols, ors, ocs, irs, ics); break;
    case 8: copy_2d_u64(out, in, rows, cols, ors, ocs, irs, ics); break;
    default: break;
    }
}

// MARK: additions

// A row of outputs that are one apart is added in lanes; everything else in order.
#define ACCUMULATE(T, SUM)                                                                         \
    KERNEL static void accumulate_##T(void *out, const void *in, long rows, long cols, long ors,   \
        long ocs, long irs, long ics) {                                                            \
        if (ors == 1 && irs == 1 && !(ocs == 1 && ics == 1)) {                                     \
            swap(&rows, &cols);                                                                    \
            swap(&ors, &ocs);                                                                      \
            swap(&irs, &ics);                                                                      \
        }                                                                                          \
        for (long r = 0; r < rows; r++) {                                                          \
            T *to = (T *)out + r * ors;                                                            \
            const T *from = (const T *)in + r * irs;                                               \
            if (ocs == 1 && ics == 1) {                                                            \
                LANES for (long c = 0; c < cols; c++) {                                            \
                    T x = to[c], y = from[c];                                                      \
                    to[c] = (SUM);                                                                 \
                }                                                                                  \
            } else {                                                                               \
                for (long c = 0; c < cols; c++) {                                                  \
                    T x = to[c * ocs], y = from[c * ics];                                          \
                    to[c * ocs] = (SUM);                                                           \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
FOR_SUMMABLE(ACCUMULATE)
LOOKUP(ck_accumulate, ck_accumulate_2d, ROWS_SUMMABLE(accumulate))
