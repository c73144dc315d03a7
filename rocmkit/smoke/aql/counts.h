/* The file that the hook counts in. rocmkit/smoke/inside/packets.py describes and reads it. */
#ifndef ROCMKIT_COUNTS_H
#define ROCMKIT_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

enum { PAGE = 4096, ROOMS = 32, GPUS = 64, VERSION = 1 };
enum { COUNTING = 1, REFUSED = 2, ENDED = 3 };
enum { BY_VERSION = 1, BY_SIZE = 2, BY_FUNCTION = 3, BY_THREAD = 4 };

struct gpu { int64_t node; uint64_t queues, consumed, written; };
struct room {
    uint32_t state, pid, reason, gpus;
    uint64_t refused, begun, done, lost;
    uint64_t reserved[2];
    struct gpu gpu[GPUS];
};
union page { struct { char magic[8]; uint32_t version, rooms, taken; } head; struct room room; char bytes[PAGE]; };

/* The readers are other processes: each number is written whole. */
#define PUT(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

/* Whether there is such a file; it stays open. */
bool counts_open(void);

/* A room that nobody else has, in this or another process; null: none is left. */
struct room *take_room(void);

/* Take a room to say why nothing is counted. Returns false. */
bool refuse(uint32_t reason, uint64_t what);

/* The place of the GPU with that node; null: none is left. */
struct gpu *counts_of(struct room *room, int64_t node);

#endif
