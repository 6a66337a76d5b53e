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

// Scores of LINES keys, `row` apart.
#define SCORES(T, V, W, COUNT)                                                                     \
    INLINE void scores_##T##_##COUNT(T *out, const T *q, const T *k, long row, long depth) {       \
        _Pragma("clang fp contract(fast)")                                                         \
        V sum[COUNT];                                                                              \
        T rest[COUNT];                                                                             \
        long d = 0;                                                                                \
        for (int i = 0; i < COUNT; i++) sum[i] = 0, rest[i] = 0;                                   \
        for (; d + W <= depth; d += W)                                                             \
            for (int i = 0; i < COUNT; i++) sum[i] += AT(V, q, d) * AT(V, k, i * row + d);         \
        for (; d < depth; d++)                                                                     \
            for (int i = 0; i < COUNT; i++) rest[i] += q[d] * k[i * row + d];                      \
        for (int i = 0; i < COUNT; i++) out[i] = lanes_##T(&sum[i]) + rest[i];                     \
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
    SCORES(T, V, W, 1)                                                                             \
    SCORES(T, V, W, 4)                                                                             \
    GATHER(T, V, W, 1)                                                                             \
    GATHER(T, V, W, 4)                                                                             \
    KERNEL static void piece_##T(void *result, void *state, const void *queries, const void *keys, \
        const void *values, void *scratch, ck_attention_piece piece) {                             \
        long n = piece.keys, width = piece.width;                                                  \
        T *weights = scratch;                                                                      \
        for (long head = 0; head < piece.heads; head++) {                                          \
            const T *q = (const T *)queries + head * piece.depth, *k = keys, *v = values;          \
            T *out = (T *)result + head * width, largest = (T)-INFINITY, total = 0;                \
            long key = 0, e = 0;                                                                   \
            for (; key + 4 <= n; key += 4)                                                         \
                scores_##T##_4(                                                                    \
                    weights + key, q, k + key * piece.key_row, piece.key_row, piece.depth);        \
            for (; key < n; key++)                                                                 \
                scores_##T##_1(weights + key, q, k + key * piece.key_row, 0, piece.depth);         \
            for (key = 0; key < n; key++) {                                                        \
                weights[key] *= (T)piece.scale;                                                    \
                largest = weights[key] > largest ? weights[key] : largest;                         \
            }                                                                                      \
            T anchor = largest == (T)-INFINITY ? 0 : largest;                                      \
            LANES for (long i = 0; i < n; i++)                                                     \
                weights[i] = below_one_##T(weights[i] - anchor);                                   \
            for (key = 0; key < n; key++) total += weights[key];                                   \
            for (; e + 4 * W <= width; e += 4 * W)                                                 \
                gather_##T##_4(out + e, weights, v + e, piece.value_row, n);                       \
            for (; e + W <= width; e += W)                                                         \
                gather_##T##_1(out + e, weights, v + e, piece.value_row, n);                       \
            for (; e < width; e++) {                                                               \
                T sum = 0;                                                                         \
                for (key = 0; key < n; key++) sum += weights[key] * v[key * piece.value_row + e];  \
                out[e] = sum;                                                                      \
            }                                                                                      \
            ((T *)state)[2 * head] = largest;                                                      \
            ((T *)state)[2 * head + 1] = total;                                                    \
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
