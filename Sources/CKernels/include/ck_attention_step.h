// Attention of single queries over cached keys.

#ifndef CK_ATTENTION_STEP_H
#define CK_ATTENTION_STEP_H

#pragma clang assume_nonnull begin

/// A piece of the keys that some heads of queries share, and of their values; rows lie a number of
/// elements apart.
typedef struct {
    long keys;
    long heads;
    /// The elements of a key, and of a value.
    long depth;
    long width;
    long key_row;
    long value_row;
    double scale;
} ck_attention_piece;

/// For each head the sum of the values weighted by exp(score - the largest score) in out, and that
/// score and the sum of the weights in state. Keys and values are of the type that the kernel is
/// for; all else is float32 where that is float16. The scratch holds a number for each key and
/// head.
typedef void (*ck_attend_piece)(void *out, void *state, const void *queries, const void *keys,
    const void *values, void *scratch, ck_attention_piece piece);
ck_attend_piece _Nullable ck_attend_piece_of(int dtype);

/// The attention of a head from its pieces, whose parts and states lie so many elements apart.
typedef void (*ck_attend_join)(void *out, const void *parts, const void *states, long pieces,
    long part_row, long state_row, long width);
ck_attend_join _Nullable ck_attend_join_of(int dtype);

/// Rounds elements to float16, the largest there is where they are larger.
void ck_keep_halves(void *out, const float *x, long n);

#pragma clang assume_nonnull end

#endif
