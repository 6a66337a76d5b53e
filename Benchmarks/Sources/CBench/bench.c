#define _GNU_SOURCE
#include "CBench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int cb_limit_cores(int count) {
    cpu_set_t allowed, kept;
    CPU_ZERO(&kept);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    int found = 0;
    for (int core = 0; core < CPU_SETSIZE && found < count; core++) {
        if (!CPU_ISSET(core, &allowed)) continue;
        CPU_SET(core, &kept);
        found++;
    }
    if (found > 0) sched_setaffinity(0, sizeof kept, &kept);
    return found;
}

float *cb_floats(long n, float value, long shift) {
    void *memory = NULL;
    size_t bytes = (size_t)n * sizeof(float) + (size_t)shift;
    if (posix_memalign(&memory, 2 << 20, bytes) != 0) return NULL;
    madvise(memory, bytes, MADV_HUGEPAGE);
    float *floats = (float *)((char *)memory + shift);
    for (long i = 0; i < n; i++) floats[i] = value;
    return floats;
}

void cb_free(float *floats, long shift) { free((char *)floats - shift); }

typedef float vector __attribute__((vector_size(64)));

#if defined(__x86_64__)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif

WIDE static void triad(float *a, const float *b, const float *c, long n) {
    const vector *y = (const vector *)b, *z = (const vector *)c;
    vector *x = (vector *)a;
    for (long i = 0; i < n / 16; i++) x[i] = y[i] + 3 * z[i];
}

WIDE static void triad_streaming(float *a, const float *b, const float *c, long n) {
    const vector *y = (const vector *)b, *z = (const vector *)c;
    vector *x = (vector *)a;
    for (long i = 0; i < n / 16; i++) __builtin_nontemporal_store(y[i] + 3 * z[i], x + i);
}

static void copy(float *a, const float *b, const float *c, long n) {
    (void)c;
    memcpy(a, b, (size_t)n * sizeof(float));
}

WIDE static void copy_streaming(float *a, const float *b, const float *c, long n) {
    (void)c;
    const vector *y = (const vector *)b;
    vector *x = (vector *)a;
    for (long i = 0; i < n / 16; i++) __builtin_nontemporal_store(y[i], x + i);
}

// The threads wait for each other at both ends of a pass: in a loop at first, as to wake one takes
// longer than a short pass.
static struct {
    void (*pass)(float *, const float *, const float *, long);
    float *a;
    const float *b, *c;
    long n;
    int threads;
    // How many passes have begun, the threads that are still at work, and those that sleep.
    atomic_int begun, working, sleeping;
    pthread_mutex_t lock;
    pthread_cond_t next;
} job = {.lock = PTHREAD_MUTEX_INITIALIZER, .next = PTHREAD_COND_INITIALIZER};

enum { SPINS = 10000 };

static void work(int part) {
    long lines = job.n / 16;
    long first = lines * part / job.threads * 16, last = lines * (part + 1) / job.threads * 16;
    job.pass(job.a + first, job.b + first, job.c ? job.c + first : NULL, last - first);
}

static void await_next(int seen) {
    for (int i = 0; i < SPINS; i++) {
        if (job.begun != seen) return;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    pthread_mutex_lock(&job.lock);
    job.sleeping++;
    while (job.begun == seen) pthread_cond_wait(&job.next, &job.lock);
    job.sleeping--;
    pthread_mutex_unlock(&job.lock);
}

static void *serve(void *part) {
    for (int seen = 0;; seen++) {
        await_next(seen);
        work((int)(long)part);
        job.working--;
    }
    return NULL;
}

static void start(int threads) {
    if (job.threads != 0) return;
    job.threads = threads;
    for (long part = 1; part < threads; part++) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve, (void *)part);
    }
}

static void run(int threads) {
    start(threads);
    job.working = job.threads - 1;
    job.begun++;
    if (job.sleeping > 0) {
        pthread_mutex_lock(&job.lock);
        pthread_cond_broadcast(&job.next);
        pthread_mutex_unlock(&job.lock);
    }
    work(0);
    while (job.working > 0) {}
}

void cb_triad(float *a, const float *b, const float *c, long n, int threads, int streaming) {
    job.pass = streaming ? triad_streaming : triad;
    job.a = a;
    job.b = b;
    job.c = c;
    job.n = n;
    run(threads);
}

void cb_copy(float *a, const float *b, long n, int threads, int streaming) {
    job.pass = streaming ? copy_streaming : copy;
    job.a = a;
    job.b = b;
    job.c = NULL;
    job.n = n;
    run(threads);
}

void cb_copy_alone(float *a, const float *b, long n, int streaming) {
    (streaming ? copy_streaming : copy)(a, b, NULL, n);
}
