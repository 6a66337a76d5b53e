// What Swift cannot reach: variadic system calls and prctl. Static inline, no logic.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// Sleeps while *address == expected, until woken or `nanoseconds` have passed; negative is no
/// limit.
static inline void cs_futex_wait(uint32_t *address, uint32_t expected, long nanoseconds) {
    struct timespec limit = {nanoseconds / 1000000000L, nanoseconds % 1000000000L};
    syscall(
        SYS_futex, address, FUTEX_WAIT_PRIVATE, expected, nanoseconds < 0 ? NULL : &limit, NULL, 0);
}

/// Wakes up to `count` sleepers on the address.
static inline void cs_futex_wake(uint32_t *address, int count) {
    syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/// As `cs_futex_wait`, on a word that processes share.
static inline void cs_shared_futex_wait(uint32_t *address, uint32_t expected, long nanoseconds) {
    struct timespec limit = {nanoseconds / 1000000000L, nanoseconds % 1000000000L};
    syscall(SYS_futex, address, FUTEX_WAIT, expected, nanoseconds < 0 ? NULL : &limit, NULL, 0);
}

/// As `cs_futex_wake`, on a word that processes share.
static inline void cs_shared_futex_wake(uint32_t *address, int count) {
    syscall(SYS_futex, address, FUTEX_WAKE, count, NULL, NULL, 0);
}

/// Memory without a name in any folder, as a file descriptor; -1 where the system refuses.
static inline int cs_memory_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC);
}

/// A file descriptor that can be read once the process has ended; -1 where the system refuses.
static inline int cs_process_descriptor(int process) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, process, 0U);
#else
    return -1;
#endif
}

/// The flag of open(2) for a file that goes past the page cache.
static const int cs_direct = O_DIRECT;

/// The number of the calling thread among those that share the work of an operation; 0 for others.
int *cs_place_of_thread(void);

/// The calling thread's own memory, lent from its start on: where the rest starts, and its bytes;
/// none where the system gives none.
typedef struct {
    char *start;
    long left;
} cs_thread_memory;
cs_thread_memory *cs_memory_of_thread(void);

/// What the calling thread knows of the transforms of functions that it is in.
typedef struct {
    long transforms;
    long recordings;
    void *effects;
} cs_trace_depth;
cs_trace_depth *cs_trace_depth_of_thread(void);

/* The number that the system knows the calling thread by. */
static inline long cs_thread_number(void) { return syscall(SYS_gettid); }

/// Tells the processor that the caller spins.
static inline void cs_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Calls a Swift closure of type (Int) -> Void by its function and its context, which
/// cs_closure_words has given.
static inline void cs_call_closure(const void *function, const void *context, long argument) {
    typedef __attribute__((swiftcall)) void (*closure)(
        long, __attribute__((swift_context)) const void *);
    ((closure)function)(argument, context);
}

/// Asks for a signal to this process when its parent dies.
static inline int cs_set_parent_death_signal(int signal) {
    return prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0UL, 0UL, 0UL);
}

/// Makes this process the parent of all its descendants that lose theirs.
static inline int cs_adopt_orphans(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
}

/// Copies bytes out of another process's memory; the number copied, or -1.
static inline long cs_read_process(int process, uintptr_t address, void *bytes, size_t count) {
    // Not by <sys/uio.h>, which brings in <sys/select.h>: its types differ under _GNU_SOURCE.
    struct {
        void *start;
        size_t count;
    } local = {bytes, count}, remote = {(void *)address, count};
    return syscall(SYS_process_vm_readv, process, &local, 1UL, &remote, 1UL, 0UL);
}

/// The number of cores in this process's affinity mask.
static inline int cs_affinity_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
    return CPU_COUNT(&set);
}
