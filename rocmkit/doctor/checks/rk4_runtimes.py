"""Runtime libraries that may be in a process only once, and come from several packages: AMD SMI, HIP, OpenMP."""

from __future__ import annotations

from msgspec.structs import replace

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _tried
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import Torch, canonical, on_hip, release, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import BundledRuntime, Gap, Python, PythonLibrary, Rocm
from rocmkit.trial.values import Trial

_SDK = "rocm-sdk-core"
#: Distributions whose modules load the HIP runtime while they are imported.
_MODULES = {"torch": "torch", _SDK: "torch", "ctranslate2": "ctranslate2"}


@check("RK425", "amdsmi-odr", title="The package amdsmi beside a torch that brings AMD SMI", severity="warning", after=("torch-not-rocm",))
def amdsmi_odr(python: Python, rocm: tuple[Rocm, ...] | Gap) -> Outcome:
    """The package amdsmi is installed beside AMD's own torch, whose ROCm holds another copy of the same library.

    ## What it looks at

    Whether the package amdsmi is installed, and whether torch takes its ROCm from AMD's Python packages (`rocm-sdk-core`).

    ## Why it matters

    Before it touches the GPU, torch counts GPUs with amdsmi where that can be imported. `import torch` has loaded the copy of
    `libamd_smi` in `_rocm_sdk_core` by then; amdsmi loads its own, the functions of the two get mixed, and the count is 0:
    `torch.cuda.device_count()` returns 0 and `cuda:0` is an invalid device, while HIP itself sees the GPU.

    ## Fix

    Uninstall amdsmi; torch then asks HIP. The program `amd-smi` of the system does not need the package.

    ## Safe to ignore when

    Both numbers that the line under verify prints are the same.

    ## Sources

    - pytorch/pytorch#186516
    - ROCm/legacy-rocm-build#6340
    - ROCm/rocm-systems#7643
    """
    torch = torch_of(python)
    if torch is None or not torch.hip:
        return skip("no ROCm build of torch is installed here")
    version = python.packages.get("amdsmi")
    if version is None:
        return judge([], torch.seen, Seen(python.executable, f"{len(python.packages)} packages, amdsmi not among them"))
    wheel = None if isinstance(rocm, Gap) else next((one for one in rocm if one.kind == "wheel"), None)
    apart = not isinstance(python.runtimes, Gap) and any(row.package == "torch" and row.kind != "openmp" for row in python.runtimes)
    if apart or (_SDK not in python.packages and wheel is None):
        return skip("amdsmi {version} is beside a torch of which no such clash was reported", version=version)
    sdk = Seen(f"metadata of {_SDK}", python.packages[_SDK]) if wheel is None else Seen(wheel.path, f"ROCm {wheel.version or '?'} of pip")
    show = "import torch; print(torch.cuda.device_count(), torch._C._cuda_getDeviceCount())"
    finding = Finding(
        subject="amdsmi",
        message=say("amdsmi {version} brings a second libamd_smi beside torch's: torch is likely to count no GPU", version=version),
        confidence="likely",
        seen=(torch.seen, Seen("metadata of amdsmi", version), sdk),
        cause=say("Two copies of one library in a process, whose functions get mixed."),
        fix=Fix(
            text=say("Uninstall amdsmi."),
            commands=(f"{advice.quote(python.executable)} -m pip uninstall -y amdsmi",),
            verify=(one_line(python, show),),
        ),
    )
    return judge([finding])


@check("RK426", "two-hip-runtimes", title="Packages that load different HIP runtimes", severity="warning", after=("torch-not-rocm",))
def two_hip_runtimes(python: Python, rocm: tuple[Rocm, ...] | Gap, trials: tuple[Trial, ...] | Gap) -> Outcome:
    """Packages of one environment use different HIP runtimes, and a program that imports both has two of them in one process.

    ## What it looks at

    The copies of `libamdhip64` inside packages, and which one the libraries of CTranslate2, ONNX Runtime and sherpa-onnx ask for by
    name where their package brings none: `libamdhip64.so.6` belongs to ROCm 6, `libamdhip64.so.7` to ROCm 7. Where the names are the
    same, the releases: that in torch against the one that is installed on the system. A runtime that is nowhere is told elsewhere.
    With `doctor --try`, which copies really were in the process of an experiment.

    ## Why it matters

    Each HIP runtime opens the GPU, keeps its own streams and memory, and knows nothing of the other. Libraries of both, such as
    rocBLAS and the HSA runtime, share names across releases and take one another's place: undefined symbols, or a crash without a
    word. With one name for both, whichever package is imported first decides, and the other gets a runtime that it was not built for.

    ## Fix

    Give such a package an environment of its own, or a build for the ROCm that torch brings.

    ## Safe to ignore when

    No program imports both: faster-whisper alone uses CTranslate2 and no torch. The line under verify prints one path.

    ## Sources

    - ROCm/pytorch#1340
    - pytorch/pytorch#194447
    - ROCm/rocm-libraries#4547
    """
    if both := _tried.met(trials, "hip"):
        cause = say("What was imported asks for HIP runtimes of different packages, or of a package and of the system.")
        return judge([_tried.meeting(both, "two HIP runtimes", cause, _apart(python, ()), python)])
    if isinstance(python.runtimes, Gap):
        return skip("the copies of the HIP runtime in packages are not known: {detail}", detail=python.runtimes.detail)
    own = {row.package: row for row in python.runtimes if row.kind == "hip" and row.soname}
    if "torch" in own:  # which then takes nothing from AMD's packages
        own.pop(_SDK, None)
    asking: dict[str, tuple[str, PythonLibrary]] = {}
    for lib in on_hip(python):
        need = next((need for need in lib.needs if need.startswith("libamdhip64.so.")), None)
        if need and lib.package not in own:
            asking.setdefault(lib.package, (need, lib))
    there = {} if isinstance(rocm, Gap) else {lib.soname: one for one in rocm for lib in one.libraries if lib.name == "libamdhip64"}
    asking = {name: item for name, item in asking.items() if isinstance(rocm, Gap) or item[0] in there or _brought(own, item[0])}
    seen = [Seen(row.file, row.soname or "") for row in own.values()]
    seen += [Seen(lib.file, f"needs {need}") for need, lib in asking.values()]
    names = {name: row.soname or "" for name, row in own.items()} | {name: need for name, (need, _) in asking.items()}
    if not names:
        return skip("no package here brings a HIP runtime or asks for one by name")
    if len(set(names.values())) > 1:
        return judge([_two(python, names, tuple(seen), known=not isinstance(rocm, Gap))])
    torch = torch_of(python)
    brought = next((own[name] for name in ("torch", _SDK) if name in own), None)
    findings = []
    for name, (need, lib) in asking.items():
        other = there.get(need)
        if torch and brought and other and other.kind != "wheel" and release(other.version) and release(torch.rocm):
            if release(other.version) == release(torch.rocm):
                seen.append(Seen(other.path, f"ROCm {other.version}, the release that torch brings"))
            else:
                findings.append(_first_wins(python, torch, brought, name, lib, other))
    return judge(findings, *seen)


def _brought(own: dict[str, BundledRuntime], soname: str) -> bool:
    return any(row.soname == soname for row in own.values())


def _two(python: Python, names: dict[str, str], seen: tuple[Seen, ...], *, known: bool) -> Finding:
    listed = ", ".join(f"{soname} ({', '.join(name for name in names if names[name] == soname)})" for soname in sorted(set(names.values())))
    return Finding(
        subject=" + ".join(names),
        message=say("packages of this environment load different HIP runtimes: {listed}", listed=listed),
        confidence="sure" if known else "likely",
        seen=seen,
        cause=say("They were built on different releases of ROCm."),
        fix=_apart(python, tuple(names)),
    )


def _first_wins(python: Python, torch: Torch, own: BundledRuntime, name: str, lib: PythonLibrary, other: Rocm) -> Finding:
    led = lib.code.rpath if not isinstance(lib.code, Gap) else ()
    return Finding(
        subject=f"{own.package} + {name}",
        message=say(
            "{name} takes HIP from ROCm {version} at {path}, torch {torch} brings that of ROCm {own}: what is imported first decides",
            name=name,
            version=other.version or "?",
            path=other.path,
            torch=torch.version,
            own=torch.rocm or "?",
        ),
        confidence="likely",
        seen=(Seen(own.file, own.soname or "?"), Seen(lib.file, f"looks in {', '.join(led) or 'the folders of the system'}"), torch.seen),
        cause=say("Both runtimes have one name, so that a process takes the first for the second."),
        fix=_apart(python, (own.package, name)),
    )


def _apart(python: Python, names: tuple[str, ...]) -> Fix:
    # What loads HIP while it is imported. ONNX Runtime does so with the first session.
    modules = dict.fromkeys(_MODULES[name] for name in names if name in _MODULES)
    maps = 'print(*sorted({line.split()[-1] for line in open("/proc/self/maps") if "libamdhip64" in line}))'
    return Fix(
        text=say("Use them in different environments, or take builds for one release of ROCm."),
        verify=(one_line(python, f"import {', '.join(modules)}; {maps}", "-X faulthandler"),) if len(modules) > 1 else (),
    )


_BUILT = say("They were built with Intel's or LLVM's compiler, and each brings the runtime of its own.")
_GNU = Fix(
    text=say("Take builds that use GNU's runtime, or keep the packages in different environments."),
    caution=say("KMP_DUPLICATE_LIB_OK=TRUE only silences the check, and results may be wrong."),
)


@check("RK427", "two-openmp-runtimes", title="Two OpenMP runtimes that do not bear each other", severity="warning")
def two_openmp_runtimes(python: Python, trials: tuple[Trial, ...] | Gap) -> Outcome:
    """Packages of one environment bring OpenMP runtimes of LLVM's kind twice, which stop a process that loads both.

    ## What it looks at

    The copies of `libomp` (LLVM), `libiomp5` (Intel) and `libgomp` (GNU) inside packages: in torch, CTranslate2, and in the folders that
    wheels keep their libraries in. Several copies of GNU's are usual and do no harm; nor was harm seen of GNU's beside one of the
    others. With `doctor --try`, which copies really were in the process of an experiment.

    ## Why it matters

    Intel's runtime and LLVM's are one program under two names. The second of them that starts in a process finds the first and ends it
    with `OMP: Error #15: Initializing libomp.so, but found libiomp5.so already initialized`; or both go on and it crashes or hangs.

    ## Fix

    Take one of the packages in a build that brings GNU's runtime, as most wheels of the package index do. Setting
    `KMP_DUPLICATE_LIB_OK=TRUE` silences the check and may give wrong results.

    ## Safe to ignore when

    No program imports both packages.

    ## Sources

    - joblib/threadpoolctl multiple_openmp.md
    - llvm/llvm-project openmp/runtime/src/kmp_runtime.cpp
    """
    if both := _tried.met(trials, "openmp", but="libgomp"):
        return judge([_tried.meeting(both, "two OpenMP runtimes of LLVM's kind", _BUILT, _GNU, python)])
    if isinstance(python.runtimes, Gap):
        return skip("the OpenMP runtimes in packages are not known: {detail}", detail=python.runtimes.detail)
    rows = [row for row in python.runtimes if row.kind == "openmp"]
    if not rows:
        return skip("no package here brings an OpenMP runtime")
    # By one name, the second is the first to the linker.
    kin = {row.soname or row.file: row for row in rows if not row.file.rpartition("/")[2].startswith("libgomp")}
    if len(kin) < 2 or len({row.package for row in kin.values()}) < 2:
        return judge([], *(Seen(row.file, row.soname or "of no name") for row in rows))
    packages = list(dict.fromkeys(canonical(row.package) for row in kin.values()))
    finding = Finding(
        subject=" + ".join(packages),
        message=say("{packages} bring OpenMP runtimes that end a process which loads both", packages=" and ".join(packages)),
        confidence="likely",
        seen=tuple(Seen(row.file, row.soname or "of no name") for row in kin.values()),
        cause=_BUILT,
        fix=replace(
            _GNU, verify=(one_line(python, f"import {', '.join(name.replace('-', '_') for name in packages)}", "-X faulthandler"),)
        ),
    )
    return judge([finding])
