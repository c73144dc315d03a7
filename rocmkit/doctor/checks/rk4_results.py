"""Wrong text without an error: what points to it before anything is run."""

from __future__ import annotations

from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _crashes, _culprits, _tried
from rocmkit.doctor.checks._crashes import better
from rocmkit.doctor.checks._stack import libraries, targets, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ending


@check("RK415", "wrong-results", title="Wrong numbers or lost text without an error", severity="error")
def wrong_results(gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap, trials: tuple[Trial, ...] | Gap) -> Outcome:
    """The GPU is likely to compute wrong numbers, or to lose parts of the text, without any error.

    ## What it looks at

    Whether wrong results were reported of this torch on this GPU, and where CTranslate2 is built for HIP, which memory allocator it is
    told to use by `CT2_CUDA_ALLOCATOR`. With `doctor --try`, whether experiments on the GPU gave the numbers that the processor gives.

    ## Why it matters

    A transcription that is empty, full of `!!!!` or differs from run to run looks like a bad model. CTranslate2's default allocator on
    HIP (`hipMallocAsync`) was seen to lose a third to nearly all of the text, differently in each run.

    ## Fix

    Set `CT2_CUDA_ALLOCATOR=cub_caching` before CTranslate2 is imported. For torch take a wheel without such reports, and compare a
    product on the GPU with the processor's; this must print less than 0.001:

    ```sh
    python -c 'import torch; a = torch.randn(512, 512); print(((a.cuda() @ a.cuda()).cpu() - a @ a).abs().max() / (a @ a).abs().max())'
    ```

    ## Safe to ignore when

    Two runs over one recording give the same text, and it is right.

    ## Sources

    - pytorch/pytorch#103973
    - OpenNMT/CTranslate2#2090
    - ROCm/rocm-systems#10943
    """
    torch = torch_of(python)
    kinds = targets(gpus, env)
    wrong = list(_tried.showing(trials, "RK415"))
    findings, seen = ([_wrong(wrong, trials, _tried.Machine(gpus, python, env))] if wrong else []), []
    for kind in kinds if torch and torch.hip and not wrong else ():
        assert torch is not None  # noqa: S101 - of the condition above
        told = _crashes.told("numbers", torch, kind)
        if told:
            note = say("Install a torch without such reports, and compare with the processor as under verify.")
            findings.append(
                Finding(
                    subject=f"torch on {kind.gfx}",
                    message=say("torch {torch} was reported to compute wrong numbers on {gfx}", torch=torch.version, gfx=kind.gfx),
                    confidence="likely",
                    seen=(torch.seen, *kind.seen, *told),
                    cause=say("Broken kernels in the ROCm libraries of that time."),
                    fix=better(python, torch, kind, _crashes.numbers_agree(python), note),
                )
            )
    hip = next((lib for lib in libraries(python, "ctranslate2") if lib.gpu_api == "hip"), None)
    if hip and not isinstance(env, Gap):
        chosen = env.get("CT2_CUDA_ALLOCATOR")
        here = Seen("environment", f"CT2_CUDA_ALLOCATOR={chosen}" if chosen else "CT2_CUDA_ALLOCATOR is not set")
        if chosen == "cub_caching":
            seen += [here, Seen(hip.file, "linked with HIP")]
        else:
            findings.append(
                Finding(
                    subject="ctranslate2",
                    message=say("CTranslate2 on HIP with its default allocator was seen to lose text, differently in each run"),
                    confidence="likely",
                    seen=(here, Seen(hip.file, "linked with HIP"), Seen("OpenNMT/CTranslate2#2090", "reported on gfx1030 with ROCm 7.2")),
                    cause=say("hipMallocAsync hands out memory that is still in use."),
                    fix=Fix(
                        text=say(
                            "Choose the other allocator before CTranslate2 is imported, and for good where the program is started from."
                        ),
                        commands=("export CT2_CUDA_ALLOCATOR=cub_caching",),
                        verify=("printenv CT2_CUDA_ALLOCATOR",),
                    ),
                )
            )
    if not findings and not seen:
        return skip("only running on the GPU can tell, and nothing is known to be wrong here")
    return judge(findings, *seen)


def _wrong(wrong: list[Trial], trials: tuple[Trial, ...] | Gap, machine: _tried.Machine) -> Finding:
    cured = _culprits.around(wrong, {trial.name: trial for trial in _tried.made(trials)})
    way = "do not trust what this torch computes on the GPU; float32 may be right where float16 is not."
    return Finding(
        subject=f"torch on {machine.gfx}",
        message=say(
            "{what} gives wrong numbers on {gfx}: {how}", what=wrong[0].what or wrong[0].name, gfx=machine.gfx, how=ending(wrong[0])
        ),
        confidence="sure",
        seen=(*_tried.listed(wrong), *(cured[2] if cured else ()), *machine.seen),
        cause=cured[0] if cured else say("Kernels of the ROCm libraries that do not compute what they should on this GPU."),
        fix=machine.fix(cured[1] if cured else way),
    )
