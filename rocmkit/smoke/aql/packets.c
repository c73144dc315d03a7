/* A tool of the HSA runtime that counts the AQL packets of a process: written into its queues, and taken out by the GPU's packet processor.
 *
 * The runtime loads what HSA_TOOLS_LIB names, and hands OnLoad the table of its functions (Runtime::LoadTools in ROCm/ROCR-Runtime,
 * core/runtime/runtime.cpp). Those that make and destroy queues are put behind ours, which remember the queues. A thread looks at the queues'
 * indices all the time and adds up how far they went, in a file that outlives the process however that ends. rocmkit/smoke/inside/packets.py
 * reads the file. A table whose version is not known, or that ends too soon, is left as it is.
 *
 * A packet is a kernel's or a barrier's. Not seen are copies by the SDMA engines, and queues that the runtime makes for itself or shares out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "counts.h"
#include "tables.h"

/* State. Two runtimes can be in one process, each with its table: they have wrappers of their own. */

enum { RUNTIMES = 4, ROUND_NS = 10000000 };

struct runtime {
    const void *library; /* that called OnLoad */
    struct room *room;   /* null: not in use */
    info_fn info;
    create_fn create;
    describe_fn describe;
    destroy_fn destroy;
    index_fn read, write;
};
struct queue {
    struct queue *next;
    void *handle;
    struct runtime *runtime;
    struct gpu *gpu;
    uint64_t consumed, written; /* where its indices stood */
};

static struct runtime runtimes[RUNTIMES];
static struct queue *queues;
static pthread_mutex_t gate; /* one runtime at a time comes or goes */
static pthread_mutex_t lock; /* over all of this, and so that no queue ends while it is looked at */
static pthread_cond_t wake;
static pthread_t thread;
static bool running, stopping;

/* Also in a forked child: it has no thread, and its parent counts the queues that both have. The wrappers go on to call what they wrap. */
static void afresh(void) {
    pthread_condattr_t clock;
    pthread_mutex_init(&gate, NULL);
    pthread_mutex_init(&lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&wake, &clock);
    pthread_condattr_destroy(&clock);
    for (int i = 0; i < RUNTIMES; i++) runtimes[i].room = NULL;
    queues = NULL;
    running = false;
}

__attribute__((constructor)) static void loaded(void) {
    afresh();
    pthread_atfork(NULL, NULL, afresh);
}

/* An index that went back was set by somebody; one that wrapped around went on. */
static void moved(uint64_t *sum, uint64_t *before, uint64_t now) {
    uint64_t by = now - *before;
    if (by < UINT64_C(1) << 63) PUT(*sum, *sum + by);
    *before = now;
}

/* In this order no reader sees more consumed than written: the GPU's index is read first, and written last. */
static void count(struct queue *queue) {
    uint64_t consumed = queue->runtime->read(queue->handle), written = queue->runtime->write(queue->handle);
    moved(&queue->gpu->written, &queue->written, written);
    moved(&queue->gpu->consumed, &queue->consumed, consumed);
}

static void count_all(void) {
    for (int i = 0; i < RUNTIMES; i++)
        if (runtimes[i].room) PUT(runtimes[i].room->begun, runtimes[i].room->begun + 1);
    for (struct queue *queue = queues; queue; queue = queue->next) count(queue);
    for (int i = 0; i < RUNTIMES; i++)
        if (runtimes[i].room) PUT(runtimes[i].room->done, runtimes[i].room->begun);
}

static void *rounds(void *unused) {
    struct timespec next;
    pthread_mutex_lock(&lock);
    while (!stopping) {
        count_all();
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_nsec += ROUND_NS;
        if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
        while (!stopping && pthread_cond_timedwait(&wake, &lock, &next) != ETIMEDOUT) {}
    }
    pthread_mutex_unlock(&lock);
    return unused;
}

/* The number of the error, or 0. The program's signals are for its own threads; faults stay where they happen. */
static int start(void) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t all, before;
    if (running) return 0;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    stopping = false;
    int error = pthread_create(&thread, NULL, rounds, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    running = !error;
    return error;
}

static void stop(void) {
    pthread_mutex_lock(&lock);
    bool join = running;
    running = false;
    stopping = true;
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
    if (join) pthread_join(thread, NULL);
}

/* Count for the last time, and forget: those of one handle, or of one runtime. */
static void drop(const struct runtime *runtime, const void *handle) {
    for (struct queue **at = &queues, *queue; (queue = *at);) {
        if (queue->runtime == runtime && (!handle || queue->handle == handle)) {
            count(queue);
            *at = queue->next;
            free(queue);
        } else {
            at = &queue->next;
        }
    }
}

/* A queue that was made. */
static void add(struct runtime *runtime, agent_t agent, void *handle) {
    uint32_t device = ~0u, node = ~0u;
    const uint32_t unknown = runtime->info(agent, AGENT_DEVICE, &device);
    if (!unknown && device != DEVICE_GPU) return;
    const int64_t number = runtime->info(agent, AGENT_DRIVER_NODE, &node) ? -1 : (int64_t)node;
    struct queue *queue = unknown ? NULL : malloc(sizeof *queue);
    pthread_mutex_lock(&lock);
    struct room *room = runtime->room;
    struct gpu *gpu = room && queue ? counts_of(room, number) : NULL;
    if (gpu) {
        drop(runtime, handle); /* one that ended without our hearing of it */
        *queue = (struct queue){queues, handle, runtime, gpu, runtime->read(handle), runtime->write(handle)};
        queues = queue;
        PUT(gpu->queues, gpu->queues + 1);
    } else if (room) {
        PUT(room->lost, room->lost + 1);
    }
    pthread_mutex_unlock(&lock);
    if (!gpu) free(queue);
}

static uint32_t create(struct runtime *runtime, agent_t agent, uint32_t size, uint32_t type, failed_fn failed, void *data, uint32_t scratch,
                       uint32_t group, void **queue) {
    uint32_t status = runtime->create(agent, size, type, failed, data, scratch, group, queue);
    if (!status && queue && *queue) add(runtime, agent, *queue);
    return status;
}

/* Some of them may be there although others failed. */
static uint32_t describe(struct runtime *runtime, agent_t agent, struct described *descriptions, uint32_t many) {
    uint32_t status = runtime->describe(agent, descriptions, many);
    for (uint32_t i = 0; descriptions && i < many; i++)
        if (descriptions[i].queue && descriptions[i].engine == ENGINE_COMPUTE) add(runtime, agent, descriptions[i].queue);
    return status;
}

static uint32_t destroy(struct runtime *runtime, void *queue) {
    pthread_mutex_lock(&lock);
    if (queue) drop(runtime, queue);
    pthread_mutex_unlock(&lock);
    return runtime->destroy(queue);
}

#define WRAPPERS(n)                                                                                                                         \
    static uint32_t create_##n(agent_t a, uint32_t s, uint32_t t, failed_fn f, void *d, uint32_t p, uint32_t g, void **q) {                 \
        return create(&runtimes[n], a, s, t, f, d, p, g, q);                                                                                \
    }                                                                                                                                       \
    static uint32_t describe_##n(agent_t a, struct described *d, uint32_t m) { return describe(&runtimes[n], a, d, m); }                    \
    static uint32_t destroy_##n(void *q) { return destroy(&runtimes[n], q); }
WRAPPERS(0) WRAPPERS(1) WRAPPERS(2) WRAPPERS(3)
static const struct { create_fn create; describe_fn describe; destroy_fn destroy; } wrappers[RUNTIMES] = {
    {create_0, describe_0, destroy_0}, {create_1, describe_1, destroy_1}, {create_2, describe_2, destroy_2}, {create_3, describe_3, destroy_3}};

/* The program ends: what comes after this handler may free what the thread would look at. */
static void at_end(void) {
    pthread_mutex_lock(&gate);
    stop();
    pthread_mutex_lock(&lock);
    count_all();
    for (int i = 0; i < RUNTIMES; i++)
        if (runtimes[i].room) PUT(runtimes[i].room->state, ENDED);
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&gate);
}

static const void *library_of(const void *address) {
    Dl_info about;
    return dladdr(address, &about) ? about.dli_fbase : NULL;
}

static bool known(const struct api *api) {
    uint32_t top = api->version.major, core = api->core->version.major;
    return (top == 1 && core == 1) || (top == 2 && core == 2) || (top == 3 && core == 2); /* ROCm 5, 6.0, from 6.1 on */
}

static bool has_describe(const struct api *api) {
    return api->version.size >= ENDS(api, amd) && api->amd && api->amd->version.major == 2 && api->amd->version.step >= DESCRIBE_STEP &&
           api->amd->version.size >= ENDS(amd, describe) && api->amd->describe;
}

/* One that was there before gets the wrappers that it had: somebody may hold them still. */
static struct runtime *free_for(const void *library) {
    for (int i = 0; i < RUNTIMES; i++)
        if (!runtimes[i].room && (!runtimes[i].library || runtimes[i].library == library)) return &runtimes[i];
    return NULL;
}

static bool wrapped(const struct core *core) {
    for (int i = 0; i < RUNTIMES; i++)
        if (core->create == wrappers[i].create) return true;
    return false;
}

static bool load(struct api *api, const void *library) {
    static bool told;
    if (!counts_open() || !api) return false;
    if (api->version.size < ENDS(api, core)) return refuse(BY_SIZE, api->version.size);
    struct core *core = api->core;
    if (!core) return refuse(BY_FUNCTION, 0);
    if (!known(api)) return refuse(BY_VERSION, (uint64_t)api->version.major << 32 | core->version.major);
    if (core->version.size < ENDS(core, write)) return refuse(BY_SIZE, core->version.size);
    if (!core->info || !core->create || !core->destroy || !core->read || !core->write) return refuse(BY_FUNCTION, 0);
    if (wrapped(core)) return true; /* a second time it would call itself for ever */
    const int error = start();
    if (error) return refuse(BY_THREAD, (uint64_t)error);
    if (!told) told = !atexit(at_end);

    pthread_mutex_lock(&lock);
    struct runtime *runtime = free_for(library);
    struct room *room = runtime ? take_room() : NULL;
    if (room) {
        const size_t number = (size_t)(runtime - runtimes);
        *runtime = (struct runtime){library, room, core->info, core->create, NULL, core->destroy, core->read, core->write};
        if (has_describe(api)) {
            runtime->describe = api->amd->describe;
            api->amd->describe = wrappers[number].describe;
        }
        core->create = wrappers[number].create;
        core->destroy = wrappers[number].destroy;
        PUT(room->state, COUNTING);
    }
    pthread_mutex_unlock(&lock);
    return room;
}

__attribute__((visibility("default"))) bool OnLoad(struct api *api, uint64_t version, uint64_t failed, const char *const *names) {
    (void)version, (void)failed, (void)names;
    const void *library = library_of(__builtin_return_address(0));
    pthread_mutex_lock(&gate);
    const bool done = load(api, library);
    pthread_mutex_unlock(&gate);
    return done;
}

/* A runtime shuts down; its queues are there still. It may start again, with a table that is as new. */
__attribute__((visibility("default"))) void OnUnload(void) {
    const void *library = library_of(__builtin_return_address(0));
    bool left = false;
    pthread_mutex_lock(&gate);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < RUNTIMES; i++) {
        struct runtime *runtime = &runtimes[i];
        if (runtime->room && runtime->library == library) {
            drop(runtime, NULL);
            PUT(runtime->room->state, ENDED);
            runtime->room = NULL;
        }
        left = left || runtime->room;
    }
    pthread_mutex_unlock(&lock);
    if (!left) stop();
    pthread_mutex_unlock(&gate);
}
