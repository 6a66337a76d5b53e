#ifndef CZLIB_H
#define CZLIB_H

// As CSystem, so that both see the same types of the C library.
#define _GNU_SOURCE

#include <zlib.h>

#endif
