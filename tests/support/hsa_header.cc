// The hook against ROCm's own headers: its places are theirs, and a table that is laid out by them is served. Compiled where they are installed.
#include <hsa_api_trace.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include <dlfcn.h>
#include <unistd.h>

namespace ours {
#include "tables.h"
}

#define SAME(theirs, field, mine, place) static_assert(offsetof(theirs, field) == offsetof(ours::mine, place), #field)
SAME(HsaApiTable, version.major_id, api, version.major);
SAME(HsaApiTable, version.minor_id, api, version.size);
SAME(HsaApiTable, version.step_id, api, version.step);
SAME(HsaApiTable, core_, api, core);
SAME(HsaApiTable, amd_ext_, api, amd);
SAME(CoreApiTable, hsa_agent_get_info_fn, core, info);
SAME(CoreApiTable, hsa_queue_create_fn, core, create);
SAME(CoreApiTable, hsa_queue_destroy_fn, core, destroy);
SAME(CoreApiTable, hsa_queue_load_read_index_relaxed_fn, core, read);
SAME(CoreApiTable, hsa_queue_load_write_index_relaxed_fn, core, write);
static_assert(sizeof(hsa_agent_t) == sizeof(ours::agent_t) && sizeof(hsa_status_t) == 4 && HSA_STATUS_SUCCESS == 0, "");
#define EQUAL(theirs, mine) static_assert(static_cast<int>(theirs) == static_cast<int>(ours::mine), #theirs)
EQUAL(HSA_AGENT_INFO_DEVICE, AGENT_DEVICE);
EQUAL(HSA_DEVICE_TYPE_GPU, DEVICE_GPU);
EQUAL(HSA_AMD_AGENT_INFO_DRIVER_NODE_ID, AGENT_DRIVER_NODE);
typedef void (*failed)(hsa_status_t, hsa_queue_t *, void *);
typedef hsa_status_t (*making)(hsa_agent_t, uint32_t, uint32_t, failed, void *, uint32_t, uint32_t, hsa_queue_t **);
static_assert(std::is_same<decltype(CoreApiTable::hsa_queue_create_fn), making>::value, "");
static_assert(std::is_same<decltype(CoreApiTable::hsa_queue_destroy_fn), hsa_status_t (*)(hsa_queue_t *)>::value, "");
static_assert(std::is_same<decltype(CoreApiTable::hsa_queue_load_read_index_relaxed_fn), uint64_t (*)(const hsa_queue_t *)>::value, "");
static_assert(std::is_same<decltype(CoreApiTable::hsa_queue_load_write_index_relaxed_fn), uint64_t (*)(const hsa_queue_t *)>::value, "");
#if HSA_AMD_EXT_API_TABLE_STEP_VERSION >= 0x10
SAME(AmdExtTable, hsa_amd_queue_create_fn, amd, describe);
SAME(hsa_amd_queue_create_desc_t, engine_type, described, engine);
SAME(hsa_amd_queue_create_desc_t, queue, described, queue);
EQUAL(HSA_AMD_QUEUE_ENGINE_COMPUTE, ENGINE_COMPUTE);
static_assert(sizeof(hsa_amd_queue_create_desc_t) == sizeof(ours::described), "");
#endif

static hsa_queue_t queue;
static uint64_t written = 3, consumed = 2; // before it was handed out

int main() {
    CoreApiTable core = {};
    AmdExtTable amd = {};
    HsaApiTable api = {};
    api.version = {HSA_API_TABLE_MAJOR_VERSION, sizeof api, HSA_API_TABLE_STEP_VERSION, 0};
    core.version = {HSA_CORE_API_TABLE_MAJOR_VERSION, sizeof core, HSA_CORE_API_TABLE_STEP_VERSION, 0};
    amd.version = {HSA_AMD_EXT_API_TABLE_MAJOR_VERSION, sizeof amd, HSA_AMD_EXT_API_TABLE_STEP_VERSION, 0};
    api.core_ = &core;
    api.amd_ext_ = &amd;
    core.hsa_agent_get_info_fn = [](hsa_agent_t agent, hsa_agent_info_t what, void *value) {
        *static_cast<uint32_t *>(value) = what == HSA_AGENT_INFO_DEVICE ? uint32_t{HSA_DEVICE_TYPE_GPU} : uint32_t(agent.handle);
        return HSA_STATUS_SUCCESS;
    };
    core.hsa_queue_create_fn = [](hsa_agent_t, uint32_t, hsa_queue_type32_t, failed, void *, uint32_t, uint32_t, hsa_queue_t **made) {
        *made = &queue;
        return HSA_STATUS_SUCCESS;
    };
    core.hsa_queue_destroy_fn = [](hsa_queue_t *) { return HSA_STATUS_SUCCESS; };
    core.hsa_queue_load_read_index_relaxed_fn = [](const hsa_queue_t *) { return consumed; };
    core.hsa_queue_load_write_index_relaxed_fn = [](const hsa_queue_t *) { return written; };
    void *hook = dlopen(getenv("HOOK"), RTLD_LAZY);
    auto load = reinterpret_cast<bool (*)(HsaApiTable *, uint64_t, uint64_t, const char *const *)>(hook ? dlsym(hook, "OnLoad") : nullptr);
    if (!load || !load(&api, HSA_API_TABLE_MAJOR_VERSION, 0, nullptr)) return 1;
    hsa_queue_t *made = nullptr;
    if (core.hsa_queue_create_fn({6}, 64, HSA_QUEUE_TYPE_MULTI, nullptr, nullptr, 0, 0, &made) != HSA_STATUS_SUCCESS || made != &queue) return 2;
    written = 13;
    consumed = 9;
    if (core.hsa_queue_destroy_fn(made) != HSA_STATUS_SUCCESS) return 3;
    std::printf("%x.%x.%x\n", HSA_API_TABLE_MAJOR_VERSION, HSA_CORE_API_TABLE_MAJOR_VERSION, HSA_AMD_EXT_API_TABLE_STEP_VERSION);
    std::fflush(stdout);
    _exit(0);
}
