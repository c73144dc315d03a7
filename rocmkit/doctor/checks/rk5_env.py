"""RK501: HSA_OVERRIDE_GFX_VERSION, the variable that makes ROCm take a GPU for another."""

from __future__ import annotations

import re
from typing import NamedTuple

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, Text, judge, say
from rocmkit.facts import EnvLine, Gap, Gpu, Python, Runtime
from rocmkit.kb.gpus import OverrideRow

NAME = "HSA_OVERRIDE_GFX_VERSION"
_NODE = re.compile(rf"{NAME}_([0-9]{{1,4}})")
#: sscanf's "%u.%u.%u" with nothing behind it.
_VALUE = re.compile(r"\s*\+?([0-9]{1,9})\.\s*\+?([0-9]{1,9})\.\s*\+?([0-9]{1,9})", re.ASCII)
_SHOW = 'rocminfo | grep -E "Name: +gfx"'


class Setting(NamedTuple):
    """One place that sets the variable."""

    name: str
    value: str
    line: EnvLine | None  # None: this process's own environment

    @property
    def seen(self) -> Seen:
        """The place as evidence."""
        return Seen(self.line.file if self.line else "environment", f"{self.name}={self.value}")


def parse(value: str) -> tuple[int, int, int] | None:
    """Major, minor and stepping as libhsakmt reads them; None where it refuses the value."""
    found = _VALUE.fullmatch(value)
    if found is None:
        return None
    major, minor, step = (int(number) for number in found.groups())
    return (major, minor, step) if major <= 63 and minor <= 255 and step <= 255 else None


def gfx_of(version: tuple[int, int, int]) -> str:
    """gfx90a of (9, 0, 10)."""
    return f"gfx{version[0]}{version[1]:x}{version[2]:x}"


@check("RK501", "override-set", title="HSA_OVERRIDE_GFX_VERSION makes ROCm take the GPU for another", severity="warning")
def override(
    env: dict[str, str],
    gpus: tuple[Gpu, ...],
    runtime: Runtime | Gap,
    python: Python | Gap,
    env_files: tuple[EnvLine, ...] | Gap,
) -> Outcome:
    """HSA_OVERRIDE_GFX_VERSION is set, so programs run code that was compiled for another GPU.

    ## What it looks at

    HSA_OVERRIDE_GFX_VERSION and HSA_OVERRIDE_GFX_VERSION_<node> in this environment and in the files that shells start with; what the
    kernel says the GPU is, which the variable does not change; and what rocminfo says it is, which the variable does change. Where the
    two differ, the override is proven to be in force.

    ## Why it matters

    The variable only changes a name. Between close relatives (gfx1031 as gfx1030) that works and is customary. Between others the GPU is
    sent instructions that it does not have or reads differently: wrong numbers, memory access faults, hangs of the whole machine. The
    plain form speaks of every GPU of the machine. A value that is not three numbers makes ROCm fail to start. An MI50 never needs it.

    ## Fix

    Take the variable away, here and in the start-up files, and install packages that hold code for the GPU itself. With several GPUs of
    which one needs it, use the form with that GPU's node number.

    ## Safe to ignore when

    The GPU has no packages of its own, the stand-in is a close relative, and everything computes rightly.

    ## Sources

    - pytorch/pytorch#179653
    - unslothai/unsloth#9829
    - likelovewant/ROCmLibs-for-gfx1103-AMD780M-APU#37
    - ROCm/legacy-rocm-build#2061
    - ROCm/legacy-rocm-build#2527
    - ROCm/rocm-systems projects/rocr-runtime/libhsakmt/src/topology.c
    """
    lines = () if isinstance(env_files, Gap) else tuple(line for line in env_files if line.name == NAME or _NODE.fullmatch(line.name))
    settings = [Setting(name, value, None) for name, value in sorted(env.items()) if name == NAME or _NODE.fullmatch(name)]
    # What a file takes from another variable is not known here.
    settings += [Setting(line.name, line.value, line) for line in lines if line.name not in env and "$" not in line.value]
    agents = (
        () if isinstance(runtime, Gap) or runtime.error is not None else tuple(agent.name.partition(":")[0] for agent in runtime.agents)
    )
    findings: list[Finding] = []
    for setting in settings:
        findings += _judge(setting, env, gpus, agents, python, lines)
    if not settings and (spoofed := _spoof(gpus, agents)):
        findings.append(spoofed)
    return judge(findings, *([setting.seen for setting in settings] or [Seen("environment", f"{NAME} is not set")]))


def _judge(
    setting: Setting, env: dict[str, str], gpus: tuple[Gpu, ...], agents: tuple[str, ...], python: Python | Gap, lines: tuple[EnvLine, ...]
) -> list[Finding]:
    remove = _remove(setting, lines)
    version = parse(setting.value)
    if version is None:
        message = say(
            "{variable}={value} is not of the form major.minor.stepping: ROCm refuses to start with it",
            variable=setting.name,
            value=setting.value,
        )
        cause = say("the value is three decimal numbers: 9.0.6 for gfx906, 9.0.10 for gfx90a; a name such as gfx1030 is none")
        return [_finding(setting, message, "sure", (), cause, remove)]
    node = _NODE.fullmatch(setting.name)
    if node:
        meant = [gpu for gpu in gpus if gpu.kfd_node == int(node[1])]
        if not meant and any(gpu.kfd_node is not None for gpu in gpus):
            message = say(
                "{variable} speaks of KFD node {node}, which is no GPU: it has no effect", variable=setting.name, node=int(node[1])
            )
            return [_finding(setting, message, "likely", _nodes(gpus), None, remove)]
    else:
        meant = [gpu for gpu in gpus if f"{NAME}_{gpu.kfd_node}" not in env]
    found = [(gpu, verdict) for gpu in meant if (verdict := _verdict(gpu, version)) is not None]
    several = len({gpu.gfx for gpu in gpus}) > 1 and not node
    findings = []
    for gpu, (word, why) in found:
        proven = setting.line is None and gfx_of(version) in agents and gpu.gfx not in agents
        if word == "mismatch" or word in {"dangerous", "never-needed"}:
            confidence: Confidence = "sure" if setting.line is None else "likely"
        else:
            confidence = "sure" if proven else "likely"
        seen = [Seen("kernel (KFD)" if gpu.gfx_source == "kfd" else "PCI table", f"{advice.place(gpu)} is {gpu.gfx or 'of unknown kind'}")]
        if proven:
            seen.append(Seen("rocminfo", f"shows {gfx_of(version)}: the override is in force"))
        native = _native(gpu, python)
        if native:
            seen.append(Seen(native, f"torch holds code for {gpu.gfx}"))
        fix = remove if native or word not in {"works", "sometimes"} else _keep(gpu)
        if several and word not in {"works", "sometimes"}:
            fix = _per_node(setting, gpus, version, remove)
        findings.append(_finding(setting, _message(word, setting, gpu, version), confidence, tuple(seen), why, fix))
    return findings


def _verdict(gpu: Gpu, version: tuple[int, int, int]) -> tuple[str, Text | None] | None:
    """What the override does to this GPU, and why; None where it names what the GPU is."""
    other = gfx_of(version)
    if gpu.gfx is None:
        return "unknown", None
    if gpu.gfx == other:
        return None
    row = _row(gpu.gfx, version)
    mine, theirs = kb.arch(gpu.gfx), kb.arch(other)
    related = mine is not None and theirs is not None and mine.generic is not None and mine.generic == theirs.generic
    if row is not None:
        return row.verdict, say("{why}", why=row.why)
    if theirs is None:
        return "mismatch", say("{other} is no GPU that ROCm knows: no library has code for it", other=other)
    return ("related", None) if related else ("mismatch", say("{other} has another instruction set than {gfx}", other=other, gfx=gpu.gfx))


def _row(gfx: str, version: tuple[int, int, int]) -> OverrideRow | None:
    rows = {row.value: row for row in kb.overrides(gfx)}
    return rows.get(".".join(map(str, version))) or rows.get("any")


def _message(word: str, setting: Setting, gpu: Gpu, version: tuple[int, int, int]) -> Text:
    values = {"variable": setting.name, "value": setting.value, "gpu": advice.place(gpu), "gfx": gpu.gfx or "?", "other": gfx_of(version)}
    if word == "dangerous":
        return say(
            "{variable}={value} passes the {gfx} GPU {gpu} off as {other}: that is known to fault, hang or compute wrongly", **values
        )
    if word == "mismatch":
        return say("{variable}={value} passes the {gfx} GPU {gpu} off as {other}, which runs other code: expect faults and hangs", **values)
    if word == "never-needed":
        return say("{variable}={value} passes the {gfx} GPU {gpu} off as {other}, which this GPU never needs", **values)
    if word == "works":
        return say("{variable}={value} passes the {gfx} GPU {gpu} off as {other}: customary, and not tested by AMD", **values)
    if word == "unknown":
        return say("{variable}={value} passes the GPU {gpu} off as {other}; what it really is could not be found out", **values)
    return say("{variable}={value} passes the {gfx} GPU {gpu} off as {other}: that works for some programs only", **values)


def _finding(setting: Setting, message: Text, confidence: Confidence, seen: tuple[Seen, ...], cause: Text | None, fix: Fix) -> Finding:
    if setting.line is not None and confidence == "sure":
        confidence = "likely"  # not in force here: the next login will have it
    return Finding(subject=setting.name, message=message, confidence=confidence, seen=(setting.seen, *seen), cause=cause, fix=fix)


def _nodes(gpus: tuple[Gpu, ...]) -> tuple[Seen, ...]:
    return tuple(Seen(f"/sys/class/kfd/kfd/topology/nodes/{gpu.kfd_node}", gpu.gfx or "GPU") for gpu in gpus if gpu.kfd_node is not None)


def _remove(setting: Setting, lines: tuple[EnvLine, ...]) -> Fix:
    where = [line for line in lines if line.name == setting.name]
    edits = tuple(dict.fromkeys(command for line in where for command in advice.comment_out(line)))
    text = say("unset it; in a container or a service, take it out of what starts that")
    if where:
        text = say("unset it, and comment it out in {files}", files=", ".join(dict.fromkeys(line.file for line in where)))
    return Fix(
        text=text,
        commands=(f"unset {setting.name}", *edits),
        verify=(f"printenv {setting.name} || echo unset", _SHOW),
        root=any(command.startswith("sudo") for command in edits),
        relogin=bool(where),
        caution=say("programs whose libraries hold no code for the GPU itself stop working without it: install ones that do"),
    )


def _keep(gpu: Gpu) -> Fix:
    return Fix(
        text=say("keep it only as long as your packages hold no code for {gfx} itself, and check results", gfx=gpu.gfx or "the GPU"),
        verify=(_SHOW,),
        caution=say("an override outlives its reason: take it away when packages for the GPU itself are installed"),
    )


def _per_node(setting: Setting, gpus: tuple[Gpu, ...], version: tuple[int, int, int], remove: Fix) -> Fix:
    """The plain form speaks of every GPU: only those that it helps get it, each by its node's number."""
    helped = [
        gpu for gpu in gpus if gpu.kfd_node is not None and (verdict := _verdict(gpu, version)) and verdict[0] in {"works", "sometimes"}
    ]
    if not helped:
        return remove
    return Fix(
        text=say("the plain form speaks of every GPU of this machine: unset it, and set it for the one GPU by its node's number"),
        commands=(*remove.commands, *(f"export {NAME}_{gpu.kfd_node}={setting.value.strip()}" for gpu in helped)),
        verify=(_SHOW,),
        root=remove.root,
        relogin=remove.relogin,
        caution=remove.caution,
    )


def _native(gpu: Gpu, python: Python | Gap) -> str | None:
    """The file of the installed torch that holds code for what the GPU really is."""
    if isinstance(python, Gap) or gpu.gfx is None:
        return None
    holds = (library for library in python.libraries if library.package == "torch" and library.gfx)
    return next((library.file for library in holds if gpu.gfx in {target.partition(":")[0] for target in library.gfx or ()}), None)


def _spoof(gpus: tuple[Gpu, ...], agents: tuple[str, ...]) -> Finding | None:
    """rocminfo naming a GPU that the kernel does not have, with no variable in sight."""
    real = {gpu.gfx for gpu in gpus if gpu.kfd_node is not None}
    strangers = [name for name in agents if name not in real]
    if not strangers or not all(gpu.gfx_source == "kfd" for gpu in gpus if gpu.kfd_node is not None):
        return None
    names = ", ".join(sorted(str(name) for name in real))
    return Finding(
        subject="rocminfo",
        message=say(
            "rocminfo shows {agents}, but the kernel says {gfx}: an override is in force somewhere", agents=", ".join(strangers), gfx=names
        ),
        confidence="likely",
        seen=(Seen("rocminfo", ", ".join(agents)), *_nodes(gpus)),
        cause=say("a wrapper script or a setting of rocminfo's own may set {variable}", variable=NAME),
        fix=Fix(
            text=say("find what sets it"),
            commands=(f"grep -rn {NAME} ~/.profile ~/.bashrc ~/.config /etc/environment /etc/profile.d",),
            verify=(_SHOW,),
        ),
    )
