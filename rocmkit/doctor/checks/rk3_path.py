"""RK308: whether the shell finds ROCm's programs."""

from __future__ import annotations

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Tool


@check("RK308", "rocm-not-on-path", title="ROCm's programs are not on PATH", severity="note")
def rocm_not_on_path(tools: tuple[Tool, ...]) -> Outcome:
    """ROCm is installed, and PATH does not lead to its programs.

    ## What it looks at

    Where `rocminfo` is: found by PATH, or only by looking into the folders of ROCm below `/opt`.

    ## Why it matters

    `rocminfo: command not found` looks like a missing ROCm and is none. Libraries are not found by PATH, so torch and CTranslate2 run
    all the same; build scripts that call `hipcc` or `rocminfo` to learn the GPU's name do not.

    ## Fix

    Add ROCm's `bin` folder to PATH in the file that your shell reads: `~/.bashrc` for bash, `~/.zshrc` for zsh. From ROCm 7.13 on it is
    `/opt/rocm/core/bin`.

    ## Safe to ignore when

    You only use Python packages and build nothing. This is a note and never the verdict.

    ## Sources

    - ROCm/rocm-cli crates/rocm-core/src/diagnose.rs, check 6
    - ROCm/legacy-rocm-build docs/about/transition-guide-TheRock.md
    """
    rocminfo = next((tool for tool in tools if tool.name == "rocminfo"), None)
    if rocminfo is None or rocminfo.path is None:
        unknown = rocminfo is not None and isinstance(rocminfo.version, Gap)
        return skip("it is not known whether rocminfo is installed here" if unknown else "rocminfo is not installed here")
    if rocminfo.on_path is None:
        return skip("PATH is not known")
    if rocminfo.on_path:
        return judge([], Seen("PATH", f"leads to {rocminfo.path}"))
    folder = rocminfo.path.rpartition("/")[0]
    line = f'export PATH="$PATH:{folder}"'
    return judge(
        [
            Finding(
                subject=folder,
                message=say("ROCm's programs are in {folder}, and PATH does not lead there", folder=folder),
                confidence="sure",
                seen=(Seen(rocminfo.path, "is there"), Seen("PATH", "has no rocminfo")),
                cause=say("AMD's packages leave PATH alone; the shell's start-up files have to name the folder."),
                fix=Fix(
                    text=say("Add {folder} to PATH, in this shell and in those to come (with zsh: ~/.zshrc).", folder=folder),
                    commands=(line, f"echo {advice.quote(line)} >> ~/.bashrc"),
                    verify=("command -v rocminfo",),
                ),
            )
        ]
    )
