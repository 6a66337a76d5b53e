// What the tiles of packed products share, of whatever vectors they are made.

#ifndef CK_PACKED_TILE_H
#define CK_PACKED_TILE_H

#include "kernel.h"

#include "ck_matmul.h"

// The columns of a packed panel. So many steps of float32 along k go into one sum, and such sums
// into another, as a long chain of additions loses digits.
enum { PANEL = CK_PACKED_COLUMNS, SUMMED_STEPS = 64 };

// What is read after the present tiles, which is asked for from the third cache: a place, and how
// far it moves on with each step along k.
struct next_place {
    const char *start;
    long stride;
};

// A tile of up to two panels of columns. Where the columns lie in the rows of a matrix, at the next
// place, they are packed to `b` if there is one. Sums go on from those before, in rows of 32, if
// there are some.
struct packed_tile {
    char *out;
    long row_bytes;
    const u32 *a;
    u32 *b;
    long steps;
    long columns;
    enum ck_packed_result result;
    struct next_place next;
    const float *before;
};

#if defined(__x86_64__)

// In vectors of eight.
enum { ROWS_IN_EIGHTS = 12 };
void ck_tile_in_eights(const struct packed_tile *tile, long rows, int lies);
void ck_pack_in_eights(enum ck_packing packing, void *out, const void *in, long lines, long count,
    long stride, int lies_beside, long width);

#endif

#endif
