"""RK206, RK208, RK209: what Docker and its kin do to the GPU beyond handing out its files."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _nodes
from rocmkit.doctor.checks._stack import older, release, user_spaces
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Driver, Gap, Gpu, Kfd, Python, Rocm, System

#: Engines that filter system calls far more than LXC and systemd-nspawn do.
_FILTERING = {"docker", "podman", "kubernetes", "container"}
_DRIVER = "/sys/module/amdgpu/version"


@check("RK206", "docker-desktop", title="The docker command leads to Docker Desktop, which has no GPU", severity="note")
def docker_desktop(system: System) -> Outcome:
    """`docker run` starts containers in Docker Desktop's virtual machine, where the GPU's device files are not.

    ## What it looks at

    Outside of containers: `$DOCKER_HOST`, `$DOCKER_CONTEXT` and `currentContext` in `~/.docker/config.json`. Of that file nothing
    else is kept.

    ## Why it matters

    Docker Desktop on Linux runs its containers in a virtual machine that is given no AMD GPU. `docker run --device=/dev/kfd` then fails
    with "no such file or directory", or the device cannot be opened, while `sudo docker` works: root has settings of its own.
    Programs that run without Docker are not touched.

    ## Fix

    Go back to the engine of the machine: `docker context use default`. Where none is installed, install Docker Engine.

    ## Safe to ignore when

    No container is meant to use the GPU. This is a note and never the verdict, which is on programs outside of containers.

    ## Sources

    - ROCm/container-toolkit#86
    - sickcodes/Docker-OSX#786
    - https://docs.docker.com/engine/manage-resources/contexts/
    """
    if isinstance(system.container, Gap):
        return skip("it is not known whether this is a container: {detail}", detail=system.container.detail)
    if system.container is not None:
        return skip("this is a container: the docker command of the host counts")
    if system.wsl is True:
        return skip("this is WSL: Docker Desktop goes other ways there")
    if isinstance(system.docker_context, Gap):
        return skip("where the docker command leads is not known: {detail}", detail=system.docker_context.detail)
    if system.docker_context is None:
        return skip("no setting says where the docker command leads")
    seen = Seen("docker context", system.docker_context)
    if system.docker_context != "desktop-linux":
        return judge([], seen)
    finding = Finding(
        subject="docker context",
        message=say("the docker command leads to Docker Desktop: its containers run in a virtual machine that has no AMD GPU"),
        confidence="sure",
        seen=(seen,),
        fix=Fix(
            text=say("use the engine of this machine; install Docker Engine where there is none"),
            commands=("unset DOCKER_HOST DOCKER_CONTEXT", "docker context use default"),
            verify=("docker context show", 'docker info --format "{{.OperatingSystem}}"'),
            caution=say("images, volumes and containers of Docker Desktop are not in the other engine: fetch or build them again"),
        ),
    )
    return judge([finding])


@check("RK208", "seccomp-ptrace", title="The container filters system calls that some ROCm tools use", severity="note")
def seccomp(system: System, gpus: tuple[Gpu, ...], kfd: Kfd | Gap) -> Outcome:
    """A seccomp filter is in force in this container, on a machine of several NUMA nodes. Computing works; some tools around it do not.

    ## What it looks at

    In a container of Docker, Podman or Kubernetes: the line `Seccomp` of `/proc/self/status`, and how many nodes of the KFD topology are
    processors. With a single one there is no placing of memory to be refused, and nothing is said.

    ## Why it matters

    Little by itself. The default filter refuses set_mempolicy and mbind, so that numactl and other placing of memory on NUMA nodes ends
    with "Operation not permitted"; on older engines it also refuses ptrace, so that debuggers fail. AMD's instructions switch the filter
    off for that reason. Measured on a new card, rocminfo, HIP programs and RCCL run under Docker's default filter all the same.

    ## Fix

    None is needed while things work. Where a tool is refused, start the container with `--cap-add=SYS_PTRACE --security-opt
    seccomp=unconfined`; for NUMA alone `--cap-add=SYS_NICE` is enough.

    ## Safe to ignore when

    No program says "Operation not permitted". This is a note and never the verdict.

    ## Sources

    - ROCm/jax#878
    - ROCm/legacy-rocm-build#2067
    - ROCm/ROCm-docker#93
    - containerd/containerd#13610
    - https://rocm.docs.amd.com/projects/install-on-linux/en/latest/how-to/docker.html
    """
    if isinstance(system.container, Gap):
        return skip("it is not known whether this is a container: {detail}", detail=system.container.detail)
    if system.container is None:
        return skip("this is no container")
    if system.container not in _FILTERING:
        return skip("{container} filters hardly any system call", container=system.container)
    if isinstance(system.seccomp, Gap):
        return skip("whether system calls are filtered is not known: {detail}", detail=system.seccomp.detail)
    seen = Seen("/proc/self/status", f"Seccomp: {system.seccomp}")
    if system.seccomp == "off":
        return judge([], seen)
    if isinstance(kfd, Gap):
        return skip("how many NUMA nodes there are is not known: {detail}", detail=kfd.detail)
    numa = Seen("/sys/class/kfd/kfd/topology/nodes", f"{len(kfd.cpu_nodes)} of them processors, each a NUMA node")
    if len(kfd.cpu_nodes) < 2:
        return judge([], seen, numa)
    text = say("only if a debugger, a profiler or numactl is refused: on the host, start the container with these options beside your own")
    if system.container == "kubernetes":
        text = say("only if a tool is refused: in the pod's securityContext, add SYS_PTRACE and set seccompProfile to type: Unconfined")
    finding = Finding(
        subject="seccomp",
        message=say("system calls are filtered in this container: computing works, NUMA placement and some debuggers may be refused"),
        confidence="likely",
        seen=(seen, numa),
        fix=Fix(
            text=text,
            commands=_nodes.start(system.container, gpus, options="--cap-add=SYS_PTRACE --security-opt seccomp=unconfined"),
            verify=("grep Seccomp: /proc/self/status",),
            caution=say("without the filter a program in the container reaches the whole kernel: only for images that you trust"),
        ),
    )
    return judge([finding])


@check("RK209", "container-newer-than-host", title="The container's ROCm is newer than the host's driver", severity="warning")
def newer_than_host(system: System, driver: Driver, python: Python | Gap, rocm: tuple[Rocm, ...] | Gap) -> Outcome:
    """The image brings a ROCm that the kernel driver of the host is too old for.

    ## What it looks at

    In a container: the release of ROCm inside torch and of the ROCm that `/opt/rocm` leads to; the version of the host's amdgpu-dkms,
    or, where the driver is part of the kernel, the host's kernel against the oldest that AMD's list of systems names for that ROCm.

    ## Why it matters

    An image holds no driver: the kernel is the host's. A user space that is newer than the driver asks it for things that it does not
    know: HSA_STATUS_ERROR_OUT_OF_RESOURCES, "Initializing the hsa runtime failed", or faults in single operations. Updating
    packages inside the container changes nothing.

    ## Fix

    Update the host's driver or kernel, or take an image with an older ROCm.

    ## Safe to ignore when

    Everything runs. The lists say what was tested, not what works.

    ## Sources

    - ROCm/legacy-rocm-build#1545
    - ROCm/legacy-rocm-build#415
    - FoldingAtHome/containers#26
    - https://rocm.docs.amd.com/projects/install-on-linux/en/latest/reference/user-kernel-space-compat-matrix.html
    """
    if isinstance(system.container, Gap):
        return skip("it is not known whether this is a container: {detail}", detail=system.container.detail)
    if system.container is None:
        return skip("this is no container")
    if isinstance(driver.version, Gap):
        return skip("the host's driver is not known: {detail}", detail=driver.version.detail)
    users = user_spaces(python, rocm)
    if not users:
        return skip("no ROCm of this container is known")
    findings: list[Finding] = []
    seen: list[Seen] = []
    for who, version in _together(users):
        judged = _dkms(who, version, driver.version) if driver.version else _kernel(who, version, system)
        if isinstance(judged, Finding):
            findings.append(judged)
        else:
            seen += judged
    return judge(findings, *seen)


def _together(users: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """One entry a release: what torch and /opt/rocm have in common is said once."""
    found: dict[str, tuple[str, str]] = {}
    for who, version in users:
        series = release(version) or version
        found[series] = (f"{found[series][0]} and {who}", found[series][1]) if series in found else (who, version)
    return tuple(found.values())


def _dkms(who: str, version: str, dkms: str) -> Finding | tuple[Seen, ...]:
    came_with, window = kb.driver_release(dkms), kb.kmd_window(version)
    if came_with is None or window is None:
        return ()
    seen = (
        Seen(_DRIVER, f"{dkms} on the host, which came with ROCm {came_with}"),
        Seen(who, f"ROCm {version}, tested with drivers of ROCm {window.lowest} to {window.highest}"),
    )
    if not older(came_with, window.lowest):
        return seen
    message = say(
        "this container's ROCm {version} ({who}) needs a driver of ROCm {lowest} or newer; the host's came with {driver}",
        who=who,
        version=version,
        lowest=window.lowest,
        driver=came_with,
    )
    text = say("on the host, install an amdgpu-dkms of ROCm {lowest} or newer, or take an image with ROCm {driver}", **message.values)
    return Finding(
        subject=who,
        message=message,
        confidence="sure",
        seen=seen,
        cause=say("the kernel driver is always the host's"),
        fix=Fix(text=text, verify=(f"cat {_DRIVER}", "rocminfo | grep gfx"), reboot=True),
    )


def _kernel(who: str, version: str, system: System) -> Finding | tuple[Seen, ...]:
    """RHEL's kernels carry newer drivers under old numbers, so that only the other distributions' kernels give a lower end."""
    support = kb.os_support(version)
    kernel = None if isinstance(system.kernel, Gap) else release(system.kernel)
    if support is None or kernel is None or isinstance(system.kernel, Gap):
        return ()
    listed = {series for row in support.systems for series in row.kernels}
    plain = {series for row in support.systems if row.os in {"ubuntu", "debian"} for series in row.kernels}
    if not plain or re.search(r"\.el[0-9]", system.kernel):
        return ()
    oldest = min(plain, key=lambda series: tuple(map(int, re.findall(r"[0-9]+", series)[:3])))
    seen = (
        Seen("/proc/sys/kernel/osrelease", f"{system.kernel} of the host"),
        Seen(who, f"ROCm {version}, listed from kernel {oldest} on"),
    )
    if kernel in listed or not older(kernel, oldest):
        return seen
    message = say(
        "AMD lists this container's ROCm {version} ({who}) from kernel {oldest} on; the host's kernel is {kernel}",
        who=who,
        version=version,
        oldest=oldest,
        kernel=kernel,
    )
    return Finding(
        subject=who,
        message=message,
        confidence="likely",
        seen=seen,
        cause=say("the kernel and the driver in it are always the host's"),
        fix=Fix(
            text=say("on the host, start a newer kernel of its distribution, or take an image with an older ROCm"),
            verify=("uname -r", "rocminfo | grep gfx"),
            reboot=True,
        ),
    )
