// Rows times packed weights: x is rounded to 15 bits in blocks of 32, two codes of 8 bits each, so
// that codes meet codes.
//
// One code of 8 bits would not do: activations have single elements far larger than their
// neighbours, and a language model's likelihoods move by several thousandths.

#include "float_math.h"
#include "half.h"
#include "quantization.h"
#include "row.h"

#include "ck_projection.h"

enum { ROUNDED = CK_ROUNDED_BLOCK, CHUNK = CK_ROUNDED_CHUNK, SPAN = 512, LINES = 4 };

// How far ahead codes, and scales and biases, are asked for, in bytes: the processor foresees too
// little of such short lines. They are read once, and need not stay in a cache.
enum { AHEAD = 4096, NUMBERS_AHEAD = 512 };
#define ASK_FOR(ADDRESS) __builtin_prefetch(ADDRESS, 0, 0)

// The most bytes of lines that go by together: longer ones would be as many streams from memory,
// which bring half as much as one after the other.
enum { TOGETHER = 512 };

INLINE float gate_f32(float x) { return x / (1 + exp_float(-x)); }
INLINE double gate_f64(double x) { return x / (1 + exp(-x)); }

#define GATED(T, UNUSED) BINARY(gated, T, gate_##T(x) * y)
FOR_FLOATS(GATED, )
LOOKUP(ck_binary, ck_gated_row, ROWS_FLOATS(gated))

// MARK: rounding

// What the largest element of a block becomes: 127 · 128 + 63.
static const float FULL = 16319;

typedef i8 i8x16 __attribute__((ext_vector_type(16), aligned(1)));
typedef i8 i8x32 __attribute__((ext_vector_type(32), aligned(1)));
typedef i32 i32x16 __attribute__((ext_vector_type(16)));

typedef struct {
    i8x32 high;
    i8x32 low;
    float scale;
    i32 sum;
} rounded_block;

INLINE void round_block(rounded_block *out, const float *x) {
    f32x16 halves[2] = {AT(f32x16, x, 0), AT(f32x16, x, 16)};
    f32x16 sizes = __builtin_elementwise_max(
        __builtin_elementwise_abs(halves[0]), __builtin_elementwise_abs(halves[1]));
    f32x16 zeros = halves[0] * 0 + halves[1] * 0;
    float largest = __builtin_reduce_max(sizes), finite = lanes_f32(&zeros);
    // Blocks of almost nothing are nothing, so that the inverse is finite.
    out->scale = (largest > 1e-30f ? largest / FULL : 0) + finite;
    float inverse = finite == 0 && largest > 1e-30f ? FULL / largest : 0;
    i8x16 high[2], low[2];
    i32x16 total = 0;
    for (int i = 0; i < 2; i++) {
        // Adding 1.5·2^23 rounds to an integer in the low bits.
        f32x16 shifted = (finite == 0 ? halves[i] : 0) * inverse + 12582912.0f;
        i32x16 code, upper;
        memcpy(&code, &shifted, sizeof code);
        code -= 0x4B400000;
        upper = (code + 64) >> 7;
        high[i] = __builtin_convertvector(upper, i8x16);
        low[i] = __builtin_convertvector(code - upper * 128, i8x16);
        total += code;
    }
    out->high = __builtin_shufflevector(high[0], high[1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    out->low = __builtin_shufflevector(low[0], low[1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
        14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    out->sum = __builtin_reduce_add(total);
}

// Codes at even places, and behind half a chunk those at odd ones.
INLINE void put_pairs(i8 *out, const i8x32 *codes) {
    *(i8x16 *)out = codes->even;
    *(i8x16 *)(out + CHUNK / 2) = codes->odd;
}

KERNEL void ck_round_row(ck_rounded out, const float *x, long n, long group, int by_pairs) {
    long padded = (n + CHUNK - 1) / CHUNK * CHUNK, groups = n / group;
    for (long g = 0; g < (groups + 15) / 16 * 16; g++) out.sums[g] = 0;
    for (long block = n / ROUNDED; block < (n + SPAN - 1) / SPAN * (SPAN / ROUNDED); block++)
        out.scales[block] = 0;
    for (long start = 0; start < padded; start += ROUNDED) {
        rounded_block block = {0};
        if (start < n) {
            round_block(&block, x + start);
            out.sums[start / group] += block.scale * (float)block.sum;
        }
        out.scales[start / ROUNDED] = block.scale;
        if (by_pairs) {
            long place = start / CHUNK * CHUNK + start % CHUNK / 2;
            put_pairs(out.high + place, &block.high);
            put_pairs(out.low + place, &block.low);
        } else {
            *(i8x32 *)(out.high + start) = block.high;
            *(i8x32 *)(out.low + start) = block.low;
        }
    }
}

// MARK: codes of 8 bits

#define EXPAND(BITS, UNUSED)                                                                       \
    KERNEL static void expand_##BITS(u8 *out, const u8 *in, long n) {                              \
        for (long i = 0; i < n; i += 8, in += BITS, out += 8) {                                    \
            u32x8 codes;                                                                           \
            eight_##BITS(&codes, in);                                                              \
            u8x8 bytes = __builtin_convertvector(codes, u8x8);                                     \
            memcpy(out, &bytes, sizeof bytes);                                                     \
        }                                                                                          \
    }
EXPAND(2, )
EXPAND(3, )
EXPAND(4, )
EXPAND(5, )
EXPAND(6, )

static void expand(u8 *out, const u8 *in, long n, int bits) {
    switch (bits) {
    case 2: return expand_2(out, in, n);
    case 3: return expand_3(out, in, n);
    case 4: return expand_4(out, in, n);
    case 5: return expand_5(out, in, n);
    case 6: return expand_6(out, in, n);
    default: memcpy(out, in, (size_t)n);
    }
}

INLINE float number_of(const void *numbers, long i, int dtype) {
    if (dtype == CK_F16) return wide_f16(((const f16 *)numbers)[i]);
    if (dtype == CK_BF16) return wide_bf16(((const bf16 *)numbers)[i]);
    return ((const float *)numbers)[i];
}

KERNEL static float plain_dot(const u8 *codes, ck_affine_rows w, long row, ck_rounded x) {
    long groups = w.columns / w.group;
    float total = 0;
    for (long start = 0; start < w.columns; start += ROUNDED) {
        i32 sum = 0;
        LANES for (int i = 0; i < ROUNDED; i++)
            sum += codes[start + i] * (x.high[start + i] * 128 + x.low[start + i]);
        float scale = number_of(w.scales, row * groups + start / w.group, w.dtype);
        total += (float)sum * (scale * x.scales[start / ROUNDED]);
    }
    for (long g = 0; g < groups; g++)
        total += number_of(w.biases, row * groups + g, w.dtype) * x.sums[g];
    return total;
}

INLINE ck_rounded row_of(ck_rounded x, long x_stride, long i) {
    long offset = i * x_stride;
    return (ck_rounded){x.high + offset, x.low + offset, x.scales + offset, x.sums + offset};
}

void ck_expand_codes(void *out, const void *codes, long n, int bits) {
    expand(out, codes, n, bits);
}

static void plain_dots(float *out, long stride, ck_affine_rows w, ck_rounded x, long x_stride,
    long count, u8 *scratch) {
    const u8 *codes = w.codes;
    for (long row = 0; row < w.rows; row++) {
        expand(scratch, codes + row * w.columns * w.bits / 8, w.columns, w.bits);
        for (long i = 0; i < count; i++)
            out[i * stride + row] = plain_dot(scratch, w, row, row_of(x, x_stride, i));
    }
}

#if defined(__x86_64__)

#include <immintrin.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c,fma")))
#define VNNI_INLINE VNNI __attribute__((always_inline)) static inline

int ck_has_rounded_products(void) {
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

VNNI_INLINE __m512 sixteen_numbers(const void *numbers, long first, int dtype, __mmask16 mask) {
    if (dtype == CK_F32) return _mm512_maskz_loadu_ps(mask, (const float *)numbers + first);
    __m256i halves = _mm256_maskz_loadu_epi16(mask, (const u16 *)numbers + first);
    if (dtype == CK_F16) return _mm512_cvtph_ps(halves);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

VNNI_INLINE __m512i lanes_over(int shift, int first) {
    __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm512_add_epi32(
        _mm512_srl_epi32(lanes, _mm_cvtsi32_si128(shift)), _mm512_set1_epi32(first));
}

// Lines of codes `row_bytes` apart, and where their scales and biases begin.
typedef struct {
    const u8 *codes;
    long row_bytes;
    ck_affine_rows weights;
    long number;
} code_lines;

// 64 bytes of codes of each line meet a chunk of x; `factor` has the scales of 16 blocks.
VNNI_INLINE void add_chunk(__m512 *total, code_lines w, long place, ck_rounded x,
    const __m512 *factor, int chunk, int is_nibbles, int lines, __mmask64 bytes) {
    const i8 *upper = x.high + place * (is_nibbles + 1), *lower = x.low + place * (is_nibbles + 1);
    __m512i high = _mm512_loadu_si512(upper), low = _mm512_loadu_si512(lower);
    __m512i next_high = high, next_low = low;
    if (is_nibbles) {
        next_high = _mm512_loadu_si512(upper + 64);
        next_low = _mm512_loadu_si512(lower + 64);
    }
    __m512i blocks = lanes_over(is_nibbles ? 2 : 3, chunk * (is_nibbles ? 4 : 2));
    UNROLL for (int line = 0; line < lines; line++) {
        const u8 *codes = w.codes + line * w.row_bytes + place;
        ASK_FOR(codes + AHEAD);
        __m512i pack = _mm512_maskz_loadu_epi8(bytes, codes);
        __m512i sum = _mm512_setzero_si512(), next = pack;
        if (is_nibbles) {
            const __m512i nibble = _mm512_set1_epi8(15);
            next = _mm512_and_si512(_mm512_srli_epi16(pack, 4), nibble);
            pack = _mm512_and_si512(pack, nibble);
        }
        sum = _mm512_dpbusd_epi32(sum, pack, high);
        if (is_nibbles) sum = _mm512_dpbusd_epi32(sum, next, next_high);
        sum = _mm512_dpbusd_epi32(_mm512_slli_epi32(sum, 7), pack, low);
        if (is_nibbles) sum = _mm512_dpbusd_epi32(sum, next, next_low);
        total[line] = _mm512_fmadd_ps(
            _mm512_cvtepi32_ps(sum), _mm512_permutexvar_ps(blocks, factor[line]), total[line]);
    }
}

// Up to 16 blocks of 32 columns, from `start` on.
VNNI_INLINE void add_span(__m512 *total, code_lines w, ck_rounded x, long start, long left,
    __m512i places, int is_nibbles, int lines, int dtype) {
    long group = w.weights.group, groups = w.weights.columns / group;
    __mmask16 mask = (__mmask16)((1u << (left / group)) - 1);
    __m512 scales = _mm512_loadu_ps(x.scales + start / ROUNDED);
    __m512 sums = _mm512_maskz_loadu_ps(mask, x.sums + start / group);
    __m512 factor[LINES];
    UNROLL for (int line = 0; line < lines; line++) {
        long number = w.number + line * groups + start / group;
        long ahead = number * (dtype == CK_F32 ? 4 : 2) + NUMBERS_AHEAD;
        ASK_FOR((const u8 *)w.weights.scales + ahead);
        ASK_FOR((const u8 *)w.weights.biases + ahead);
        __m512 own = sixteen_numbers(w.weights.scales, number, dtype, mask);
        factor[line] = _mm512_mul_ps(_mm512_permutexvar_ps(places, own), scales);
        total[line] = _mm512_fmadd_ps(
            sixteen_numbers(w.weights.biases, number, dtype, mask), sums, total[line]);
    }
    int width = is_nibbles ? 128 : 64;
    long place = start * 64 / width;
    if (left == SPAN) {
        UNROLL for (int chunk = 0; chunk < SPAN / width; chunk++)
            add_chunk(total, w, place + chunk * 64, x, factor, chunk, is_nibbles, lines,
                ~(__mmask64)0);
        return;
    }
    for (int chunk = 0; chunk * width < left; chunk++) {
        long rest = smaller(left - chunk * width, width) * 64 / width;
        __mmask64 bytes = rest == 64 ? ~(__mmask64)0 : ((__mmask64)1 << rest) - 1;
        add_chunk(total, w, place + chunk * 64, x, factor, chunk, is_nibbles, lines, bytes);
    }
}

// The sum of each of four vectors.
VNNI_INLINE __m128 four_sums(const __m512 *total) {
    __m512 low[2], high[2];
    UNROLL for (int i = 0; i < 2; i++) {
        low[i] = _mm512_unpacklo_ps(total[2 * i], total[2 * i + 1]);
        high[i] = _mm512_unpackhi_ps(total[2 * i], total[2 * i + 1]);
        low[i] = _mm512_add_ps(low[i], high[i]);
    }
    __m512 four = _mm512_add_ps(
        _mm512_shuffle_ps(low[0], low[1], 0x44), _mm512_shuffle_ps(low[0], low[1], 0xee));
    __m256 two = _mm256_add_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps(four, 1));
    return _mm_add_ps(_mm256_castps256_ps128(two), _mm256_extractf128_ps(two, 1));
}

VNNI_INLINE void dot_lines(
    float *out, code_lines w, ck_rounded x, int is_nibbles, int lines, int dtype) {
    long per_group = w.weights.group / ROUNDED;
    __m512i places = lanes_over(per_group == 4 ? 2 : per_group == 2 ? 1 : 0, 0);
    __m512 total[LINES];
    UNROLL for (int line = 0; line < LINES; line++) total[line] = _mm512_setzero_ps();
    for (long start = 0; start < w.weights.columns; start += SPAN)
        add_span(total, w, x, start, smaller(SPAN, w.weights.columns - start), places, is_nibbles,
            lines, dtype);
    if (lines == LINES) {
        UNROLL for (int line = 0; line < LINES; line += 4)
            _mm_storeu_ps(out + line, four_sums(total + line));
    } else {
        _mm_store_ss(out, four_sums(total));
    }
}

// All rows of weights; codes other than of 4 bits are bytes, if need be in the scratch.
VNNI_INLINE void all_lines(float *out, long stride, ck_affine_rows w, ck_rounded x, long x_stride,
    long count, u8 *scratch, int is_nibbles, int dtype) {
    int is_there = is_nibbles || w.bits == 8;
    long stored = w.columns * w.bits / 8, padded = (w.columns + CHUNK - 1) / CHUNK * CHUNK;
    long row_bytes = is_there ? stored : padded;
    for (long row = 0; row < w.rows; row += LINES) {
        long lines = smaller(LINES, w.rows - row);
        const u8 *codes = (const u8 *)w.codes + row * stored;
        if (!is_there) {
            for (long line = 0; line < lines; line++)
                expand(scratch + line * padded, codes + line * stored, w.columns, w.bits);
            codes = scratch;
        }
        for (long i = 0; i < count; i++) {
            ck_rounded one = row_of(x, x_stride, i);
            float *place = out + i * stride + row;
            code_lines all = {codes, row_bytes, w, row * (w.columns / w.group)};
            if (lines == LINES && (row_bytes <= TOGETHER || !is_there)) {
                dot_lines(place, all, one, is_nibbles, LINES, dtype);
                continue;
            }
            for (long line = 0; line < lines; line++) {
                dot_lines(place + line, all, one, is_nibbles, 1, dtype);
                all.codes += row_bytes;
                all.number += w.columns / w.group;
            }
        }
    }
}

#define LINES_OF(NAME, DTYPE)                                                                      \
    VNNI static void lines_##NAME(float *out, long stride, ck_affine_rows w, ck_rounded x,         \
        long x_stride, long count, u8 *scratch) {                                                  \
        if (w.bits == 4) return all_lines(out, stride, w, x, x_stride, count, scratch, 1, DTYPE);  \
        all_lines(out, stride, w, x, x_stride, count, scratch, 0, DTYPE);                          \
    }
LINES_OF(f16, CK_F16)
LINES_OF(bf16, CK_BF16)
LINES_OF(f32, CK_F32)

void ck_rounded_dots(float *out, long stride, ck_affine_rows w, ck_rounded x, long x_stride,
    long count, void *scratch, int plain) {
    if (plain) return plain_dots(out, stride, w, x, x_stride, count, scratch);
    if (w.dtype == CK_F16) return lines_f16(out, stride, w, x, x_stride, count, scratch);
    if (w.dtype == CK_BF16) return lines_bf16(out, stride, w, x, x_stride, count, scratch);
    lines_f32(out, stride, w, x, x_stride, count, scratch);
}

// MARK: many rows

// Panels of 16 rows of weights as ck_rounded_tiles reads them: for each four columns a vector of
// the rows' codes, and for each group a vector of their scales and one of their biases.
VNNI_INLINE void add_codes(__m512i sum[6][2], ck_rounded_panels w, const i8 *codes, long width,
    long start, int rows, int panels) {
    const u8 *pack = (const u8 *)w.codes + start * 16;
    // Unrolled, vectors of later steps would be loaded early, and put aside for want of registers.
    _Pragma("clang loop unroll(disable)") for (int step = 0; step < ROUNDED / 4; step++) {
        __m512i left = _mm512_loadu_si512(pack + step * 64), right = left;
        if (panels == 2) right = _mm512_loadu_si512(pack + w.columns * 16 + step * 64);
        UNROLL for (int row = 0; row < rows; row++) {
            i32 four;
            memcpy(&four, codes + row * width + start + step * 4, sizeof four);
            __m512i x = _mm512_set1_epi32(four);
            sum[row][0] = _mm512_dpbusd_epi32(sum[row][0], left, x);
            if (panels == 2) sum[row][1] = _mm512_dpbusd_epi32(sum[row][1], right, x);
        }
    }
}

VNNI_INLINE void add_block(__m512 total[6][2], ck_rounded_panels w, ck_rounded x, long width,
    long start, long group, int rows, int panels) {
    __m512i sum[6][2];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int panel = 0; panel < panels; panel++)
            sum[row][panel] = _mm512_setzero_si512();
    add_codes(sum, w, x.high, width, start, rows, panels);
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int panel = 0; panel < panels; panel++)
            sum[row][panel] = _mm512_slli_epi32(sum[row][panel], 7);
    add_codes(sum, w, x.low, width, start, rows, panels);
    long groups = w.columns / w.group;
    UNROLL for (int panel = 0; panel < panels; panel++) {
        __m512 scale = _mm512_loadu_ps(w.scales + (panel * groups + group) * 16);
        UNROLL for (int row = 0; row < rows; row++) {
            float own = x.scales[row * width + start / ROUNDED];
            __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(own));
            total[row][panel] =
                _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[row][panel]), factor, total[row][panel]);
        }
    }
}

VNNI_INLINE void rounded_tile(float *out, long leading, ck_rounded_panels w, ck_rounded x,
    long x_stride, int rows, int panels, long lines) {
    __m512 total[6][2];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int panel = 0; panel < panels; panel++) total[row][panel] = _mm512_setzero_ps();
    long groups = w.columns / w.group;
    for (long group = 0; group < groups; group++) {
        for (long start = group * w.group; start < (group + 1) * w.group; start += ROUNDED)
            add_block(total, w, x, x_stride, start, group, rows, panels);
        UNROLL for (int panel = 0; panel < panels; panel++) {
            __m512 bias = _mm512_loadu_ps(w.biases + (panel * groups + group) * 16);
            UNROLL for (int row = 0; row < rows; row++)
                total[row][panel] = _mm512_fmadd_ps(
                    bias, _mm512_set1_ps(x.sums[row * x_stride + group]), total[row][panel]);
        }
    }
    __mmask16 mask = (__mmask16)((1u << (lines - (panels - 1) * 16)) - 1);
    UNROLL for (int row = 0; row < rows; row++) {
        if (panels == 2) _mm512_storeu_ps(out + row * leading, total[row][0]);
        _mm512_mask_storeu_ps(
            out + row * leading + (panels - 1) * 16, mask, total[row][panels - 1]);
    }
}

// What a tile reads comes by reference: copies of such structures would wait for the stores of the
// tile before.
#define ROUNDED_TILE(R)                                                                            \
    VNNI static void rounded_tile_##R(float *out, long leading, const ck_rounded_panels *w,        \
        const ck_rounded *x, long x_stride, long row, long lines) {                                \
        ck_rounded own = row_of(*x, x_stride, row);                                                \
        if (lines > 16) return rounded_tile(out, leading, *w, own, x_stride, R, 2, lines);         \
        rounded_tile(out, leading, *w, own, x_stride, R, 1, lines);                                \
    }
ROUNDED_TILE(1)
ROUNDED_TILE(2)
ROUNDED_TILE(3)
ROUNDED_TILE(4)
ROUNDED_TILE(5)
ROUNDED_TILE(6)

void ck_rounded_tiles(float *out, long leading, ck_rounded_panels w, long lines, ck_rounded x,
    long x_stride, long count) {
    static void (*const tiles[])(float *, long, const ck_rounded_panels *, const ck_rounded *, long,
        long, long) = {rounded_tile_1, rounded_tile_2, rounded_tile_3, rounded_tile_4,
        rounded_tile_5, rounded_tile_6};
    long numbers = w.columns / w.group * 16;
    for (long line = 0; line < lines; line += 32) {
        ck_rounded_panels part = w;
        part.codes = (const u8 *)w.codes + line * w.columns;
        part.scales = w.scales + line / 16 * numbers;
        part.biases = w.biases + line / 16 * numbers;
        for (long row = 0; row < count; row += 6)
            tiles[smaller(count - row, 6) - 1](out + row * leading + line, leading, &part, &x,
                x_stride, row, smaller(lines - line, 32));
    }
}

#else

int ck_has_rounded_products(void) { return 0; }

void ck_rounded_dots(float *out, long stride, ck_affine_rows w, ck_rounded x, long x_stride,
    long count, void *scratch, int plain) {
    plain_dots(out, stride, w, x, x_stride, count, scratch);
}

void ck_rounded_tiles(float *out, long leading, ck_rounded_panels w, long lines, ck_rounded x,
    long x_stride, long count) {}

#endif
