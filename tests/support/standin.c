/* What every stand-in library begins with: each function counts its calls in a file that outlives the process, and fails where it is told to.
   STANDIN_COUNTS is a folder; STANDIN_FAIL is "hipGetDeviceCount=100 hipLaunchKernel=98". SONAME and NAMES are this library's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const names[] = {NAMES 0};
static int64_t uncounted[1024], *counts = uncounted;
static long handle[64]; /* what every handle points to */
static __thread long last_error;

__attribute__((constructor)) static void count_in_a_file(void) {
    const char *folder = getenv("STANDIN_COUNTS");
    char path[4096];
    if (!folder || snprintf(path, sizeof path, "%s/%s", folder, SONAME) >= (int)sizeof path) return;
    int file = open(path, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof uncounted)) return;
    void *mapped = mmap(0, sizeof uncounted, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) counts = mapped;
    close(file);
}

/* The error that this function was told to end with; 0: none. */
static long called(int number) {
    __atomic_add_fetch(&counts[number], 1, __ATOMIC_RELAXED);
    const char *told = getenv("STANDIN_FAIL"), *name = names[number];
    size_t size = strlen(name);
    while (told && *told) {
        if (!strncmp(told, name, size) && told[size] == '=') return last_error = atol(told + size + 1);
        told = strchr(told, ' ');
        told = told ? told + 1 : 0;
    }
    return 0;
}

static const char *error_name(int error) {
    return error == 98 ? "hipErrorInvalidDeviceFunction" : error == 100 ? "hipErrorNoDevice" : error ? "hipErrorUnknown" : "hipSuccess";
}

static const char *error_text(int error) {
    return error == 98 ? "invalid device function" : error == 100 ? "no ROCm-capable device is detected" : error ? "unknown error" : "no error";
}

/* The next number of protobuf's encoding. */
static uint64_t varint(const uint8_t **at, const uint8_t *end) {
    uint64_t number = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return number;
}

struct message {
    const uint8_t *at, *end;
};

/* How many fields of that number a message has, and what the first one holds. */
static size_t fields(struct message in, uint64_t wanted, struct message *first) {
    size_t count = 0;
    while (in.at < in.end) {
        uint64_t key = varint(&in.at, in.end), size = varint(&in.at, in.end);
        if ((key & 7) == 0) continue; /* it was the value; ONNX has no others here than these two */
        if ((key & 7) != 2 || size > (uint64_t)(in.end - in.at)) break;
        if (key >> 3 == wanted && !count++ && first) *first = (struct message){in.at, in.at + size};
        in.at += size;
    }
    return count;
}

/* The outputs of the graph of a model, by onnx.proto. */
static size_t outputs_of(const uint8_t *model, size_t size) {
    struct message graph = {0, 0};
    fields((struct message){model, model + size}, 7, &graph);
    return fields(graph, 12, 0);
}
