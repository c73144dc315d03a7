"""The machines that work, one card or set of cards each."""

from __future__ import annotations

from dataclasses import dataclass

from tools.machine_parts import gpu, klog, python_env, rocm, system, tools
from tools.machine_parts.builder import Builder
from tools.machine_parts.cards import CARDS
from tools.machine_parts.gpu import Slot
from tools.machine_parts.python_env import SPEECH, Environment
from tools.machine_parts.system import Cpu, Release
from tools.machine_parts.torch_builds import TORCH_2_0, TORCH_2_6, TORCH_2_9, TORCH_2_9_64, TORCH_2_11, Torch


@dataclass(frozen=True)
class Plan:
    """What a machine is made of; each part may be left out."""

    about: str
    slots: tuple[Slot, ...]
    os: Release = system.NOBLE
    cpu: Cpu = system.RYZEN
    rocm: str | None = "6.3.4"
    torch: Torch | None = TORCH_2_9
    packages: tuple[tuple[str, str], ...] = tuple(SPEECH.items())
    parameters: str = "quiet splash"
    groups: tuple[str, ...] = ("render", "video")
    promised: tuple[str, ...] | None = None
    kfd_opens: str = "ok"
    driver: bool = True
    dmesg: bool = True
    journal: bool = True


def put_together(plan: Plan) -> Builder:
    """A machine with all its parts."""
    b = Builder(plan.about)
    os, cpu = plan.os, plan.cpu
    system.linux(b, os, cpu, parameters=plan.parameters)
    system.user(b, os, groups=plan.groups, promised=plan.promised)
    system.module(b, os, loaded=plan.driver)
    for card in {slot.card.firmware: slot.card for slot in plan.slots}.values():
        gpu.firmware(b, card, suffix=".bin.zst" if os.module_suffix == ".zst" else ".bin")
    driven = tuple(slot for slot in plan.slots if slot.driver == "amdgpu")
    for slot in plan.slots:
        if not slot.partition:
            gpu.pci_device(b, slot)
    if plan.driver:
        gpu.cpu_node(b, driven, threads=cpu.threads, memory_bytes=cpu.memory_kib * 1024)
        b.device("/dev/kfd", (gpu.KFD_MAJOR, 0), os.render_gid, opened=plan.kfd_opens)
        for slot in driven:
            gpu.kfd_node(b, slot, os.release)
            gpu.drm_device(b, slot, os.render_gid, opened=plan.kfd_opens)
    klog.write(b, klog.healthy(os, driven), dmesg=plan.dmesg, journal=plan.journal)
    if plan.rocm:
        top = rocm.tree(b, plan.rocm)
        rocm.rocminfo(b, top, cpu, driven)
        tools.rocm_tools(b, top, plan.rocm)
    tools.build_tools(b, os)
    env = Environment(torch=plan.torch, packages=dict(plan.packages))
    python_env.write(b, os, env)
    return b


def numpy_1(packages: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The packages as an old Python 3.8 could have them."""
    held = {"numpy": "1.24.4", "numba": "0.58.1", "llvmlite": "0.41.1", "openai-whisper": "20240930", "packaging": "24.0", "pip": "24.0"}
    return tuple({name: held[name] for name in packages if name in held}.items())


def working() -> dict[str, Builder]:
    """Name to machine, for those without a fault of their own."""
    big = Slot(CARDS["RX7900XTX"], bar_bytes=32 << 30)
    partitions = tuple(Slot(CARDS["MI300X"], bus=5, node=1 + n, minor=128 + n, partition=n) for n in range(8))
    plans = {
        "mi50-16gb-healthy": Plan(
            "One Instinct MI50 with 16 GB where everything fits, and the newest torch for it.", (Slot(CARDS["MI50"]),)
        ),
        "mi60-32gb": Plan("One Instinct MI60 with 32 GB; the log is only in the journal.", (Slot(CARDS["MI60"]),), dmesg=False),
        "radeon-vii": Plan(
            "One Radeon VII without Resizable BAR.", (Slot(CARDS["RADEON_VII"]),), os=system.JAMMY, rocm="6.1.5", torch=TORCH_2_6
        ),
        "mi25": Plan(
            "One Instinct MI25 on a kernel that does not print gfx_target_version yet.",
            (Slot(CARDS["MI25"]),),
            os=system.FOCAL,
            rocm="5.4.2",
            torch=TORCH_2_0,
            packages=numpy_1(SPEECH),
        ),
        "mi210": Plan("One Instinct MI210.", (Slot(CARDS["MI210"], bus=67),), cpu=system.EPYC, rocm="6.4.3", torch=TORCH_2_9_64),
        "mi300x": Plan("One Instinct MI300X, undivided.", (Slot(CARDS["MI300X"], bus=5),), cpu=system.EPYC, rocm="7.2.0", torch=TORCH_2_11),
        "mi300x-cpx": Plan(
            "One Instinct MI300X split into eight (CPX), its memory in one piece (NPS1).",
            partitions,
            cpu=system.EPYC,
            rocm="7.2.0",
            torch=TORCH_2_11,
        ),
        "rx6800": Plan("One Radeon RX 6800.", (Slot(CARDS["RX6800"], bar_bytes=16 << 30),)),
        "rx7900xtx": Plan("One Radeon RX 7900 XTX with Resizable BAR.", (big,), os=system.HWE, rocm="6.4.3", torch=TORCH_2_9_64),
        "rx9070": Plan("One Radeon RX 9070.", (Slot(CARDS["RX9070"], bar_bytes=16 << 30),), os=system.HWE, rocm="7.2.0", torch=TORCH_2_11),
        "apu-780m": Plan(
            "A notebook whose only GPU is the Radeon 780M in its Phoenix processor, with 2 GB of the memory set aside for it.",
            (Slot(CARDS["R780M"], bus=195, bar_bytes=256 << 20),),
            os=system.HWE,
            cpu=system.PHOENIX,
            rocm="7.2.0",
            torch=TORCH_2_11,
        ),
        "apu-raven-old": Plan(
            "A Raven Ridge processor on an old kernel: one KFD node with processor cores and the GPU's units.",
            (Slot(CARDS["RAVEN"], bus=8, node=0, bar_bytes=256 << 20, cpu_cores=8),),
            os=system.FOCAL.on("5.4.0-216-generic"),
            cpu=system.RAVEN_CPU,
            rocm=None,
            torch=None,
            packages=numpy_1(SPEECH),
        ),
        "igpu-plus-dgpu": Plan(
            "A Raphael processor with its small GPU beside a Radeon RX 7900 XTX.",
            (big, Slot(CARDS["RAPHAEL"], bus=19, node=2, minor=129, bar_bytes=256 << 20)),
            os=system.HWE,
            cpu=system.RYZEN_7000,
            rocm="6.4.3",
            torch=TORCH_2_9_64,
        ),
        "two-mi50": Plan(
            "Two Instinct MI50, the second in a slot of four lanes, translation by the IOMMU left on.",
            (Slot(CARDS["MI50"]), Slot(CARDS["MI50"], bus=11, node=2, minor=129, narrow=("8.0", 4))),
        ),
    }
    found = {name: put_together(plan) for name, plan in plans.items()}
    found["two-mi50"].folder("/sys/class/iommu", "ivhd0")
    found["mi300x"].folder("/sys/class/iommu", "ivhd0", "ivhd1")
    return found
