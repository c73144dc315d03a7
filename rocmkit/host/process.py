"""Run one command so that neither a hang, nor a flood of output, nor its children can hold rocmkit up."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import threading
import time
from typing import IO

from rocmkit.host.base import LIMIT_BYTES, Run

_ENDING = threading.Event()


def run_process(argv: tuple[str, ...], *, timeout_s: float, stdin: bytes = b"", env: dict[str, str] | None = None) -> Run:
    """Run `argv` in a session of its own; kill all of it at the time limit or past LIMIT_BYTES of output.

    Raises OSError where it cannot be started. Never waits longer than `timeout_s` and a moment: a process in
    uninterruptible sleep (a wedged driver) is left behind rather than waited for.
    """
    if _ENDING.is_set():
        raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED), argv[0])
    environment = dict(os.environ if env is None else env)
    environment.update(LC_ALL="C", LANGUAGE="C", NO_COLOR="1", PAGER="cat")
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
        cwd="/",
    )
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - for the type checker
    deadline = time.monotonic() + timeout_s
    out, err, finished, truncated = _exchange(process, stdin, deadline)
    if finished:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.05, deadline - time.monotonic()))
    still_running = process.poll() is None
    _kill_all(process)
    for stream in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):
            stream.close()
    if truncated:
        return Run(outcome="exited", exit=process.poll() if not still_running else None, stdout=out, stderr=err, truncated=True)
    if still_running or not finished:
        return Run(outcome="timeout", stdout=out, stderr=err)
    code = process.returncode
    if code < 0:
        return Run(outcome="signal", signal=_signal_name(-code), stdout=out, stderr=err)
    return Run(outcome="exited", exit=code, stdout=out, stderr=err)


def _exchange(process: subprocess.Popen[bytes], stdin: bytes, deadline: float) -> tuple[bytes, bytes, bool, bool]:
    """Feed and drain the pipes until the process is done, the deadline passes or the output limit is reached.

    Returns stdout, stderr, whether it came to an end by itself, whether it wrote too much.
    """
    buffers: dict[int, bytearray] = {}
    pending = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream is not None  # noqa: S101 - for the type checker
            os.set_blocking(stream.fileno(), False)
            buffers[stream.fileno()] = bytearray()
            selector.register(stream, selectors.EVENT_READ)
        out_fd, err_fd = buffers
        assert process.stdin is not None  # noqa: S101 - for the type checker
        if stdin:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        else:
            process.stdin.close()
        finished, truncated = True, False
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                finished = False
                break
            for key, _ in selector.select(min(left, 0.05)):
                if key.fileobj is process.stdin:
                    pending = _feed(selector, process.stdin, pending)
                else:
                    _drain(selector, key.fd, buffers[key.fd])
            if max(map(len, buffers.values())) > LIMIT_BYTES:
                finished, truncated = False, True
                break
            if process.poll() is not None and not selector.select(0):
                break  # ended; a child that still holds the pipes is not waited for
    return bytes(buffers[out_fd][:LIMIT_BYTES]), bytes(buffers[err_fd][:LIMIT_BYTES]), finished, truncated


def _feed(selector: selectors.BaseSelector, stream: IO[bytes], pending: memoryview) -> memoryview:
    try:
        pending = pending[os.write(stream.fileno(), pending[:65536]) :]
    except BlockingIOError:
        return pending
    except OSError:  # it closed its input
        pending = pending[:0]
    if not pending:
        selector.unregister(stream)
        stream.close()
    return pending


def _drain(selector: selectors.BaseSelector, fd: int, buffer: bytearray) -> None:
    try:
        chunk = os.read(fd, 1 << 16)
    except BlockingIOError:
        return
    if chunk:
        buffer += chunk
    else:
        selector.unregister(fd)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group, and descendants that left it."""
    strays: list[int] = []
    if process.poll() is None:
        import psutil

        with contextlib.suppress(psutil.Error):
            strays = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in strays:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that `kill_everything` finds them (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def kill_everything(*, within_s: float = 0.5) -> None:
    """Kill all that this process has started and that is still there, and start nothing more. For the end of a process."""
    _ENDING.set()
    end = time.monotonic() + within_s
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:  # some still run; ChildProcessError: none is left
                import psutil

                with contextlib.suppress(psutil.Error):
                    for child in psutil.Process().children(recursive=True):
                        with contextlib.suppress(OSError):
                            os.kill(child.pid, signal.SIGKILL)
                time.sleep(0.005)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
