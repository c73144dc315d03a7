"""numba, which openai-whisper and librosa compile with: its NumPy, its llvmlite, its LLVM."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _tried
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import libraries, release
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Python
from rocmkit.kb.versions import version as parsed
from rocmkit.kb.versions import within
from rocmkit.trial.values import Trial

_IMPORT = "import numba, llvmlite, numpy; print(numba.__version__, llvmlite.__version__, numpy.__version__)"


@check("RK409", "numba-numpy", title="NumPy outside what numba accepts", severity="error")
def numba_numpy(python: Python) -> Outcome:
    """numba refuses to be imported beside this NumPy, and takes openai-whisper and librosa with it.

    ## What it looks at

    The versions of numba and NumPy in their metadata, against the limits that each numba release checks when it is imported.

    ## Why it matters

    `import numba` ends with `Numba needs NumPy 2.3 or less. Got NumPy 2.4.` openai-whisper imports numba at its start, librosa and
    resampy do as well, so no audio is even read.

    ## Fix

    Bring NumPy back into the limits, or take the newest numba that accepts it.

    ## Safe to ignore when

    Nothing you run imports numba.

    ## Sources

    - numba/numba numba/__init__.py
    - numba/numba setup.py
    """
    numba, numpy = python.packages.get("numba"), python.packages.get("numpy")
    if numba is None or numpy is None:
        return skip("numba and NumPy are not both installed here")
    row = kb.numba(numba)
    if row is None or parsed(numpy) is None:
        return skip("the limits of numba {numba} with NumPy {numpy} are not known", numba=numba, numpy=numpy)
    seen = (
        Seen("metadata of numba", numba),
        Seen("metadata of numpy", numpy),
        Seen("numba's own limits", f"numba {row.numba}: NumPy {row.numpy}"),
    )
    if within(row.numpy, numpy):
        return judge([], *seen)
    newer = kb.numba_for_numpy(numpy, python.version)
    text = say("Install a NumPy that numba {numba} accepts; a newer numba for this NumPy and Python is not known.", numba=numba)
    if newer:
        text = say(
            "Install a NumPy that numba {numba} accepts, or numba {newer}, which accepts NumPy {numpy}.",
            numba=numba,
            newer=newer.numba,
            numpy=numpy,
        )
    finding = Finding(
        subject="numba",
        message=say("numba {numba} accepts NumPy {wanted}, and NumPy {numpy} is installed", numba=numba, wanted=row.numpy, numpy=numpy),
        confidence="sure",
        seen=seen,
        cause=say("NumPy was upgraded after numba, or another package asked for it."),
        fix=Fix(
            text=text, commands=advice.pip(python, f'install "numpy{row.numpy}" "numba=={numba}"'), verify=(one_line(python, _IMPORT),)
        ),
    )
    return judge([finding])


@check("RK410", "numba-llvmlite", title="llvmlite or Python outside what numba accepts", severity="error")
def numba_llvmlite(python: Python) -> Outcome:
    """numba does not go with the installed llvmlite, or with this Python.

    ## What it looks at

    The versions of numba, llvmlite and Python. Each numba release works with one release series of llvmlite and with a range of Pythons.

    ## Why it matters

    numba drives LLVM through llvmlite, and the two change together. With another series `import numba` ends with an `ImportError` or an
    `AttributeError`; outside the range of Pythons nothing is promised.

    ## Fix

    Install numba and llvmlite anew in one command, so that pip takes a pair.

    ## Safe to ignore when

    Nothing you run imports numba.

    ## Sources

    - numba/numba setup.py
    - numba/numba docs/source/user/installing.rst
    - numba/llvmlite README.rst
    """
    numba, llvmlite = python.packages.get("numba"), python.packages.get("llvmlite")
    if numba is None:
        return skip("numba is not installed here")
    row = kb.numba(numba)
    if row is None:
        return skip("what numba {numba} goes with is not known", numba=numba)
    seen = (
        Seen("metadata of numba", numba),
        Seen("metadata of llvmlite", llvmlite or "not installed"),
        Seen(python.executable, f"Python {python.version}"),
    )
    pair = f'install "numba=={numba}" "llvmlite=={row.llvmlite}.*"'
    findings = []
    if llvmlite is None or release(llvmlite) != row.llvmlite:
        findings.append(
            Finding(
                subject="llvmlite",
                message=say("numba {numba} needs llvmlite {wanted}, which is not installed", numba=numba, wanted=row.llvmlite)
                if llvmlite is None
                else say(
                    "numba {numba} goes with llvmlite {wanted}, not with {llvmlite}", numba=numba, wanted=row.llvmlite, llvmlite=llvmlite
                ),
                confidence="sure",
                seen=seen[:2],
                cause=say("One of the two was upgraded without the other."),
                fix=Fix(
                    text=say("Install numba with its own llvmlite."),
                    commands=advice.pip(python, pair),
                    verify=(one_line(python, _IMPORT),),
                ),
            )
        )
    if parsed(python.version) is not None and not within(row.python, python.version):
        newer = kb.numba_for_numpy(python.packages.get("numpy", ""), python.version)
        findings.append(
            Finding(
                subject="numba",
                message=say(
                    "numba {numba} is made for Python {wanted}, this is {python}", numba=numba, wanted=row.python, python=python.version
                ),
                confidence="sure",
                seen=(seen[0], seen[2]),
                cause=say("numba was installed for another Python, or forced."),
                fix=Fix(
                    text=say("Install numba {newer}, which is made for this Python.", newer=newer.numba)
                    if newer
                    else say("Make an environment with a Python that numba supports."),
                    commands=advice.pip(python, f'install "numba=={newer.numba}" "llvmlite=={newer.llvmlite}.*"') if newer else (),
                    verify=(one_line(python, _IMPORT),),
                ),
            )
        )
    return judge(findings, *seen)


@check("RK411", "llvm-clash", title="Two LLVMs may meet in one process", severity="warning", after=("numba-llvmlite",))
def llvm_clash(python: Python, trials: tuple[Trial, ...] | Gap) -> Outcome:
    """llvmlite uses a shared LLVM, and ROCm brings one of its own: in one process they can get into each other's way.

    ## What it looks at

    Whether llvmlite's library asks for a `libLLVM` of the system or of Conda, or has its LLVM inside, as the wheels of the package
    index do; and whether a package for ROCm is here, whose code compiler (`libamd_comgr`) holds another LLVM. With `doctor --try`, whether
    two shared LLVMs really were in the process of an experiment.

    ## Why it matters

    Two LLVMs that show their symbols to each other register the same options twice: `CommandLine Error: Option registered more than
    once`, then `LLVM ERROR`, or a crash while a kernel is compiled. With the wheels of the package index it was not seen to happen: numba
    0.62 and ROCm's compiler worked in one process in every order tried.

    ## Fix

    Install numba and llvmlite from the package index, whose wheels keep their LLVM to themselves.

    ## Safe to ignore when

    The crash comes without numba, too: run the program with numba kept out, as under verify.

    ## Sources

    - ROCm/ROCm-CompilerSupport#52
    - numba/numba#7299
    - conda-forge/llvmdev-feedstock#312
    - rocm-arch/rocm-arch#131
    """
    if both := _tried.met(trials, "llvm", but="libllvmlite"):
        cause = say("Packages, or a package and the system, bring shared LLVMs of different releases.")
        fix = Fix(text=say("Install numba and llvmlite from the package index, whose wheels keep their LLVM to themselves."))
        return judge([_tried.meeting(both, "two shared LLVMs", cause, fix, python)])
    version = python.packages.get("llvmlite")
    if version is None:
        return skip("llvmlite is not installed here")
    lib = next(iter(libraries(python, "llvmlite", "libllvmlite")), None)
    if lib is None or isinstance(lib.code, Gap):
        return skip("the library of llvmlite {version} could not be read", version=version)
    shared = next((name for name in lib.needs if name.startswith("libLLVM")), None)
    if shared is None:
        return judge([], Seen(lib.file, "asks for no libLLVM: its LLVM is inside"))
    hip = next((one for one in python.libraries if one.gpu_api == "hip"), None)
    if hip is None:
        return judge([], Seen(lib.file, f"needs {shared}"), Seen("packages", "none of them is linked with HIP, so ROCm's LLVM is not here"))
    numba = python.packages.get("numba")
    wanted = f'"llvmlite=={version}"' + (f' "numba=={numba}"' if numba else "")
    torch_only = 'import sys; sys.modules["numba"] = None; import torch; a = torch.ones(64, 64, device="cuda"); print((a @ a).sum())'
    finding = Finding(
        subject="llvmlite",
        message=say("llvmlite {version} uses the shared {library}; ROCm's compiler brings another LLVM", version=version, library=shared),
        confidence="likely",
        seen=(Seen(lib.file, "needs " + ", ".join(lib.needs)), Seen(hip.file, "linked with HIP")),
        cause=say("llvmlite comes from Conda or the distribution, where LLVM is a library of its own."),
        fix=Fix(
            text=say("Install llvmlite and numba from the package index, over those that are here."),
            commands=advice.pip(python, f"install --force-reinstall --no-deps {wanted}"),
            verify=(one_line(python, torch_only, "-X faulthandler"),),
        ),
    )
    return judge([finding])
