/* Makes a queue on each GPU by ROCm's own runtime, puts packets into it, and takes them out in place of a GPU; twice. */
#define LITTLEENDIAN_CPU
#include <hsa/amd_hsa_queue.h>
#include <hsa/hsa.h>
#include <stdio.h>

static hsa_status_t drive(hsa_agent_t agent, void *unused) {
    hsa_device_type_t type;
    hsa_queue_t *queue = NULL;
    hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type);
    hsa_status_t status = hsa_queue_create(agent, 64, HSA_QUEUE_TYPE_MULTI, NULL, NULL, 0, 0, &queue);
    if ((type == HSA_DEVICE_TYPE_GPU) != !status) return HSA_STATUS_ERROR;
    if (status) return (void)unused, HSA_STATUS_SUCCESS;
    hsa_queue_add_write_index_relaxed(queue, 13);
    ((amd_queue_t *)queue)->read_dispatch_id = 12;
    return hsa_queue_destroy(queue);
}

int main(void) {
    for (int i = 0; i < 2; i++) {
        hsa_status_t begun = hsa_init(), done = begun ? begun : hsa_iterate_agents(drive, NULL), ended = begun ? begun : hsa_shut_down();
        printf("%x %x %x\n", begun, done, ended);
    }
    return 0;
}
