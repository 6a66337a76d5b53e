// Products of a few rows with lines of a matrix, neither of which is packed.

#include "eight.h"
#include "half.h"
#include "pairs.h"

#include "ck_matmul.h"

#if defined(__x86_64__)

int ck_has_bf16_dots(void) { return has_pairs(); }

// The products of up to four rows with up to LINES lines, EACH elements of both at a time. So many
// vectors go into one sum, and such sums into another, as a long chain of additions loses digits.
// Only the last vector is read by a mask: that takes as long again.
#define DOTS_OF(TARGET, NAME, V, LINES, T, EACH, READ, MULTIPLY, MOST, TOTAL)                      \
    TARGET __attribute__((always_inline)) static inline void add_##NAME(V sum[4][LINES],           \
        const T *a, long a_stride, const T *b, long b_stride, u32 lanes, int rows, int lines) {    \
        V x[4];                                                                                    \
        UNROLL for (int row = 0; row < rows; row++) x[row] = READ(lanes, a + row * a_stride);      \
        UNROLL for (int line = 0; line < lines; line++) {                                          \
            V y = READ(lanes, b + line * b_stride);                                                \
            UNROLL for (int row = 0; row < rows; row++)                                            \
                sum[row][line] = MULTIPLY(sum[row][line], x[row], y);                              \
        }                                                                                          \
    }                                                                                              \
    TARGET __attribute__((always_inline)) static inline void NAME(T *out, long leading,            \
        const T *a, long a_stride, const T *b, long b_stride, long count, int rows, int lines) {   \
        V sum[4][LINES], total[4][LINES];                                                          \
        UNROLL for (int row = 0; row < rows; row++)                                                \
            UNROLL for (int line = 0; line < lines; line++) total[row][line] = (V){};              \
        for (long start = 0; start < count;) {                                                     \
            UNROLL for (int row = 0; row < rows; row++)                                            \
                UNROLL for (int line = 0; line < lines; line++) sum[row][line] = (V){};            \
            long end = smaller(count, start + (MOST) * (EACH));                                    \
            for (; start + EACH <= end; start += EACH)                                             \
                add_##NAME(sum, a + start, a_stride, b + start, b_stride, ~0u, rows, lines);       \
            if (start < end) {                                                                     \
                u32 lanes = (1u << (end - start)) - 1;                                             \
                add_##NAME(sum, a + start, a_stride, b + start, b_stride, lanes, rows, lines);     \
                start = end;                                                                       \
            }                                                                                      \
            UNROLL for (int row = 0; row < rows; row++)                                            \
                UNROLL for (int line = 0; line < lines; line++) total[row][line] += sum[row][line];\
        }                                                                                          \
        UNROLL for (int row = 0; row < rows; row++)                                                \
            UNROLL for (int line = 0; line < lines; line++)                                        \
                out[row * leading + line] = TOTAL(total[row][line]);                               \
    }                                                                                              \
    FOUR(DOTS_OF_ROWS, TARGET, NAME, LINES, T)                                                     \
    static void all_##NAME(void *out, long leading, const void *a, long a_stride, const void *b,   \
        long b_stride, long rows, long lines, long count) {                                        \
        static void (*const kernels[])(T *, long, const T *, long, const T *, long, long, long) =  \
            {NAME##_1, NAME##_2, NAME##_3, NAME##_4};                                              \
        for (long row = 0; row < rows; row += 4)                                                   \
            kernels[smaller(rows - row, 4) - 1]((T *)out + row * leading, leading,                 \
                (const T *)a + row * a_stride, a_stride, b, b_stride, lines, count);               \
    }

#define FOUR(M, ...) M(1, __VA_ARGS__) M(2, __VA_ARGS__) M(3, __VA_ARGS__) M(4, __VA_ARGS__)
#define DOTS_OF_ROWS(R, TARGET, NAME, LINES, T)                                                    \
    TARGET static void NAME##_##R(T *out, long leading, const T *a, long a_stride, const T *b,     \
        long b_stride, long lines, long count) {                                                   \
        long line = 0;                                                                             \
        for (; line + LINES <= lines; line += LINES)                                               \
            NAME(out + line, leading, a, a_stride, b + line * b_stride, b_stride, count, R, LINES);\
        for (; line < lines; line++)                                                               \
            NAME(out + line, leading, a, a_stride, b + line * b_stride, b_stride, count, R, 1);    \
    }

#define READ_FLOATS(LANES, PLACE) _mm512_maskz_loadu_ps((__mmask16)(LANES), PLACE)
#define READ_EIGHT(LANES, PLACE)                                                                   \
    ((LANES) == ~0u ? load_8(PLACE) : load_some_8(first_8(__builtin_popcount(LANES)), PLACE))
#define READ_PAIRS(LANES, PLACE) (__m512)_mm512_maskz_loadu_epi16(LANES, PLACE)
#define FUSED(SUM, X, Y) _mm512_fmadd_ps(X, Y, SUM)
#define FUSED_EIGHT(SUM, X, Y) _mm256_fmadd_ps(X, Y, SUM)
#define PAIRED(SUM, X, Y) _mm512_dpbf16_ps(SUM, (__m512bh)(X), (__m512bh)(Y))
#define NARROWED(SUM) narrow_bf16(_mm512_reduce_add_ps(SUM))

DOTS_OF(WIDE, float_dots, __m512, 4, float, 16, READ_FLOATS, FUSED, 64, _mm512_reduce_add_ps)
DOTS_OF(EIGHT, eight_dots, __m256, 2, float, 8, READ_EIGHT, FUSED_EIGHT, 64, total_8)
DOTS_OF(PAIRS, bf16_dots, __m512, 4, bf16, 32, READ_PAIRS, PAIRED, 1l << 32, NARROWED)

void ck_float_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count) {
    (has_wide() ? all_float_dots : all_eight_dots)(
        out, leading, a, a_stride, b, b_stride, rows, lines, count);
}

void ck_bf16_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count) {
    all_bf16_dots(out, leading, a, a_stride, b, b_stride, rows, lines, count);
}

#else

int ck_has_bf16_dots(void) { return 0; }
void ck_float_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count) {}
void ck_bf16_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count) {}

#endif
