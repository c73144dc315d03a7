/* What the hook needs of ROCm's hsa.h, hsa_ext_amd.h and hsa_api_trace.h, which a machine that runs ROCm may lack.
 *
 * Functions stand in the tables by their place, the same in all headers from ROCm 5.0 to those of August 2026; what is new comes after them.
 */
#ifndef ROCMKIT_TABLES_H
#define ROCMKIT_TABLES_H

#include <stddef.h>
#include <stdint.h>

typedef struct { uint64_t handle; } agent_t;
typedef void (*failed_fn)(uint32_t status, void *queue, void *data);
typedef uint32_t (*info_fn)(agent_t agent, uint32_t attribute, void *value);
typedef uint32_t (*create_fn)(agent_t, uint32_t size, uint32_t type, failed_fn, void *data, uint32_t scratch, uint32_t group, void **queue);
typedef uint32_t (*destroy_fn)(void *queue);
typedef uint64_t (*index_fn)(const void *queue);

enum { AGENT_DEVICE = 17, AGENT_DRIVER_NODE = 0xA004, DEVICE_GPU = 1, ENGINE_COMPUTE = 0 };

struct version { uint32_t major, size, step, reserved; };
struct core {
    struct version version;
    void *before_info[6];
    info_fn info;
    create_fn create;
    void *create_soft;
    destroy_fn destroy;
    void *inactivate, *read_acquire;
    index_fn read;
    void *write_acquire;
    index_fn write;
};
/* HIP makes its queues by hsa_amd_queue_create since ROCm/rocm-systems#7727. */
struct described {
    uint16_t version, flags;
    uint8_t engine, reserved_header[3];
    uint32_t size, priority;
    failed_fn failed;
    void *data, *queue;
    uint8_t rest[56];
};
typedef uint32_t (*describe_fn)(agent_t, struct described *, uint32_t many);
struct amd {
    struct version version;
    void *before_describe[86];
    describe_fn describe;
};
struct api {
    struct version version;
    struct core *core;
    struct amd *amd;
};
#define ENDS(kind, field) (offsetof(struct kind, field) + sizeof(((struct kind *)0)->field))
enum { DESCRIBE_STEP = 0x10 }; /* of the table of AMD's functions: since then that function is in it */

#endif
