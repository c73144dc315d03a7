"""What the kernel said of the GPU since boot: dmesg, or the journal where dmesg is kept from this user."""

from __future__ import annotations

import re

from rocmkit.facts import Gap, KernelLog, LogLine, gap
from rocmkit.host.base import Host, Run
from rocmkit.probe.gaps import field, from_run
from rocmkit.probe.tools import find

#: Kind of line to the expressions that find it (searched, ignoring case); the first kind that fits counts.
KINDS: dict[str, tuple[str, ...]] = {
    # a firmware file is missing or too old, often only inside the initramfs
    "firmware-missing": (
        r"direct firmware load for (amdgpu|radeon)/\S+ failed",
        r"amdgpu.*fail(ed)? to (load|request|validate) (\S+ )?(firmware|ucode|microcode)",
        r"\*ERROR\* failed to load \S+ firmware",
        r"firmware: failed to load (amdgpu|radeon)/",
    ),
    # the board's firmware left no room for the large window
    "bar": (r"\bBAR \d+\b.*(no space|failed to assign|can't assign|not assigned|no compatible bridge window)",),
    # the driver takes the card for a virtual function
    "mailbox-vf": (r"trn=\d+ ACK should not assert", r"xgpu_\w+_mailbox"),
    # the driver gave the card up
    "probe-failed": (
        r"amdgpu.*probe (of|with driver) .*failed with error -?\d+",
        r"fatal error during gpu init",
        r"amdgpu.*(hw|sw)_init of ip block .* failed",
        r"amdgpu_device_ip_init failed",
    ),
    # the slot's path to the processor has no AtomicOps
    "atomics": (r"pci rejects atomics", r"pcie atomic ops (is|are) not supported"),
    # the driver runs the card, but KFD (compute) does not know the chip
    "kfd-unsupported": (r"kfd.*(not supported in kfd|skipped device|kgd2kfd_probe failed)",),
    # the good news: compute found the card
    "kfd-added": (r"kfd kfd:.*added device [0-9a-f]{4}:[0-9a-f]{4}",),
    # memory or fabric faults that the card itself reports; a count of 0 is none
    "ras": (
        r"ERREVENT_ATHUB",
        r"amdgpu.*(uncorrectable hardware error\b|[1-9]\d* (new )?(un)?correctable (hardware )?errors?|ras.*(poison|bad page))",
        r"accelerator check architecture",
    ),
    # a kernel read or wrote where nothing is mapped, and whose it was
    "page-fault": (
        r"\[(gfx|mm)hub\d*\].*page fault",
        r"amdgpu.*page fault",
        r"VM_L2_PROTECTION_FAULT_STATUS:0x",
        r"amdgpu.*\bVM fault \(0x",
        r"amdgpu.*(\b(for|in)|amdgpu:) +process .{1,16} pid (\d+|<pid>) thread",
    ),
    # a queue did not end in time
    "ring-timeout": (
        r"ring \S+ timeout",
        r"amdgpu_job_timedout",
        r"qcm fence wait loop timeout",
        r"MES(\(\d+\))? failed to respond",
        r"(cp|hiq) .*preemption.*(time|fail)",
    ),
    # the shader cores ran into something they cannot do
    "hw-exception": (
        r"hw exception",
        r"hws hang",
        r"sq_intr.*err",
        r"amdgpu.*(illegal (register access|opcode|instruction)|gpu hang)",
    ),
    # and what came of it
    "gpu-reset": (r"(amdgpu|\[drm\]).*(gpu reset\b|(mode[12]|baco) reset)",),
    # secure boot or lockdown against a dkms module
    "module-signature": (
        r"\bamd\w*: (module verification failed|loading of unsigned|disagrees about)",
        r"loading of (unsigned )?module( with \w+ \w+)? is rejected",
        r"lockdown:.*unsigned module",
    ),
    # SELinux refused the device files to a process
    "selinux": (r"avc:\s+denied\b.*(\bkfd\b|renderD\d|hsa_device_t|dri_device_t)",),
    # a process died inside a GPU library, which the kernel names, or inside Python
    "segfault": (
        r"(segfault|general protection|trap|invalid opcode).* in lib"
        r"(hsa-runtime64|amdhip64|rocblas|hipblaslt|MIOpen|amd_comgr|torch|ctranslate2|onnxruntime)",
        r"\bpython[\d.]*\[(\d+|<pid>)\]:? (segfault|general protection|trap)",
    ),
    # main memory ran out, which on an APU is the GPU's too
    "oom": (r"out of memory: killed process", r"amdgpu.*not enough memory for command submission"),
    # whether the IOMMU translates what devices read and write
    "iommu": (r"^(\[ *[\d.]+\] )?iommu: Default domain type: \w+",),
}

#: A line is looked at closely only if it has one of these: trying every expression on 20 000 lines takes a second and more.
_WORDS = (
    *(b"amd", b"kfd", b"bar ", b"atomic", b"segfault", b"protection", b"trap", b"opcode", b"out of memory", b"unsigned module"),
    *(b"accelerator", b"ack should", b"xgpu_", b"fatal error", b"firmware", b"timeout", b"hw exception", b"hws hang", b"hub"),
    *(b"sq_intr", b"preemption", b"failed to respond", b"avc:", b"is rejected", b"default domain type"),
    *(b"dmesg: ", b"-- no entries", b"no journal files", b"hint: you are", b"insufficient permissions"),
)
_PATTERNS = {kind: re.compile("|".join(found).encode(), re.IGNORECASE) for kind, found in KINDS.items()}
#: So many lines of each kind are kept from the beginning, and so many from the end: the first tell the cause, the last how it stands.
_EACH = 20
#: And so many lines are looked at closely, of each end: a ring buffer of the usual size holds fewer.
_MOST = 10_000
#: What the programs say of themselves, on either stream.
_OWN_WORDS = re.compile(
    rb"^dmesg: |^-- no entries|no journal files|^hint: you are currently not seeing|insufficient permissions", re.IGNORECASE
)
#: "Oct 12 00:18:40 HOST kernel: " of syslog files names the machine.
_SYSLOG = re.compile(rb"^\w{3} [ \d]\d [\d:]{8} \S+ kernel: ")

#: Programs whose names help: the interpreters and their threads, speech programs, and what draws the desktop.
_PROGRAMS = re.compile(
    rb"python[\d.]*|pypy[\d.]*|pt_main_thread|pt_data_worker|jupyter\S*|uvicorn|gunicorn|whisper|whisper-(?:cli|server|ctranslate2)|ollama"
    rb"|llama-\w+|ffmpeg|rocminfo|rocm-smi|amd-smi|rocblas-bench|clinfo|Xorg|Xwayland|gnome-shell|kwin_\w+|plasmashell|sway|Hyprland|mpv|vlc"
    rb"|firefox|chrome|steam"
)
#: Where the kernel names a process: "NAME[PID]: segfault", "process NAME pid PID thread NAME:cs0 pid PID", "Killed process PID (NAME)".
_CRASHED = re.compile(
    rb"(?P<before>^(?:\[[ \d.]+\] |<\d+>)?(?:traps: )?)(?P<name>[^\n]{1,64}?)\[\d+\]"
    rb"(?=:? (?:segfault|general protection|trap|invalid opcode))"
)
_NAMED = re.compile(rb"(?P<before>\b(?:process|thread|task) )(?P<name>(?:(?!: )[^\n]){1,64}?)(?= pid )", re.IGNORECASE)
_QUOTED = re.compile(rb"(?P<before>\b(?:comm|exe|cmd|proctitle)=\")(?P<name>[^\n\"]{0,256})(?=\")", re.IGNORECASE)
_KILLED = re.compile(rb"(?P<before>\bkilled process \d+ \()(?P<name>[^\n]{0,64}?)(?=\)(?:,| total-vm|$))", re.IGNORECASE)
_PID = re.compile(rb"(\bpid[ =:]{1,2}|\bkilled process |\bUID[:=])\d+", re.IGNORECASE)

JOURNAL = ("-k", "-b", "-o", "cat", "--no-pager", "-n", "20000")


def kind_of(line: bytes) -> str | None:
    """Which of KINDS a line of the kernel log is; None: none."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.search(line)), None)


def keep(data: bytes) -> bytes:
    """Only lines of KINDS, at most 40 of each kind, and the programs' own complaints."""
    kinds: dict[str, list[int]] = {}
    lines = [_without_people(_SYSLOG.sub(b"", line)[:1000]) for line in _candidates(data)]
    chosen: set[int] = set()
    for index, line in enumerate(lines):
        if (kind := kind_of(line)) is not None:
            kinds.setdefault(kind, []).append(index)
        elif _OWN_WORDS.search(line):
            chosen.add(index)
    for found in kinds.values():
        chosen.update(found[:_EACH] + found[-_EACH:])
    return b"\n".join(lines[index] for index in sorted(chosen))


def _without_people(line: bytes) -> bytes:
    """A line without the numbers of processes, and without names of programs other than _PROGRAMS."""

    def shown(found: re.Match[bytes]) -> bytes:
        program, colon, queue = found["name"].partition(b":")
        known = _PROGRAMS.fullmatch(program)
        return found["before"] + (program + colon + queue if known and re.fullmatch(rb"\w{0,12}", queue) else b"<program>")

    line = _CRASHED.sub(lambda found: shown(found) + b"[<pid>]", line)
    for pattern in (_NAMED, _QUOTED, _KILLED):
        line = pattern.sub(shown, line)
    return _PID.sub(rb"\1<pid>", line)


def _candidates(data: bytes) -> list[bytes]:
    """The lines that hold one of _WORDS, in order; of a flood its two ends."""
    lowered = data.lower()
    starts: set[int] = set()
    for word in _WORDS:
        at = lowered.find(word)
        while at >= 0:
            starts.add(lowered.rfind(b"\n", 0, at) + 1)
            end = lowered.find(b"\n", at)
            at = lowered.find(word, end) if end >= 0 else -1
    chosen = sorted(starts)
    if len(chosen) > 2 * _MOST:
        chosen = chosen[:_MOST] + chosen[-_MOST:]
    ends = ((start, data.find(b"\n", start)) for start in chosen)
    return [data[start : end if end >= 0 else None] for start, end in ends]


def parse(kept: bytes) -> tuple[LogLine, ...]:
    """The lines of KINDS in what `keep` kept."""
    found = ((kind_of(line), line.decode("utf-8", "replace").strip()) for line in kept.split(b"\n"))
    return tuple(LogLine(kind=kind, text=line) for kind, line in found if kind)


def kernel_log(host: Host) -> KernelLog | Gap:
    """dmesg's lines of KINDS, or journalctl's where dmesg gives none to this user. Raises nothing.

    dmesg runs without any flag: off a terminal neither util-linux's nor busybox's colours, and older ones know no flag for it.
    One after the other, with limits that together fit into collect's deadline: dmesg answers at once or not at all.
    """
    first = field(_ask, host, "dmesg", (), timeout_s=1.5)
    if isinstance(first, KernelLog) or first.reason == "not-executed":
        return first
    second = field(_ask, host, "journalctl", JOURNAL, timeout_s=2.5)
    if isinstance(second, KernelLog):
        return second
    if "denied" in {first.reason, second.reason}:
        return gap("denied", f"{first.detail}; {second.detail.rstrip('.')}. Run as root, or join the group adm or systemd-journal.")
    return second if first.reason == "absent" else first


def _ask(host: Host, program: str, flags: tuple[str, ...], *, timeout_s: float) -> KernelLog | Gap:
    """One program's answer. Raises OSError, NotAsked."""
    path = find(host, program)
    if path is None:
        return gap("absent" if host.executes else "not-executed", f"{program} was not found")
    run = host.run((path, *flags), keep, timeout_s=timeout_s)
    return from_run(run, program) or _refusal(program, run) or KernelLog(source=program, lines=parse(run.stdout))


def _refusal(program: str, run: Run) -> Gap | None:
    """The Gap where the program ran and was not given the log: journalctl then ends well, with a hint and nothing else."""
    own = [line for line in (run.stdout + b"\n" + run.stderr).split(b"\n") if _OWN_WORDS.search(line)]
    said = own[0].decode("utf-8", "replace").strip() if own else f"exit status {run.exit}"
    detail = f"{program}: {said.removeprefix(program + ': ')}"
    if re.search(rb"not permitted|permission|not seeing", b"\n".join(own), re.IGNORECASE):
        return gap("denied", detail)
    if own and program == "journalctl":
        return gap("absent", detail)
    return gap("unparsable", detail) if run.exit != 0 and not run.truncated else None
