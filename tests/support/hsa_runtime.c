/* Stands in for the HSA runtime: hands its table to the hook as the real one does, and moves queues' indices as it is told, a line at a time.
 * A queue that is looked at after its end is memory that was freed, which a sanitizer tells and which ends the process here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tables.h"

enum { CPU = 0, NO_DEVICE = 900, NO_NODE = 901, QUEUES = 100000, ALIVE = 0x51 };
struct queue { atomic_int alive; atomic_ulong written, consumed; };
static struct queue *queues[QUEUES];
static int made;
static bool child;
static void (*unload)(void);

static uint32_t info(agent_t agent, uint32_t attribute, void *value) {
    if (attribute == 17 && agent.handle != NO_DEVICE) return *(uint32_t *)value = agent.handle == CPU ? 0 : 1, 0;
    if (attribute == 0xA004 && agent.handle != NO_NODE) return *(uint32_t *)value = (uint32_t)agent.handle, 0;
    return 0x1000;
}
static struct queue *fresh(void) {
    struct queue *queue = calloc(1, sizeof *queue);
    queue->alive = ALIVE;
    return queue;
}
static uint32_t create(agent_t agent, uint32_t size, uint32_t type, failed_fn failed, void *data, uint32_t scratch, uint32_t group, void **queue) {
    /* Each argument must come through as it was given. */
    if (size != 64 || type != 1 || failed || data != (void *)7 || scratch != 8 || group != 9) abort();
    if (agent.handle == 999) return *queue = NULL, 0x1008;
    *queue = fresh();
    return 0;
}
static uint32_t destroy(void *queue) {
    struct queue *one = queue;
    if (one->alive != ALIVE) abort();
    one->alive = 0;
    free(one);
    return 0;
}
static uint64_t consumed(const void *queue) {
    if (((struct queue *)queue)->alive != ALIVE) abort();
    return ((struct queue *)queue)->consumed;
}
static uint64_t written(const void *queue) {
    if (((struct queue *)queue)->alive != ALIVE) abort();
    return ((struct queue *)queue)->written;
}
/* The second of a batch fails. */
static uint32_t describe(agent_t agent, struct described *descriptions, uint32_t many) {
    (void)agent;
    for (uint32_t i = 0; i < many; i++) descriptions[i].queue = i == 1 ? NULL : fresh();
    return many > 1 ? 0x1008 : 0;
}

static struct core core;
static struct amd amd;
static struct api api;

static int load(void) {
    char *name = getenv("HOOK");
    void *hook = name ? dlopen(name, RTLD_LAZY) : NULL;
    if (!hook) return -1;
    bool (*call)(struct api *, uint64_t, uint64_t, const char *const *);
    *(void **)&call = dlsym(hook, "OnLoad");
    *(void **)&unload = dlsym(hook, "OnUnload");
    volatile int done = call(&api, 3, 0, NULL);
    return done;
}

static int begin(unsigned top, unsigned inner, unsigned top_size, unsigned inner_size, unsigned step) {
    memset(&core, 0, sizeof core);
    memset(&amd, 0, sizeof amd);
    core.version = (struct version){inner, inner_size ? inner_size : 1000, 0, 0};
    core.info = info, core.create = create, core.destroy = destroy, core.read = consumed, core.write = written;
    amd.version = (struct version){2, sizeof amd, step, 0};
    amd.describe = describe;
    api = (struct api){{top, top_size ? top_size : sizeof api, 1, 0}, &core, &amd};
    return load();
}

static int make(uint64_t agent) {
    void *queue;
    if (core.create((agent_t){agent}, 64, 1, NULL, (void *)7, 8, 9, &queue)) return -1;
    queues[made] = queue;
    return made++;
}

struct job { pthread_t thread; uint64_t agent; int rounds; };
static void *work(void *given) {
    struct job *job = given;
    for (int i = 0; i < job->rounds; i++) {
        void *queue[3];
        for (int k = 0; k < 3; k++) core.create((agent_t){job->agent}, 64, 1, NULL, (void *)7, 8, 9, &queue[k]);
        for (int k = 0; k < 9; k++) {
            ((struct queue *)queue[k % 3])->written += 2;
            ((struct queue *)queue[k % 3])->consumed += 1;
        }
        if (i % 64 == 0) usleep(3000);
        for (int k = 0; k < 3; k++) core.destroy(queue[k]);
    }
    return NULL;
}
static void race(int threads, int rounds) {
    struct job *jobs = calloc((size_t)threads, sizeof *jobs);
    for (int i = 0; i < threads; i++) {
        jobs[i] = (struct job){0, (uint64_t)(1 + i % 2), rounds};
        pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
    }
    for (int i = 0; i < threads; i++) pthread_join(jobs[i].thread, NULL);
    free(jobs);
}

void obey(char *line);
void obey(char *line) {
    char word[16] = "";
    unsigned long a = 0, b = 0, c = 0, d = 0, e = 0;
    long answer = 0;
    int many = sscanf(line, "%15s %lu %lu %lu %lu %lu", word, &a, &b, &c, &d, &e);
    if (many < 1) return;
    if (!strcmp(word, "begin")) answer = begin(a, b, c, d, e);
    if (!strcmp(word, "again")) answer = begin(3, 2, 0, 0, 0x10);
    if (!strcmp(word, "twice")) answer = load(); /* with the table as it is */
    if (!strcmp(word, "touched")) answer = (core.create != create) + 2 * (core.destroy != destroy) + 4 * (amd.describe != describe);
    if (!strcmp(word, "make")) answer = make(a);
    if (!strcmp(word, "many")) for (unsigned long i = 0; i < b; i++) answer = make(a);
    if (!strcmp(word, "describe")) {
        struct described batch[3] = {{.version = 1}, {.version = 1}, {.version = 1}};
        for (unsigned long i = 0; i < 3; i++) batch[i].engine = (uint8_t)(i == 2 ? b : 0);
        answer = amd.describe((agent_t){a}, batch, 3);
        queues[made++] = batch[0].queue, queues[made++] = batch[2].queue;
    }
    if (!strcmp(word, "go")) {
        queues[a]->written += b;
        queues[a]->consumed += c;
    }
    if (!strcmp(word, "end")) answer = core.destroy(queues[a]);
    if (!strcmp(word, "unload")) unload();
    if (!strcmp(word, "race")) race((int)a, (int)b);
    if (!strcmp(word, "spin")) for (unsigned long i = 0; i < a * 1000; i++) atomic_fetch_add(&queues[0]->written, 1);
    if (!strcmp(word, "kill")) kill(getpid(), (int)a);
    if (!strcmp(word, "exit")) exit(0);
    if (!strcmp(word, "_exit")) _exit(0);
    if (!strcmp(word, "fork")) { /* the rest of the line is the child's */
        pid_t started = fork();
        if (!started) {
            child = true;
            for (char *rest = strchr(line, ' '), *next; rest; rest = next) {
                if ((next = strchr(++rest, ';'))) *next = 0;
                obey(rest);
            }
            exit(0);
        }
        int status;
        waitpid(started, &status, 0);
        answer = status;
    }
    if (child) return;
    printf("%ld\n", answer);
    fflush(stdout);
}

int main(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin)) obey(line);
    return 0;
}
