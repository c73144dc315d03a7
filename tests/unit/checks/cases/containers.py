"""Containers, limits and the environment: a machine that triggers each check, and one that passes it."""

from __future__ import annotations

from rocmkit.facts import Facts
from tests.support.checks import system
from tests.support.facts import ACCESS, DRIVER, GPU, HEALTHY, KFD, changed, machine, node
from tests.unit.checks.rk4_support import NEW_ARCHS, with_torch

MEMORY = HEALTHY.memory
DOCKER = system(container="docker")
TWO_SOCKETS = changed(KFD, cpu_nodes=(0, 2))
HIDDEN = changed(
    ACCESS, uid=0, nodes=tuple(node(one.path, kind="other", mode=None, gid=None, uid=None, open="EACCES") for one in ACCESS.nodes)
)
ROCM_7 = with_torch("2.12.0+rocm7.2", "7.2.1", archs=NEW_ARCHS)
EXPANDABLE = {"PYTORCH_HIP_ALLOC_CONF": "expandable_segments:True"}

CASES: dict[str, tuple[Facts, Facts]] = {
    "RK206": (machine(system=system(docker_context="desktop-linux")), machine(system=system(docker_context="default"))),
    "RK207": (
        machine(system=system("fedora", container="podman", selinux="enforcing", selinux_type="container_t"), access=HIDDEN),
        machine(system=system("fedora", selinux="enforcing", selinux_type="unconfined_t")),
    ),
    "RK208": (machine(system=changed(DOCKER, seccomp="filter"), kfd=TWO_SOCKETS), machine(system=DOCKER)),
    "RK209": (
        machine(system=DOCKER, driver=changed(DRIVER, kind="dkms", version="6.3.6")),
        machine(system=DOCKER, driver=changed(DRIVER, kind="dkms", version="6.10.5")),
    ),
    "RK504": (machine(env=EXPANDABLE, python=ROCM_7), HEALTHY),
    "RK505": (machine(system=DOCKER, memory=changed(MEMORY, shm_bytes=64 << 20)), HEALTHY),
    "RK506": (machine(memory=changed(MEMORY, memlock_bytes=64 << 10)), HEALTHY),
    "RK507": (machine(gpus=(changed(GPU, vram_used_bytes=15 << 30),)), HEALTHY),
}
