"""Workers that use a GPU, as real processes: each writes in its own name, as it goes, what the kernel would write of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.kernel_tree import GPUS, MIB, Gpu, Kernel, gone

#: A phase lasts long enough to be seen on a busy machine.
PHASE_S = 0.15


def transcribes(kernel: Kernel, gpu: Gpu, size: int = 300 * MIB) -> None:
    """Load a model, compute in bursts, and end."""
    me = os.getpid()
    kernel.opened(me)
    for other in kernel.gpus:  # the HSA runtime opens them all
        kernel.render(me, 20 + other.minor, other, other.minor)
    kernel.queue(me, 0, gpu)
    kernel.queue(me, 1, gpu, kind=1)  # SDMA
    for part in (3, 2, 1):
        kernel.vram(me, gpu, size // part)
        lies = {"gtt" if gpu.integrated else "vram": size // part}
        for descriptor in (20 + gpu.minor, 90):  # the same opening
            kernel.render(me, descriptor, gpu, gpu.minor, **lies)
        kernel.card(gpu, busy=40, vram=12103680 + size // part)
        time.sleep(PHASE_S)
    kernel.queue(me, 2, gpu)
    for units in (0, 17, 60, 4):
        kernel.occupied(me, gpu, units)
        time.sleep(PHASE_S)
    kernel.card(gpu, busy=97, vram=12103680 + size)
    time.sleep(4 * PHASE_S)
    kernel.no_queue(me, 2)
    kernel.vram(me, gpu, 0)


def only_opens(kernel: Kernel, gpu: Gpu) -> None:
    """Look for GPUs, and compute on the processor: what a library does that falls back to it."""
    kernel.opened(os.getpid())
    time.sleep(5 * PHASE_S)


def in_a_child(kernel: Kernel, gpu: Gpu) -> None:
    """The worker itself does nothing: its child's child computes, and lives on when the child has ended."""
    child = os.fork()
    if not child:
        kernel.process(os.getpid())
        grandchild = os.fork()
        if not grandchild:
            kernel.process(os.getpid())
            transcribes(kernel, gpu)
            os._exit(0)
        time.sleep(5 * PHASE_S)
        kernel.ended(os.getpid())
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(8 * PHASE_S)


def dies(kernel: Kernel, gpu: Gpu) -> None:
    """Begin, and crash in the middle of it. The kernel takes its files away."""
    me = os.getpid()
    kernel.opened(me)
    kernel.queue(me, 0, gpu)
    kernel.vram(me, gpu, 40 * MIB)
    time.sleep(2 * PHASE_S)
    kernel.ended(me)
    os.abort()


def at_once(kernel: Kernel, gpu: Gpu) -> None:
    """End before anybody looks."""


def wraps(kernel: Kernel, gpu: Gpu) -> None:
    """The counter of VRAM goes below zero, and the load is no percentage."""
    me = os.getpid()
    kernel.opened(me)
    kernel.queue(me, 0, gpu)
    for size in (70 * MIB, -4096, 50 * MIB):
        kernel.vram(me, gpu, size)
        kernel.card(gpu, busy=65535, vram=12103680)
        time.sleep(PHASE_S)


def contexts(kernel: Kernel, gpu: Gpu) -> None:
    """Two more openings of /dev/kfd, as kernel 7 has them: the first has one queue, they have two and the memory."""
    me = os.getpid()
    kernel.opened(me)
    kernel.queue(me, 0, gpu)
    for number in (0, 1):
        kernel.opened(me, f"context_{number}")
        kernel.queue(me, 0, gpu, inside=f"context_{number}")
        kernel.vram(me, gpu, 100 * MIB, f"context_{number}")
        kernel.occupied(me, gpu, 8, f"context_{number}")
    time.sleep(3 * PHASE_S)


def vanishes(kernel: Kernel, gpu: Gpu) -> None:
    """Queues and descriptors come and go as fast as they can be written."""
    me = os.getpid()
    kernel.opened(me)
    end = time.monotonic() + 6 * PHASE_S
    while time.monotonic() < end:
        kernel.queue(me, 0, gpu)
        kernel.vram(me, gpu, 30 * MIB)
        kernel.render(me, 9, gpu, 5, vram=30 * MIB)
        kernel.no_queue(me, 0)
        (kernel.proc / f"{me}/fd/9").unlink()
        (kernel.proc / f"{me}/fdinfo/9").unlink()
        gone(kernel.kfd / f"{me}")
        kernel.opened(me)


DOES: dict[str, Callable[[Kernel, Gpu], None]] = {
    does.__name__: does for does in (transcribes, only_opens, in_a_child, dies, at_once, wraps, contexts, vanishes)
}

if __name__ == "__main__":
    place, kernel_release, what, first, *others = sys.argv[1:]
    used = Kernel(Path(place), *(GPUS[name] for name in (first, *others)), release=kernel_release)
    DOES[what](used, used.gpus[0])
    used.ended(os.getpid())
