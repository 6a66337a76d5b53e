// Attention of single queries over cached keys: a piece of the keys at a time, each with its own
// largest score, joined in the end (Dao et al., Flash-Decoding, 2023).

#include "float_math.h"
#include "row.h"

#include "ck_attention_step.h"

// The exponential of a number that is at most 0; subnormal results are 0.
INLINE float below_one_f32(float x) {
    float y = exp_normal(x < -87.0f ? -87.0f : x);
    return x < -87.0f ? 0 : y;
}
INLINE double below_one_f64(double x) { return exp(x); }

// The sums of four vectors' lanes.
INLINE void four_sums_f32(f32 *out, const f32x16 *v) {
    f32x16 pairs[2];
    for (int i = 0; i < 2; i++)
        pairs[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8,
                       24, 9, 25, 12, 28, 13, 29) +
                   __builtin_shufflevector(v[2 * i], v[2 * i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10,
                       26, 11, 27, 14, 30, 15, 31);
    f32x16 four = __builtin_shufflevector(pairs[0], pairs[1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24,
                      25, 12, 13, 28, 29) +
                  __builtin_shufflevector(pairs[0], pairs[1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11,
                      26, 27, 14, 15, 30, 31);
    __auto_type two = four.lo + four.hi;
    __auto_type one = two.lo + two.hi;
    memcpy(out, &one, sizeof one);
}
INLINE void four_sums_f64(f64 *out, const f64x8 *v) {
    for (int i = 0; i < 4; i++) out[i] = lanes_f64(&v[i]);
}

// Scores of four keys, `row` apart.
#define SCORES(T, V, W)                                                                            \
    INLINE void four_scores_##T(T *out, const T *q, const T *k, long row, long depth) {            \
        _Pragma("clang fp contract(fast)")                                                         \
        V sum[4];                                                                                  \
        T rest[4];                                                                                 \
        long d = 0;                                                                                \
        for (int i = 0; i < 4; i++) sum[i] = 0, rest[i] = 0;                                       \
        for (; d + W <= depth; d += W)                                                             \
            for (int i = 0; i < 4; i++) sum[i] += AT(V, q, d) * AT(V, k, i * row + d);             \
        for (; d < depth; d++)                                                                     \
            for (int i = 0; i < 4; i++) rest[i] += q[d] * k[i * row + d];                          \
        four_sums_##T(out, sum);                                                                   \
        for (int i = 0; i < 4; i++) out[i] += rest[i];                                             \
    }

// Adds COUNT vectors of each value times its weight to `out`.
#define GATHER(T, V, W, COUNT)                                                                     \
    INLINE void gather_##T##_##COUNT(T *out, const T *weights, const T *v, long row, long n) {     \
        _Pragma("clang fp contract(fast)")                                                         \
        V sum[COUNT];                                                                              \
        for (int i = 0; i < COUNT; i++) sum[i] = 0;                                                \
        for (long key = 0; key < n; key++)                                                         \
            for (int i = 0; i < COUNT; i++) sum[i] += weights[key] * AT(V, v, key * row + i * W);  \
        for (int i = 0; i < COUNT; i++) *(V *)(out + i * W) = sum[i];                              \
    }

#define STEP(T, V, W)                                                                              \
    SCORES(T, V, W)                                                                                \
    GATHER(T, V, W, 1)                                                                             \
    GATHER(T, V, W, 4)                                                                             \
    INLINE void scores_##T(T *out, const T *q, const T *k, ck_attention_piece piece) {             \
        long key = 0;                                                                              \
        for (; key + 4 <= piece.keys; key += 4)                                                    \
            four_scores_##T(out + key, q, k + key * piece.key_row, piece.key_row, piece.depth);    \
        for (; key < piece.keys; key++) {                                                          \
            T four[4];                                                                             \
            four_scores_##T(four, q, k + key * piece.key_row, 0, piece.depth);                     \
            out[key] = four[0];                                                                    \
        }                                                                                          \
    }                                                                                              \
    INLINE void weighted_##T(T *out, const T *weights, const T *v, ck_attention_piece piece) {     \
        long n = piece.keys, width = piece.width, row = piece.value_row, e = 0;                    \
        for (; e + 4 * W <= width; e += 4 * W) gather_##T##_4(out + e, weights, v + e, row, n);    \
        for (; e + W <= width; e += W) gather_##T##_1(out + e, weights, v + e, row, n);            \
        for (; e < width; e++) {                                                                   \
            T sum = 0;                                                                             \
            for (long key = 0; key < n; key++) sum += weights[key] * v[key * row + e];             \
            out[e] = sum;                                                                          \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void piece_##T(void *result, void *state, const void *queries, const void *keys, \
        const void *values, void *scratch, ck_attention_piece piece) {                             \
        long n = piece.keys, heads = piece.heads;                                                  \
        const T *q = queries, *v = values;                                                         \
        /* All heads see the keys before the first sees the values, so that each stay near. */     \
        for (long head = 0; head < heads; head++)                                                  \
            scores_##T((T *)scratch + head * n, q + head * piece.depth, keys, piece);              \
        for (long head = 0; head < heads; head++) {                                                \
            T *weights = (T *)scratch + head * n;                                                  \
            LANES for (long i = 0; i < n; i++) weights[i] *= (T)piece.scale;                       \
            T largest = largest_##T(weights, n);                                                   \
            T anchor = largest == (T)-INFINITY ? 0 : largest;                                      \
            LANES for (long i = 0; i < n; i++)                                                     \
                weights[i] = below_one_##T(weights[i] - anchor);                                   \
            weighted_##T((T *)result + head * piece.width, weights, v, piece);                     \
            ((T *)state)[2 * head] = largest;                                                      \
            ((T *)state)[2 * head + 1] = sum_block_##T(weights, n);                                \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void join_##T(void *result, const void *parts, const void *states, long pieces,  \
        long part_row, long state_row, long width) {                                               \
        T *out = result, largest = (T)-INFINITY, total = 0;                                        \
        for (long piece = 0; piece < pieces; piece++) {                                            \
            T own = ((const T *)states)[piece * state_row];                                        \
            largest = own > largest ? own : largest;                                               \
        }                                                                                          \
        T anchor = largest == (T)-INFINITY ? 0 : largest;                                          \
        for (long e = 0; e < width; e++) out[e] = 0;                                               \
        for (long piece = 0; piece < pieces; piece++) {                                            \
            const T *state = (const T *)states + piece * state_row;                                \
            const T *part = (const T *)parts + piece * part_row;                                   \
            T share = below_one_##T(state[0] - anchor);                                            \
            total += share * state[1];                                                             \
            LANES for (long e = 0; e < width; e++) out[e] += share * part[e];                      \
        }                                                                                          \
        T inverse = 1 / total;                                                                     \
        LANES for (long e = 0; e < width; e++) out[e] *= inverse;                                  \
    }
STEP(f32, f32x16, 16)
STEP(f64, f64x8, 8)
LOOKUP(ck_attend_piece, ck_attend_piece_of, ROWS_FLOATS(piece))
LOOKUP(ck_attend_join, ck_attend_join_of, ROWS_FLOATS(join))
