"""Where each layout of ROCm has its parts, by its release alone. Pure: for plans for another machine, and as the places to look at here."""

from __future__ import annotations

from msgspec.structs import replace

from rocmkit import kb
from rocmkit.build.toolchain import BuildPython, Distribution, Toolchain
from rocmkit.errors import UsageError
from rocmkit.kb.versions import numbers, series, within
from rocmkit.kb.when import LAYOUTS, Layout
from rocmkit.model import Model

MACHINE = "x86_64"
#: What the knowledge base calls the layouts of AMD's own.
_IDS: dict[Layout, str] = {"amd": "legacy", "core": "core-sdk", "wheel": "pip"}
_MANAGERS = {
    "apt": ("debian", "ubuntu"),
    "dnf": ("fedora", "rhel", "centos", "amzn"),
    "zypper": ("suse", "opensuse", "sles"),
    "pacman": ("arch",),
}


class Places(Model, kw_only=True):
    """The parts of a ROCm; of several places for one part, the usual one first."""

    root: str
    lib: str
    llvm: tuple[str, ...]  # folders of clang
    openmp: tuple[str, ...]  # its OpenMP library
    device_lib: tuple[str, ...]  # folders of its device libraries, where it has to be told


def places(layout: Layout, root: str, *, lib: str | None = None, clang: str | None = None) -> Places:
    """The parts of a ROCm at `root`. `clang` is the major version of a distribution's clang."""
    if layout == "debian":
        own = f"{root}/lib/llvm-{clang}"
        lib = lib or f"{root}/lib/{MACHINE}-linux-gnu"
        return Places(
            root=root,
            lib=lib,
            llvm=(f"{own}/bin",),
            openmp=(f"{own}/lib/libomp.so.5", f"{lib}/libomp.so.5"),
            device_lib=(f"{own}/lib/clang/{clang}/amdgcn/bitcode", f"{lib}/amdgcn/bitcode", f"{root}/amdgcn/bitcode"),
        )
    # Up to 6.x llvm/ is a folder and lib/llvm a link to it or the other way round; the Core SDK and pip have lib/llvm.
    homes = ("llvm", "lib/llvm") if layout == "amd" else ("lib/llvm", "llvm")
    return Places(
        root=root,
        lib=lib or f"{root}/lib",
        llvm=tuple(f"{root}/{home}/bin" for home in homes),
        openmp=tuple(f"{root}/{home}/lib/libomp.so" for home in homes),
        device_lib=(),
    )


def usual_layout(version: str) -> Layout:
    """How AMD packs that release."""
    return "core" if _packed("core", version) else "amd"


def _packed(layout: Layout, version: str) -> bool:
    """Whether there is a ROCm of that release in that layout."""
    if layout == "debian":
        return kb.distribution_clang(version) is not None
    return any(row.id == _IDS[layout] and within(row.releases, version) for row in kb.install_layouts())


def supposed(
    version: str, *, layout: Layout | None = None, python: str = "3.10", root: str | None = None, os: str | None = None
) -> Toolchain:
    """The toolchain of a machine with that ROCm, of which nothing is looked at. `layout`: None, as AMD packs it. Raises UsageError."""
    pair = series(version)
    if pair is None or numbers(version) is None:
        raise UsageError(f"{version!r} is no release of ROCm", "such as --rocm-version 6.3.4")
    layout = layout or usual_layout(version)
    clang = kb.distribution_clang(version) if layout == "debian" else None
    if not _packed(layout, version):
        fit = [f"--layout {name}" for name in LAYOUTS if _packed(name, version)]
        raise UsageError(f"no ROCm {version} is known in the layout {layout!r}", f"there is {' and '.join(fit)}" if fit else None)
    short = ".".join(map(str, pair))
    usual = {
        "amd": f"/opt/rocm-{version}" if version.count(".") > 1 else "/opt/rocm",  # the link, where the patch release is not known
        "core": f"/opt/rocm/core-{short}",
        "debian": "/usr",
        "wheel": f"/opt/venv/lib/python{python}/site-packages/_rocm_sdk_devel",
    }
    parts = places(layout, root or usual[layout], clang=clang)
    id_, _, release = (os or ("debian" if layout == "debian" else "ubuntu 22.04")).partition(" ")
    return Toolchain(
        layout=layout,
        version=version,
        root=parts.root,
        lib=parts.lib,
        llvm=parts.llvm[0],
        openmp=parts.openmp[0],
        device_lib=parts.device_lib[0] if parts.device_lib else None,
        compiler=None,
        machine=MACHINE,
        python=build_python("/opt/venv/bin/python3" if layout == "wheel" else "/usr/bin/python3", python),
        distribution=distribution(id_, release or None),
        supposed=True,
    )


def of_image(version: str) -> Toolchain:
    """The toolchain of the container image for a ROCm release, or of the nearest one of its series. Raises UsageError."""
    found = kb.build_image(version)
    if found is None:
        known = ", ".join(image.rocm for image in kb.build_images())
        raise UsageError(f"no container image is known for ROCm {version}", f"there are images of {known}; --container IMAGE names another")
    inside = supposed(found.rocm, python=found.python, os=found.os)
    name = found.name + (f"@{found.digest}" if found.digest else "")
    return replace(inside, container=True, image=name)


def build_python(executable: str, version: str, soabi: str | None = None, machine: str = MACHINE) -> BuildPython:
    """An interpreter with the names that wheels and extension modules have; those of CPython where it did not say."""
    short = "".join(map(str, series(version) or ()))
    suffix = soabi or f"cpython-{short}-{machine}-linux-gnu"
    threads = "t" if suffix.startswith(f"cpython-{short}t") else ""
    return BuildPython(executable=executable, version=version, tag=f"cp{short}{threads}", suffix=suffix)


def distribution(id_: str | None, version: str | None, like: tuple[str, ...] = ()) -> Distribution:
    """A distribution with its package manager: its own, or that of those it derives from."""
    names = [name.partition("-")[0] for name in (id_ or "", *like)]
    manager = next((manager for name in names for manager, known in _MANAGERS.items() if name in known), None)
    return Distribution(id=id_, version=version, manager=manager)
