// libzmq's C interface for Swift, and a setting of the C library that its messages need and Swift
// does not see. There is no logic in this file.
#ifndef CZEROMQ_SHIM_H
#define CZEROMQ_SHIM_H

#include <malloc.h>
#include <zmq.h>

/// Lets the allocator keep freed memory of up to `bytes` bytes, and take blocks of that size from
/// what it keeps.
static inline void czmq_keep_memory(int bytes) {
    mallopt(M_MMAP_THRESHOLD, bytes);
    mallopt(M_TRIM_THRESHOLD, 4 * bytes);
}

#endif
