"""RK417: two Tritons in one folder."""

from __future__ import annotations

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import lying, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Python

_FOR_ROCM = ("pytorch-triton-rocm", "triton-rocm")


@check("RK417", "triton-overwritten", title="Two builds of Triton over one another", severity="warning", after=("torch-not-rocm",))
def triton_overwritten(python: Python) -> Outcome:
    """The Triton that torch for ROCm brings and the package index's Triton are installed into the same folder.

    ## What it looks at

    Whether the package `triton` is installed beside `pytorch-triton-rocm` or `triton-rocm`, which the wheels of pytorch.org require; and
    whose files lie there now, by the lists of files of both.

    ## Why it matters

    Both install the folder `triton` and overwrite each other's files; which ones are left depends on the order. openai-whisper requires
    `triton`, so installing it brings the second one in. torch is made for one release of it, and transformers loads it while it is
    imported: a wrong one is a suspect for a crash there.

    ## Fix

    Uninstall both, and install the one that torch requires, from torch's own index.

    ## Safe to ignore when

    The line under verify prints torch's version and then Triton's, and nothing that you run ends in a crash.

    ## Sources

    - openai/whisper#1473
    - state-spaces/mamba#595
    """
    torch = torch_of(python)
    if torch is None or not torch.hip:
        return skip("no ROCm build of torch is installed here")
    own = next((name for name in _FOR_ROCM if name in python.packages), None)
    if own is None:
        return skip("Triton for ROCm is not installed here under a name of its own")
    seen = Seen(f"metadata of {own}", python.packages[own])
    plain = python.packages.get("triton")
    if plain is None:
        return judge([], seen)
    again: tuple[str, ...] = ()
    if torch.wheel:
        remove = advice.pip(python, f"uninstall -y triton {own}")
        install = advice.pip(python, f'install --no-deps "{own}=={python.packages[own]}" --index-url {torch.wheel.index_url}')
        again = install if len(install) > 1 else (*remove, *install)
    finding = Finding(
        subject="triton",
        message=say(
            "triton {plain} and {own} {version} are installed over one another", plain=plain, own=own, version=python.packages[own]
        ),
        confidence="likely",
        seen=(seen, Seen("metadata of triton", plain), *([there] if (there := lying(python, "triton")) else [])),
        cause=say("openai-whisper, or another package that requires triton by that name, brought the second one in."),
        fix=Fix(
            text=say("Uninstall both, then install {own} alone, as torch requires it.", own=own),
            commands=again,
            verify=(one_line(python, "import torch, triton; print(torch.__version__, triton.__version__)", "-X faulthandler"),),
            caution=say("pip check then misses triton: the folder is there, under the other name."),
        ),
    )
    return judge([finding])
