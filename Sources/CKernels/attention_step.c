// Attention of single queries over cached keys: a piece of the keys at a time, each with its own
// largest score, joined in the end (Dao et al., Flash-Decoding, 2023).

#include "float_math.h"
#include "half.h"
#include "row.h"

#include "ck_attention_step.h"

typedef f16 f16x16 __attribute__((ext_vector_type(16), aligned(2)));

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

// Vectors of cached elements, in the type computed in.
#define LOAD_f32(pointer, i) AT(f32x16, pointer, i)
#define LOAD_f64(pointer, i) AT(f64x8, pointer, i)
#define LOAD_f16(pointer, i) __builtin_convertvector(AT(f16x16, pointer, i), f32x16)

// Up to four heads at once, each of which meets what is loaded.
#define BY_HEADS(NAME, ...)                                                                        \
    for (long head = 0; head < piece.heads; head += 4) switch (piece.heads - head) {               \
        case 1: NAME(__VA_ARGS__, 1, piece); break;                                                \
        case 2: NAME(__VA_ARGS__, 2, piece); break;                                                \
        case 3: NAME(__VA_ARGS__, 3, piece); break;                                                \
        default: NAME(__VA_ARGS__, 4, piece);                                                      \
        }

// Scores of up to four keys of type K for some heads; the heads' lie `n` apart.
#define SCORES(K, T, V, W)                                                                         \
    INLINE void few_scores_##K(T *out, const T *q, const K *k, int keys, int heads,                \
        ck_attention_piece piece) {                                                                \
        _Pragma("clang fp contract(fast)")                                                         \
        V sum[4][4], key[4];                                                                       \
        T rest[4][4], four[4];                                                                     \
        long d = 0, row = piece.key_row, depth = piece.depth, n = piece.keys;                      \
        UNROLL for (int h = 0; h < heads; h++)                                                     \
            UNROLL for (int i = 0; i < 4; i++) sum[h][i] = 0, rest[h][i] = 0;                      \
        for (; d + W <= depth; d += W) {                                                           \
            UNROLL for (int i = 0; i < keys; i++) key[i] = LOAD_##K(k, i * row + d);               \
            UNROLL for (int h = 0; h < heads; h++)                                                 \
                UNROLL for (int i = 0; i < keys; i++)                                              \
                    sum[h][i] += AT(V, q, h * depth + d) * key[i];                                 \
        }                                                                                          \
        for (; d < depth; d++)                                                                     \
            for (int h = 0; h < heads; h++)                                                        \
                for (int i = 0; i < keys; i++) rest[h][i] += q[h * depth + d] * (T)k[i * row + d]; \
        UNROLL for (int h = 0; h < heads; h++) {                                                   \
            four_sums_##T(four, sum[h]);                                                           \
            for (int i = 0; i < keys; i++) out[h * n + i] = four[i] + rest[h][i];                  \
        }                                                                                          \
    }                                                                                              \
    INLINE void scores_##K(T *out, const T *q, const K *k, int heads, ck_attention_piece piece) {  \
        long key = 0;                                                                              \
        for (; key + 4 <= piece.keys; key += 4)                                                    \
            few_scores_##K(out + key, q, k + key * piece.key_row, 4, heads, piece);                \
        for (; key < piece.keys; key++)                                                            \
            few_scores_##K(out + key, q, k + key * piece.key_row, 1, heads, piece);                \
    }

// COUNT vectors of the values weighted for some heads.
#define GATHER(K, T, V, W, COUNT)                                                                  \
    INLINE void gather_##K##_##COUNT(T *out, const T *weights, const K *v, int heads,              \
        ck_attention_piece piece) {                                                                \
        _Pragma("clang fp contract(fast)")                                                         \
        V sum[4][COUNT], value;                                                                    \
        long n = piece.keys, row = piece.value_row;                                                \
        UNROLL for (int h = 0; h < heads; h++)                                                     \
            UNROLL for (int i = 0; i < COUNT; i++) sum[h][i] = 0;                                  \
        for (long key = 0; key < n; key++)                                                         \
            UNROLL for (int i = 0; i < COUNT; i++) {                                               \
                value = LOAD_##K(v, key * row + i * W);                                            \
                UNROLL for (int h = 0; h < heads; h++) sum[h][i] += weights[h * n + key] * value;  \
            }                                                                                      \
        UNROLL for (int h = 0; h < heads; h++)                                                     \
            UNROLL for (int i = 0; i < COUNT; i++)                                                 \
                *(V *)(out + h * piece.width + i * W) = sum[h][i];                                 \
    }

#define PIECE(K, T, V, W)                                                                          \
    SCORES(K, T, V, W)                                                                             \
    GATHER(K, T, V, W, 1)                                                                          \
    GATHER(K, T, V, W, 4)                                                                          \
    INLINE void weighted_##K(T *out, const T *weights, const K *v, int heads,                      \
        ck_attention_piece piece) {                                                                \
        long n = piece.keys, width = piece.width, row = piece.value_row, e = 0;                    \
        for (; e + 4 * W <= width; e += 4 * W)                                                     \
            gather_##K##_4(out + e, weights, v + e, heads, piece);                                 \
        for (; e + W <= width; e += W) gather_##K##_1(out + e, weights, v + e, heads, piece);      \
        for (; e < width; e++)                                                                     \
            for (int h = 0; h < heads; h++) {                                                      \
                T sum = 0;                                                                         \
                for (long key = 0; key < n; key++)                                                 \
                    sum += weights[h * n + key] * (T)v[key * row + e];                             \
                out[h * width + e] = sum;                                                          \
            }                                                                                      \
    }                                                                                              \
    INLINE void scaled_##K(T *weights, T *state, ck_attention_piece piece) {                       \
        long n = piece.keys;                                                                       \
        LANES for (long i = 0; i < n; i++) weights[i] *= (T)piece.scale;                           \
        T largest = largest_##T(weights, n);                                                       \
        T anchor = largest == (T)-INFINITY ? 0 : largest;                                          \
        LANES for (long i = 0; i < n; i++) weights[i] = below_one_##T(weights[i] - anchor);        \
        state[0] = largest;                                                                        \
        state[1] = sum_block_##T(weights, n);                                                      \
    }                                                                                              \
    KERNEL static void piece_##K(void *result, void *state, const void *queries, const void *keys, \
        const void *values, void *scratch, ck_attention_piece piece) {                             \
        long n = piece.keys;                                                                       \
        const T *q = queries;                                                                      \
        T *weights = scratch, *out = result;                                                       \
        BY_HEADS(scores_##K, weights + head * n, q + head * piece.depth, keys)                     \
        for (long head = 0; head < piece.heads; head++)                                            \
            scaled_##K(weights + head * n, (T *)state + 2 * head, piece);                          \
        BY_HEADS(weighted_##K, out + head * piece.width, weights + head * n, values)               \
    }
PIECE(f32, f32, f32x16, 16)
PIECE(f64, f64, f64x8, 8)
PIECE(f16, f32, f32x16, 16)

#define JOIN(T)                                                                                    \
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
JOIN(f32)
JOIN(f64)
LOOKUP(ck_attend_piece, ck_attend_piece_of, ROWS_FLOATS(piece), [CK_F16] = piece_f16)
LOOKUP(ck_attend_join, ck_attend_join_of, ROWS_FLOATS(join))

KERNEL void ck_keep_halves(void *out, const float *x, long n) {
    for (long i = 0; i < n; i++) {
        float above = x[i] < -65504 ? -65504 : x[i];
        ((f16 *)out)[i] = (f16)(above > 65504 ? 65504 : above);
    }
}
