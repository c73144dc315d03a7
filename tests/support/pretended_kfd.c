/* Answers for the kernel's driver of AMD GPUs, so that ROCm's own runtime starts without one: for LD_PRELOAD.
 *
 * Its devices are a file, its topology is read below the folder in PRETENDED_KFD, its memory is the processor's, and whatever is asked of it
 * went well. Nothing takes packets out of the queues. The numbers and structures of the requests are those of linux/kfd_ioctl.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define REAL(name) static __typeof__(name) *real; if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)
#define TOPOLOGY "/sys/devices/virtual/kfd/kfd/topology"
enum { FILES = 1024 };
static char pretended[FILES]; /* by file descriptor */

static int is_device(const char *path) { return !strcmp(path, "/dev/kfd") || !strncmp(path, "/dev/dri/renderD", 16); }
static const char *instead(const char *path, char *buffer) {
    const char *folder = getenv("PRETENDED_KFD");
    if (folder && !strncmp(path, TOPOLOGY, strlen(TOPOLOGY))) snprintf(buffer, 512, "%s/topology%s", folder, path + strlen(TOPOLOGY));
    else if (folder && is_device(path)) snprintf(buffer, 512, "%s/device", folder);
    else return path;
    return buffer;
}
static int opened(const char *path, int descriptor) {
    if (is_device(path) && descriptor >= 0 && descriptor < FILES) pretended[descriptor] = 1;
    return descriptor;
}
static int ours(int descriptor) { return descriptor >= 0 && descriptor < FILES && pretended[descriptor]; }

#define OPEN(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        char buffer[512];                                              \
        va_list rest;                                                  \
        va_start(rest, flags);                                         \
        int mode = va_arg(rest, int);                                  \
        va_end(rest);                                                  \
        REAL(name);                   \
        return opened(path, real(instead(path, buffer), flags, mode)); \
    }
OPEN(open) OPEN(open64)
#define FOPEN(name)                                      \
    FILE *name(const char *path, const char *mode) {     \
        char buffer[512];                                \
        REAL(name); \
        return real(instead(path, buffer), mode);        \
    }
FOPEN(fopen) FOPEN(fopen64)
DIR *opendir(const char *path) {
    char buffer[512];
    REAL(opendir);
    return real(instead(path, buffer));
}
int close(int descriptor) {
    REAL(close);
    if (ours(descriptor)) pretended[descriptor] = 0;
    return real(descriptor);
}
#define MMAP(name)                                                                                                                        \
    void *name(void *at, size_t size, int allowed, int flags, int descriptor, off_t offset) {                                             \
        REAL(name);                                                                      \
        if (ours(descriptor)) return real(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (flags & MAP_FIXED), -1, 0); \
        return real(at, size, allowed, flags, descriptor, offset);                                                                        \
    }
MMAP(mmap) MMAP(mmap64)

/* What is asked of libdrm. */
int amdgpu_device_initialize(int descriptor, uint32_t *major, uint32_t *minor, void **device) {
    *major = 3, *minor = 50, *(int *)(*device = malloc(sizeof(int))) = opened("/dev/kfd", dup(descriptor));
    return 0;
}
int amdgpu_device_deinitialize(void *device) { return free(device), 0; }
int amdgpu_device_get_fd(void *device) { return *(int *)device; }
const char *amdgpu_get_marketing_name(void *device) { return (void)device, "pretended"; }
int amdgpu_query_gpu_info(void *device, void *about) {
    static const uint32_t vega20[16] = {0x66a1, 1, 0x29, 141}; /* its number, revisions and family */
    return (void)device, memcpy(about, vega20, sizeof vega20), 0;
}
int drmOpenRender(int minor) { return (void)minor, open("/dev/dri/renderD128", O_RDWR); }
int drmClose(int descriptor) { return close(descriptor); }
int drmCommandWriteRead(int descriptor, unsigned long index, void *data, unsigned long size) {
    return (void)descriptor, (void)index, (void)data, (void)size, 0;
}

struct aperture { uint64_t lds, lds_end, scratch, scratch_end, gpuvm, gpuvm_end; uint32_t gpu_id, pad; };
struct apertures { struct aperture *each; uint32_t many, pad; };
struct queue { uint64_t ring, write, read, doorbell; uint32_t size, gpu_id, type, percent, priority, id; };
struct event { uint64_t page; uint32_t trigger, type, automatic, node, id, slot; };
struct memory { uint64_t address, size, handle, offset; uint32_t gpu_id, flags; };
struct mapping { uint64_t handle, devices; uint32_t many, done; };
enum { USERPTR = 4 };

static uint32_t gpu_ids(struct aperture *each, uint32_t most) {
    uint32_t many = 0;
    for (int node = 0; node < 8 && many < most; node++) {
        char path[64];
        unsigned id = 0;
        snprintf(path, sizeof path, TOPOLOGY "/nodes/%d/gpu_id", node);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%u", &id) == 1 && id)
            each[many++] = (struct aperture){1ul << 48, (1ul << 48) + (1ul << 32) - 1, 2ul << 48, (2ul << 48) + (1ul << 32) - 1, 1ul << 24,
                                             (1ul << 47) - 1, id, 0};
        if (file) fclose(file);
    }
    return many;
}

int ioctl(int descriptor, unsigned long request, ...) {
    static uint32_t last;
    va_list rest;
    va_start(rest, request);
    void *data = va_arg(rest, void *);
    va_end(rest);
    REAL(ioctl);
    if (!ours(descriptor)) return real(descriptor, request, data);
    struct event *event = data;
    struct memory *memory = data;
    struct mapping *mapping = data;
    struct queue *queue = data;
    struct apertures *apertures = data;
    uint64_t *numbers = data;
    switch (request & 0xff) { /* the request's number */
    case 0x01: ((uint32_t *)data)[0] = 1, ((uint32_t *)data)[1] = 14; break; /* the driver's version */
    case 0x02: queue->doorbell = 2ul << 62, queue->id = ++last; break;
    case 0x05: numbers[0] = numbers[1] = numbers[2] = ++last, numbers[3] = 100000000; break; /* clocks */
    case 0x08: event->page = 1ul << 62, event->id = event->slot = event->trigger = ++last; break;
    case 0x0c: usleep(1000); break; /* waiting for events */
    case 0x14: apertures->many = apertures->each ? gpu_ids(apertures->each, apertures->many) : 8; break;
    case 0x16:
        memory->handle = ++last;
        if (!(memory->flags & USERPTR)) memory->offset = 1ul << 24;
        break;
    case 0x18: case 0x19: mapping->done = mapping->many; break;
    case 0x23: numbers[0] = 1ul << 33; break; /* free memory */
    }
    return 0;
}
