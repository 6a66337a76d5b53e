// out[i] = condition[i] ? a[i] : b[i], which moves items without reading them.

#include "kernel.h"

#define MAKE_SELECT(T, UNUSED)                                                                     \
    KERNEL static void select_##T(                                                                 \
        void *out, const void *condition, const void *a, const void *b, long n) {                  \
        const b8 *test = condition;                                                                \
        const T *yes = a, *no = b;                                                                 \
        T *result = out;                                                                           \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T x = yes[i], y = no[i];                                                               \
            result[i] = test[i] != 0 ? x : y;                                                      \
        }                                                                                          \
    }

FOR_UNSIGNED(MAKE_SELECT, )

ck_ternary _Nullable ck_select(int itemsize) {
    switch (itemsize) {
    case 1: return select_u8;
    case 2: return select_u16;
    case 4: return select_u32;
    case 8: return select_u64;
    default: return NULL;
    }
}
