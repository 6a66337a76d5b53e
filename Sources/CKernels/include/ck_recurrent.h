// Steps of recurrent layers, element by element; float32 and float64.

#ifndef CK_RECURRENT_HEADER
#define CK_RECURRENT_HEADER

#pragma clang assume_nonnull begin

/// One step of long short-term memory on n elements. The gates in the order input, forget, cell,
/// output lie `width` elements apart; they come before their functions and are left behind them.
/// With the cell state before: cell = forget·before + input·new, hidden = output·tanh(cell).
typedef void (*ck_lstm_step)(
    void *hidden, void *cell, void *gates, const void *before, long width, long n);
ck_lstm_step _Nullable ck_lstm_forward(int dtype);

/// The gradients of such a step, by what it has left and by those of its results: slopes by the
/// gates before their functions, and in place of the gradient of the cell state that of the one
/// before.
typedef void (*ck_lstm_change)(void *slopes, void *cell_change, const void *hidden_change,
    const void *gates, const void *cell, const void *before, long width, long n);
ck_lstm_change _Nullable ck_lstm_backward(int dtype);

/// One step of gated recurrent units on n elements. The gates in the order reset, update, new lie
/// `width` elements apart; they come before their functions, the new one without its product of the
/// hidden state, and are left behind them. With the hidden state before: new = tanh(new +
/// reset·product), hidden = (1 - update)·new + update·before.
typedef void (*ck_gru_step)(
    void *hidden, void *gates, const void *product, const void *before, long width, long n);
ck_gru_step _Nullable ck_gru_forward(int dtype);

/// The gradients of such a step, by what it has left and by that of its result: slopes by the gates
/// before their functions and by the product, and in place of the gradient of the hidden state
/// what of it goes to the one before past the gates.
typedef void (*ck_gru_change)(void *slopes, void *product_slopes, void *hidden_change,
    const void *gates, const void *product, const void *before, long width, long n);
ck_gru_change _Nullable ck_gru_backward(int dtype);

#pragma clang assume_nonnull end

#endif
