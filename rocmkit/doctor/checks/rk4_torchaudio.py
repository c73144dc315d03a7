"""RK407: whether torchaudio and torchvision go with torch."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line, torch_fix
from rocmkit.doctor.checks._stack import Torch, libraries, release, targets, torch_of
from rocmkit.doctor.result import Confidence, Finding, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gpu, Python


@check(
    "RK407", "torchaudio-mismatch", title="torchaudio or torchvision does not go with torch", severity="error", after=("torch-not-rocm",)
)
def torchaudio_mismatch(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """torchaudio or torchvision was built for another torch than the one it is installed beside.

    ## What it looks at

    The versions of torch, torchaudio and torchvision with their endings (`+rocm6.3`), the first two against the pairs that pytorch.org
    publishes; and which libraries the own libraries of the last two ask for. Numbers of nightly builds are not compared.

    ## Why it matters

    Their libraries are linked with one torch. Beside another one the import ends with `libtorch_cuda.so: cannot open shared object
    file`, an undefined symbol, or a segmentation fault; speech programs import torchaudio early, and transformers imports torchvision
    where it is there.

    ## Fix

    Install all of them in one command from the same index, so that pip takes those that fit.

    ## Safe to ignore when

    `import torchaudio` works and nothing of it that is compiled is used.

    ## Sources

    - pytorch/pytorch#139410
    - ROCm/TheRock#1262
    - ROCm/TheRock RELEASES.md
    """
    torch = torch_of(python)
    here = [name for name in ("torchaudio", "torchvision") if name in python.packages]
    if torch is None or not here:
        return skip("torch and torchaudio are not both installed here")
    if not torch.hip:
        return skip("torch {version} is not known to be a ROCm build", version=torch.version)
    kinds = targets(gpus, {})
    seen, findings = [torch.seen], []
    for name in here:
        evidence = Seen(f"metadata of {name}", python.packages[name])
        seen.append(evidence)
        if reason := _misfit(python, torch, name):
            message, confidence, more = reason
            show = f"import torch, {name}; print(torch.__version__, {name}.__version__)"
            finding = Finding(
                subject=name,
                message=message,
                confidence=confidence,
                seen=(torch.seen, evidence, *more),
                cause=say("They were installed apart, from different indexes or at different times."),
                fix=torch_fix(python, kinds[0].gfx, verify=(one_line(python, show, "-X faulthandler"),)) if kinds else None,
            )
            findings.append(finding)
    return judge(findings, *seen)


def _misfit(python: Python, torch: Torch, name: str) -> tuple[Text, Confidence, tuple[Seen, ...]] | None:
    """Why a package does not go with torch, how sure that is, and what else was seen; None where nothing speaks against it."""
    version, libs = python.packages[name], libraries(python, name)
    cuda = next((lib for lib in libs if any(need.startswith(("libtorch_cuda", "libc10_cuda", "libcudart")) for need in lib.needs)), None)
    ending, its = torch.version.partition("+")[2], version.partition("+")[2]
    wanted = (kb.torchaudio_for(torch.series) or torch.series) if torch.series and name == "torchaudio" else None
    nightly = ".dev" in torch.version or ".dev" in version  # of those, the numbers run apart for weeks
    values = {"name": name, "version": version, "torch": torch.version}
    if cuda:
        linked = Seen(cuda.file, "needs " + ", ".join(cuda.needs))
        return say("{name} {version} is linked with CUDA, torch {torch} with ROCm", **values), "sure", (linked,)
    if release(version) and wanted and release(version) != wanted and not nightly:
        message = say("torch {torch} goes with {name} {wanted}, not with {version}", wanted=wanted, **values)
        return message, "sure" if torch.wheel else "likely", ()
    foreign = its.startswith("cu") or its == "cpu"
    unlinked = ending.startswith("rocm") and not any(lib.gpu_api == "hip" for lib in libs)
    if _index(its) != _index(ending) and (foreign or unlinked):
        return say("{name} {version} and torch {torch} come from different indexes", **values), "likely", ()
    return None


def _index(ending: str) -> str:
    """The index that the ending of a version names: rocm7.1 of rocm7.1.1.lw.git351ff442, as AMD's own wheels have it."""
    found = re.match(r"rocm[0-9]+\.[0-9]+", ending, re.ASCII)
    return found[0] if found else ending
