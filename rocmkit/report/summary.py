"""The machine in a few lines, and the counts: shared by the text and the Markdown report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from rocmkit.errors import Exit
from rocmkit.facts import Facts, Gap, Gpu, Python
from rocmkit.report import trials
from rocmkit.report.published import Judgement, Report

GIB = 1 << 30

VERDICTS = {
    "ready": "READY",
    "degraded": "DEGRADED",
    "blocked": "BLOCKED",
    "unknown": "UNKNOWN",
    "not-applicable": "NOT APPLICABLE",
}

#: Packages that are worth a word in the summary, in this order.
NOTABLE = (
    "torch",
    "torchaudio",
    "ctranslate2",
    "faster-whisper",
    "openai-whisper",
    "transformers",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "sherpa-onnx",
    "numba",
    "llvmlite",
    "numpy",
)


#: Where a version lies: too little for a sentence to be known by, so whoever draws says it first.
AT = "{version} in {path}"


def machine_lines(facts: Facts, at: str = AT) -> Iterator[tuple[str, str]]:
    """(label, text) for each part of the machine; a part that is not known says why. One line for each GPU."""
    yield from (("GPU", text) for text in _gpus(facts))
    yield "driver", _driver(facts)
    yield "system", _system(facts)
    yield "ROCm", _rocm(facts, at)
    yield "Python", _python(facts, at)


def failures(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """(section, reason, detail) of every section, and every tool, that should have been readable and was not.

    What was not asked, and what is not there, are no failures; but an interpreter that is not there was asked for.
    """
    for name in facts.__struct_fields__:
        section = getattr(facts, name)
        if isinstance(section, Gap) and section.reason != "not-executed" and (section.reason != "absent" or name == "python"):
            yield name, section.reason, section.detail
    if not isinstance(facts.tools, Gap):
        for tool in facts.tools:
            if isinstance(tool.version, Gap) and tool.version.reason != "not-executed":
                yield f"tool {tool.name}", tool.version.reason, tool.version.detail


def findings(report: Report) -> list[Judgement]:
    """Checks that found something: errors, then warnings, then notes; what is sure first, then what has commands to copy."""
    rank = {"error": 0, "warning": 1, "note": 2}

    def key(one: Judgement) -> tuple[int, bool, bool, str]:
        return rank[one.severity], likely(one), not any(f.fix and f.fix.commands for f in one.findings), one.code

    return sorted((one for one in report.results if one.outcome == "found"), key=key)


def likely(one: Judgement) -> bool:
    """Whether none of its findings is sure."""
    return all(fault.confidence == "likely" for fault in one.findings)


def counted(number: int, word: str) -> str:
    """ "1 check", "2 checks"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _found(report: Report) -> list[str]:
    """What was found, counted: "1 error (RK307)", "2 notes". What decides is named: on a small screen it has scrolled away by then."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for one in findings(report):
        kinds[("likely " if one.severity == "error" and likely(one) else "") + one.severity].append(one.code)
    return [
        counted(len(kinds[kind]), kind) + ("" if kind == "note" else f" ({' '.join(kinds[kind])})")
        for kind in ("error", "likely error", "warning", "note")
        if kinds[kind]
    ]


def verdict_line(report: Report) -> str:
    """The one line that ends the report."""
    words = _found(report)
    if report.verdict == "not-applicable":
        wsl = _is_wsl(report.facts)
        reason = "WSL shows its GPU in a way that rocmkit does not read" if wsl else "no AMD GPU was found"
        if report.trials:
            reason += "; the experiments were made on the processor alone"
    elif report.verdict == "unknown":
        made = f"only {len(report.results)} of {len(report.results) + len(report.left_out)} checks were asked for"
        reason = ", ".join([made if report.left_out else "not enough could be seen to judge", *words])
    elif report.verdict == "ready":
        reason = ", ".join([_usable(report), *words])
    else:
        reason = ", ".join(words)
    early = "; the experiments were broken off" if report.exit == Exit.INTERRUPTED else ""
    return f"{VERDICTS[report.verdict]}: {reason}{early}"


def onwards(report: Report) -> str:
    """What can be done where there is no GPU to judge; empty where there is one, or Windows has it."""
    if report.verdict != "not-applicable" or _is_wsl(report.facts):
        return ""
    return (
        "A card that should be here is not on the PCI bus: see to its power and its slot, or in a virtual machine to what it is given. "
        "For a card in another machine, `rocmkit doctor --from FILE` judges what `rocmkit doctor --record FILE` wrote there, "
        "and `rocmkit inspect FILE --for gfx906` says whether a library or a wheel runs on it."
    )


def _is_wsl(facts: Facts) -> bool:
    return not isinstance(facts.system, Gap) and facts.system.wsl is True


def _usable(report: Report) -> str:
    tried = trials.on_gpu(report.trials)
    if tried:
        return f"the GPU is usable by this Python environment, and {counted(tried, 'experiment')} passed on it"
    return "the GPU is usable by this Python environment as far as files can tell"


def size(number: int) -> str:
    """Bytes as GiB."""
    return f"{number / GIB:.1f} GiB"


def gpu_line(gpu: Gpu) -> str:
    """One GPU in a line; the partitions of one card have the same."""
    parts = [gpu.gfx or "gfx unknown", gpu.name or (f"1002:{gpu.device_id}" if gpu.device_id else "name unknown")]
    if gpu.vram_bytes:
        parts.append(size(gpu.vram_bytes))
    if gpu.compute_units:
        parts.append(f"{gpu.compute_units} CUs")
    if gpu.pci:
        parts.append(gpu.pci)
    if gpu.integrated:
        parts.append("integrated")
    if gpu.gfx_source == "pci-table":
        parts.append("gfx from the PCI table, not from the driver")
    return ", ".join(parts)


def _gpus(facts: Facts) -> list[str]:
    if isinstance(facts.gpus, Gap):
        return [f"not known ({facts.gpus.detail})"]
    hidden = not isinstance(facts.kfd, Gap) and bool(facts.kfd.masked_nodes)
    lines = Counter(gpu_line(gpu) + (", not given to this container" if hidden and gpu.kfd_node is None else "") for gpu in facts.gpus)
    alike = "partitions" if any(gpu.partition for gpu in facts.gpus) else "GPUs"
    return [f"{count} {alike}, each {line}" if count > 1 else line for line, count in lines.items()] or ["no AMD GPU"]


def _driver(facts: Facts) -> str:
    driver = facts.driver
    if isinstance(driver, Gap):
        return f"not known ({driver.detail})"
    if driver.loaded is not True:
        return "amdgpu is not loaded" if driver.loaded is False else "not known"
    kind = driver.kind if isinstance(driver.kind, str) else "of unknown kind"
    version = f" {driver.version}" if isinstance(driver.version, str) else ""
    return f"amdgpu{version}, {kind}"


def _system(facts: Facts) -> str:
    system = facts.system
    if isinstance(system, Gap):
        return f"not known ({system.detail})"
    parts = []
    if not isinstance(system.os, Gap):
        parts.append(system.os.name or system.os.id or "unknown distribution")
    if isinstance(system.kernel, str):
        parts.append(f"kernel {system.kernel}")
    if isinstance(system.container, str):
        parts.append(f"in a container ({system.container})")
    if system.wsl is True:
        parts.append("under WSL")
    if isinstance(system.vm, str):
        parts.append(f"in a virtual machine ({system.vm})")
    return ", ".join(parts) or "not known"


def _rocm(facts: Facts, at: str) -> str:
    if isinstance(facts.rocm, Gap):
        return f"not known ({facts.rocm.detail})"
    return "; ".join(at.format(version=rocm.version or "version unknown", path=rocm.path) for rocm in facts.rocm) or "none installed"


def _python(facts: Facts, at: str) -> str:
    python = facts.python
    if isinstance(python, Gap):
        return f"not known ({python.detail})"
    return f"{at.format(version=python.version, path=python.prefix)}: {_packages(python)}"


def _packages(python: Python) -> str:
    named = [f"{name} {python.packages[name]}" for name in NOTABLE if name in python.packages]
    return ", ".join(named) or "none of the packages that rocmkit knows"
