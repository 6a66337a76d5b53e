// Steps of recurrent layers, element by element.

#include "logistic.h"

#define LSTM_FORWARD(T, SIGMOID, TANH)                                                             \
    KERNEL static void lstm_forward_##T(                                                           \
        void *hidden, void *cell, void *gates, const void *before, long width, long n) {           \
        T *h = hidden, *c = cell, *in = gates;                                                     \
        T *forget = in + width, *new = forget + width, *out = new + width;                         \
        const T *kept = before;                                                                    \
        LANES for (long i = 0; i < n; i++) {                                                       \
            in[i] = SIGMOID(in[i]);                                                                \
            forget[i] = SIGMOID(forget[i]);                                                        \
            new[i] = TANH(new[i]);                                                                 \
            out[i] = SIGMOID(out[i]);                                                              \
            T state = forget[i] * kept[i] + in[i] * new[i];                                        \
            c[i] = state;                                                                          \
            h[i] = out[i] * TANH(state);                                                           \
        }                                                                                          \
    }
LSTM_FORWARD(f32, sigmoid_float, tanh_float)
LSTM_FORWARD(f64, sigmoid_double, tanh)

#define LSTM_BACKWARD(T, TANH)                                                                     \
    KERNEL static void lstm_backward_##T(void *slopes, void *cell_change,                          \
        const void *hidden_change, const void *gates, const void *cell, const void *before,        \
        long width, long n) {                                                                      \
        const T *in = gates, *forget = in + width, *new = forget + width, *out = new + width;      \
        const T *dh = hidden_change, *c = cell, *kept = before;                                    \
        T *by_in = slopes, *by_forget = by_in + width, *by_new = by_forget + width;                \
        T *by_out = by_new + width, *change = cell_change;                                         \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T bent = TANH(c[i]), dc = change[i] + dh[i] * out[i] * (1 - bent * bent);              \
            by_out[i] = dh[i] * bent * out[i] * (1 - out[i]);                                      \
            by_in[i] = dc * new[i] * in[i] * (1 - in[i]);                                          \
            by_new[i] = dc * in[i] * (1 - new[i] * new[i]);                                        \
            by_forget[i] = dc * kept[i] * forget[i] * (1 - forget[i]);                             \
            change[i] = dc * forget[i];                                                            \
        }                                                                                          \
    }
LSTM_BACKWARD(f32, tanh_float)
LSTM_BACKWARD(f64, tanh)

#define GRU_FORWARD(T, SIGMOID, TANH)                                                              \
    KERNEL static void gru_forward_##T(                                                            \
        void *hidden, void *gates, const void *product, const void *before, long width, long n) {  \
        T *h = hidden, *reset = gates, *update = reset + width, *new = update + width;             \
        const T *made = product, *kept = before;                                                   \
        LANES for (long i = 0; i < n; i++) {                                                       \
            reset[i] = SIGMOID(reset[i]);                                                          \
            update[i] = SIGMOID(update[i]);                                                        \
            new[i] = TANH(new[i] + reset[i] * made[i]);                                            \
            h[i] = (1 - update[i]) * new[i] + update[i] * kept[i];                                 \
        }                                                                                          \
    }
GRU_FORWARD(f32, sigmoid_float, tanh_float)
GRU_FORWARD(f64, sigmoid_double, tanh)

#define GRU_BACKWARD(T)                                                                            \
    KERNEL static void gru_backward_##T(void *slopes, void *product_slopes, void *hidden_change,   \
        const void *gates, const void *product, const void *before, long width, long n) {          \
        const T *reset = gates, *update = reset + width, *new = update + width;                    \
        const T *made = product, *kept = before;                                                   \
        T *by_reset = slopes, *by_update = by_reset + width, *by_new = by_update + width;          \
        T *by_product = product_slopes, *change = hidden_change;                                   \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T d = change[i], slope = d * (1 - update[i]) * (1 - new[i] * new[i]);                  \
            by_new[i] = slope;                                                                     \
            by_product[i] = slope * reset[i];                                                      \
            by_reset[i] = slope * reset[i] * made[i] * (1 - reset[i]);                             \
            by_update[i] = d * (kept[i] - new[i]) * update[i] * (1 - update[i]);                   \
            change[i] = d * update[i];                                                             \
        }                                                                                          \
    }
GRU_BACKWARD(f32)
GRU_BACKWARD(f64)

#if defined(__x86_64__)

WIDE_INLINE __m512 part(const float *x, __mmask16 lanes) { return _mm512_maskz_loadu_ps(lanes, x); }

WIDE static void lstm_forward_wide_f32(
    void *hidden, void *cell, void *gates, const void *before, long width, long n) {
    float *in = gates, *forget = in + width, *new = forget + width, *out = new + width;
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __m512 a = sigmoid_wide(part(in + i, lanes)), b = sigmoid_wide(part(forget + i, lanes));
        __m512 c = tanh_wide(part(new + i, lanes)), d = sigmoid_wide(part(out + i, lanes));
        __m512 kept = part((const float *)before + i, lanes);
        __m512 state = _mm512_fmadd_ps(b, kept, a * c);
        _mm512_mask_storeu_ps(in + i, lanes, a);
        _mm512_mask_storeu_ps(forget + i, lanes, b);
        _mm512_mask_storeu_ps(new + i, lanes, c);
        _mm512_mask_storeu_ps(out + i, lanes, d);
        _mm512_mask_storeu_ps((float *)cell + i, lanes, state);
        _mm512_mask_storeu_ps((float *)hidden + i, lanes, d * tanh_wide(state));
    }
}

static void lstm_forward_widest_f32(
    void *hidden, void *cell, void *gates, const void *before, long width, long n) {
    (has_wide() ? lstm_forward_wide_f32 : lstm_forward_f32)(hidden, cell, gates, before, width, n);
}

WIDE static void gru_forward_wide_f32(
    void *hidden, void *gates, const void *product, const void *before, long width, long n) {
    float *reset = gates, *update = reset + width, *new = update + width;
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __m512 a = sigmoid_wide(part(reset + i, lanes)), b = sigmoid_wide(part(update + i, lanes));
        __m512 made = part((const float *)product + i, lanes);
        __m512 c = tanh_wide(_mm512_fmadd_ps(a, made, part(new + i, lanes)));
        __m512 kept = part((const float *)before + i, lanes);
        _mm512_mask_storeu_ps(reset + i, lanes, a);
        _mm512_mask_storeu_ps(update + i, lanes, b);
        _mm512_mask_storeu_ps(new + i, lanes, c);
        _mm512_mask_storeu_ps(
            (float *)hidden + i, lanes, _mm512_fmadd_ps(b, kept, (spread(1.0f) - b) * c));
    }
}

static void gru_forward_widest_f32(
    void *hidden, void *gates, const void *product, const void *before, long width, long n) {
    (has_wide() ? gru_forward_wide_f32 : gru_forward_f32)(
        hidden, gates, product, before, width, n);
}

#else

#define lstm_forward_widest_f32 lstm_forward_f32
#define gru_forward_widest_f32 gru_forward_f32

#endif

LOOKUP(ck_lstm_step, ck_lstm_forward, ROWS_WIDE(lstm_forward))
LOOKUP(ck_lstm_change, ck_lstm_backward, ROWS_FLOATS(lstm_backward))
LOOKUP(ck_gru_step, ck_gru_forward, ROWS_WIDE(gru_forward))
LOOKUP(ck_gru_change, ck_gru_backward, ROWS_FLOATS(gru_backward))
