"""Another ROCm below /opt, and other variables."""

from __future__ import annotations

from msgspec.structs import replace

from rocmkit import kb
from rocmkit.doctor.checks import _stack
from rocmkit.doctor.whatif.made import MARK, hypothetical, known, unknown
from rocmkit.errors import UsageError
from rocmkit.facts import Facts, Gap, Library, Rocm
from rocmkit.gpucode.values import KernelFiles, KernelLibrary
from rocmkit.kb.versions import numbers, series, within

#: Variables after which rocminfo shows other GPUs than it did.
_SHOWN = ("HSA_", "ROCR_", "HIP_", "CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "LD_")


def with_variable(facts: Facts, name: str, value: str | None) -> Facts:
    """A variable set, or unset everywhere: in this process and in start-up files."""
    env = known(facts.env, name, "the environment")
    rest = {key: old for key, old in env.items() if key != name}
    files = facts.env_files
    if value is None and not isinstance(files, Gap):
        files = tuple(line for line in files if line.name != name)
    runtime = facts.runtime
    if name.startswith(_SHOWN) and env.get(name) != value and not isinstance(runtime, Gap):
        runtime = unknown(f"what rocminfo says with another {name}")
    return replace(facts, env=rest if value is None else {**rest, name: value}, env_files=files, runtime=runtime)


def with_rocm(facts: Facts, version: str | None) -> Facts:
    """The ROCm that /opt/rocm leads to is that release; None: it is taken away."""
    rocm = known(facts.rocm, "rocm", "which ROCm there is")
    old = next((one for one in rocm if one.default and one.kind != "wheel"), None)
    others = tuple(one for one in rocm if one is not old)
    if version is None and old is None:
        raise UsageError("--what-if rocm=none: no ROCm is installed that /opt/rocm leads to")
    if version and ".".join(map(str, series(version) or ())) not in kb.rocm_releases():
        raise UsageError(f"--what-if rocm={version}: nothing is known of that release", f"known are {', '.join(kb.rocm_releases())}")
    new = (_release(facts, version),) if version else ()
    if old and old.version == version:
        return facts
    tools = facts.tools
    if not isinstance(tools, Gap) and old:
        moved = new[0].path.removeprefix(MARK) if new else None
        what = unknown("the version of a program of another ROCm")
        tools = tuple(
            replace(
                tool,
                path=hypothetical(moved + tool.path.removeprefix(old.path)) if moved else None,
                on_path=tool.on_path if moved else None,
                version=what if moved else None,
            )
            if tool.path and tool.path.startswith(f"{old.path}/")
            else tool
            for tool in tools
        )
    runtime = facts.runtime
    if not isinstance(runtime, Gap):
        runtime = unknown("what rocminfo of another ROCm says")
    return replace(facts, rocm=(*new, *others), tools=tools, runtime=runtime)


def _release(facts: Facts, version: str) -> Rocm:
    layout = next((row for row in kb.install_layouts() if row.id == "core-sdk"), None)
    core = layout is not None and within(layout.releases, version)
    path = hypothetical(f"/opt/rocm/core-{'.'.join(version.split('.')[:2])}" if core else f"/opt/rocm-{version}")
    sonames = _sonames(version)
    libraries = tuple(Library(name=soname.partition(".so")[0], soname=soname, file=f"{path}/lib/{soname}") for soname in sonames)
    kernels = []
    if (held := _rocblas(facts, version)) is not None:
        kernels.append(kernel_files("rocblas", f"{path}/lib/rocblas/library", held))
    if (archs := kb.hipblaslt_archs(version)) is not None:
        kernels.append(kernel_files("hipblaslt", f"{path}/lib/hipblaslt/library", archs))
    return Rocm(path=path, version=version, kind="system", default=True, libraries=libraries, kernels=tuple(kernels))


def kernel_files(library: KernelLibrary, path: str, archs: tuple[str, ...]) -> KernelFiles:
    """A folder with kernels for these architectures; one file stands for all of each."""
    return KernelFiles(library=library, path=path, files=len(archs), targets=dict.fromkeys(archs, 1), unreadable=())


def _rocblas(facts: Facts, version: str) -> tuple[str, ...] | None:
    """Architectures with rocBLAS kernels in AMD's packages of that release; None where that is not known of a GPU that is here."""
    kinds = () if isinstance(facts.gpus, Gap) else _stack.targets(facts.gpus, facts.env)
    if not kinds or any(kb.rocblas_kernels(kind.gfx, version) is None for kind in kinds):
        return None
    return tuple(name for name in kb.archs() if kb.rocblas_kernels(name, version))


def _sonames(version: str) -> tuple[str, ...]:
    """Sonames of the libraries in that release, as far as wheels that were built on it tell.

    libamdhip64 is numbered with ROCm, by its first number; libhsa-runtime64 has been number 1 in all releases (ROCm/ROCR-Runtime).
    """
    wheels = kb.ctranslate2_wheels()
    built: list[tuple[str, tuple[str, ...]]] = [(wheels.rocm, (wheels.soname,))]
    built += [(row.rocm, row.sonames) for row in kb.onnxruntime_flavours() if row.rocm]
    found = {"libhsa-runtime64.so.1"}
    for rocm, sonames in built:
        if series(rocm) == series(version):
            found.update(sonames)
        elif (numbers(rocm) or (0,))[0] == (numbers(version) or (-1,))[0]:
            found.update(name for name in sonames if name.startswith("libamdhip64"))
    return tuple(sorted(found))
