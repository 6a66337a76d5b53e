#include "CSystem.h"

#include <pthread.h>
#include <stdlib.h>

int *cs_place_of_thread(void) {
    static _Thread_local int place;
    return &place;
}

cs_trace_depth *cs_trace_depth_of_thread(void) {
    static _Thread_local cs_trace_depth depth;
    return &depth;
}

static _Thread_local cs_thread_memory thread_memory;
static pthread_key_t memory_key;
static pthread_once_t has_memory_key = PTHREAD_ONCE_INIT;

static void make_memory_key(void) { pthread_key_create(&memory_key, free); }

// Under the address sanitizer each piece is memory of its own, so that faults are seen at its ends.
#if defined(__has_feature) && __has_feature(address_sanitizer)
enum { THREAD_MEMORY = 0 };
#else
enum { THREAD_MEMORY = 1 << 20 };
#endif

cs_thread_memory *cs_memory_of_thread(void) {
    if (thread_memory.start == NULL && THREAD_MEMORY > 0) {
        pthread_once(&has_memory_key, make_memory_key);
        thread_memory.start = aligned_alloc(4096, THREAD_MEMORY);
        if (thread_memory.start != NULL) thread_memory.left = THREAD_MEMORY;
        // Freed when the thread ends.
        pthread_setspecific(memory_key, thread_memory.start);
    }
    return &thread_memory;
}

typedef struct {
    const void *function, *context;
} closure_words;

// Swift declares it by its name: a closure argument is these two words to it.
__attribute__((swiftcall)) closure_words cs_closure_words(
    const void *function, const void *context) {
    return (closure_words){function, context};
}
