"""RK505, RK506: limits on memory that programs share or pin."""

from __future__ import annotations

from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _nodes
from rocmkit.doctor.checks._sizes import said
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, Memory, System

_MIB = 1 << 20
#: Below this a container is told of; what engines give by default is 64 MiB.
_SHM_IN_CONTAINER = 1024 * _MIB
#: Distributions give half of main memory: a machine with less than this was set so.
_SHM_ELSEWHERE = 128 * _MIB
#: The default of today's kernels and of systemd; older ones have 64 KiB. To ask for more would be noise on every machine.
_MEMLOCK = 8 * _MIB
_ENGINES = {"docker", "podman", "container"}


@check("RK505", "shm-small", title="Little shared memory in /dev/shm", severity="note")
def shm(memory: Memory, system: System, gpus: tuple[Gpu, ...]) -> Outcome:
    """The memory that processes share, `/dev/shm`, is smaller than what PyTorch's helper processes pass through it.

    ## What it looks at

    The size of the file system at `/dev/shm`: below 1 GiB in a container, below 128 MiB elsewhere.

    ## Why it matters

    Docker, Podman and Kubernetes give 64 MiB. PyTorch's DataLoader hands batches from its worker processes through `/dev/shm`, and
    RCCL uses it between GPUs. When it is full, a worker dies: "DataLoader worker is killed by signal: Bus error", "unable
    to open shared memory object". A program that transcribes in one process does not need it.

    ## Fix

    Start the container with `--shm-size=8g`, or with the host's shared memory: `--ipc=host`. In Kubernetes, mount an emptyDir of medium
    Memory at `/dev/shm`.

    ## Safe to ignore when

    One process does all the work: no DataLoader workers (num_workers=0) and one GPU, as in most programs that transcribe. This is a note
    and never the verdict.

    ## Sources

    - ROCm/container-toolkit#86
    - pytorch/pytorch README.md
    - ROCm/ROCm-docker#93
    """
    if isinstance(memory.shm_bytes, Gap):
        return skip("the size of /dev/shm is not known: {detail}", detail=memory.shm_bytes.detail)
    if isinstance(system.container, Gap):
        return skip("it is not known whether this is a container: {detail}", detail=system.container.detail)
    host = system.container
    size = memory.shm_bytes
    seen = Seen("/dev/shm", said(size))  # noqa: S108 - its size is meant
    if size >= (_SHM_IN_CONTAINER if host else _SHM_ELSEWHERE):
        return judge([], seen)
    commands: tuple[str, ...] = ("sudo mount -o remount,size=8G /dev/shm",)
    text = say(
        "only if a worker dies: make it larger; this lasts until the next start, a line in /etc/fstab keeps it (less than 8G where "
        "memory is scarce)"
    )
    if host == "kubernetes":
        commands = ()
        text = say("only if a worker dies: in the pod, mount a volume emptyDir with medium: Memory and sizeLimit: 8Gi at /dev/shm")
    elif host in _ENGINES:
        commands = _nodes.start(host, gpus, options="--shm-size=8g")
        text = say(
            "only if a worker dies: on the host, start the container again with --shm-size beside your own options, with your image for "
            "IMAGE"
        )
    finding = Finding(
        subject="/dev/shm",  # noqa: S108
        message=say(
            "only {size} at /dev/shm: enough for one process; programs with worker processes can die of a bus error", size=said(size)
        ),
        confidence="likely",
        seen=(seen,),
        cause=say("container engines give 64 MiB unless they are told otherwise") if host in {*_ENGINES, "kubernetes"} else None,
        fix=Fix(text=text, commands=commands, verify=("df -h /dev/shm",), root=any("sudo" in command for command in commands)),
    )
    return judge([finding])


@check("RK506", "memlock", title="The limit on pinned memory is small", severity="note")
def memlock(memory: Memory, system: System, gpus: tuple[Gpu, ...]) -> Outcome:
    """This process may pin little memory, which few GPU programs feel.

    ## What it looks at

    The soft limit RLIMIT_MEMLOCK of this process (`ulimit -l`): below 8 MiB, which is the default of today's systems.

    ## Why it matters

    Little by itself: amdgpu pins memory for the GPU inside the kernel, which this limit does not count. Programs that pin memory
    themselves (RDMA, some caches and servers) fail with "Cannot allocate memory", and people who report faults of ROCm are seen to lift
    the limit, mostly without effect. It is a thing to try when allocations fail and nothing else explains it.

    ## Fix

    None is needed while things work. Otherwise raise it: a file in `/etc/security/limits.d`, LimitMEMLOCK=infinity in a systemd unit,
    `--ulimit memlock=-1` for a container.

    ## Safe to ignore when

    No allocation fails. This is a note and never the verdict.

    ## Sources

    - ROCm/legacy-rocm-build#5433
    - ROCm/FastFlowLM#437
    - https://man7.org/linux/man-pages/man2/getrlimit.2.html
    """
    if isinstance(memory.memlock_bytes, Gap):
        return skip("the limit on pinned memory is not known: {detail}", detail=memory.memlock_bytes.detail)
    limit = memory.memlock_bytes
    seen = Seen("ulimit -l", "unlimited" if limit is None else said(limit))
    if limit is None or limit >= _MEMLOCK:
        return judge([], seen)
    host = None if isinstance(system.container, Gap) else system.container
    limits = '"$USER soft memlock unlimited" "$USER hard memlock unlimited"'
    commands: tuple[str, ...] = (f"printf '%s\\n' {limits} | sudo tee /etc/security/limits.d/90-memlock.conf",)
    text = say("only if allocations fail: lift the limit and log in anew; for a service, set LimitMEMLOCK=infinity in its unit")
    if host == "kubernetes":
        commands, text = (), say("only if allocations fail: lift the limit of the container runtime on the node")
    elif host in _ENGINES:
        commands = _nodes.start(host, gpus, options="--ulimit memlock=-1")
        text = say("only if allocations fail: on the host, start the container again with --ulimit beside your own options")
    local = any("sudo" in command for command in commands)
    finding = Finding(
        subject="memlock",
        message=say("this process may pin {size} of memory; programs that pin memory themselves need more", size=said(limit)),
        confidence="likely",
        seen=(seen,),
        fix=Fix(
            text=text,
            commands=commands,
            verify=("ulimit -l",),
            root=local,
            relogin=local,
            caution=say("a program without this limit can pin all of main memory") if commands else None,
        ),
    )
    return judge([finding])
