"""The toolchain of a machine: from its files in each layout, from recordings, from its programs; and of machines that are only supposed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.build.detect import _distribution_llvm, of_image, of_machine, supposed
from rocmkit.build.layouts import build_python, distribution
from rocmkit.build.toolchain import Toolchain
from rocmkit.errors import UsageError
from rocmkit.host.live import LiveHost
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.kb.versions import series
from rocmkit.probe import collect

MACHINES = Path(__file__).parents[1] / "machines"
BITCODE = "amdgcn/bitcode/ocml.bc"
HEADER = "#define HIP_VERSION_MAJOR 6\n#define HIP_VERSION_MINOR 1\n#define HIP_VERSION_PATCH 40093\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"etc/os-release": 'ID=ubuntu\nVERSION_ID="22.04"\nID_LIKE=debian\n', "usr/bin/python3.10": "", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "usr/lib/python3.10").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/python3").symlink_to("python3.10")
    return root


def found(root: Path, rocm: str | None = None, python: str = "/usr/bin/python3") -> Toolchain:
    host = SysrootHost(root)
    return of_machine(collect(host, python=python, deadline_s=30), host, rocm=rocm, python=python)


def test_amds_packages(tmp_path: Path) -> None:
    root = "opt/rocm-6.3.4"
    tree(
        tmp_path,
        {
            f"{root}/.info/version": "6.3.4-76\n",
            f"{root}/lib/libamdhip64.so.6.3.60304": "",
            f"{root}/lib/llvm/bin/clang++": "",
            f"{root}/lib/llvm/lib/libomp.so": "",
            f"{root}/lib/rocblas/library/TensileLibrary_lazy_gfx906.dat": "",
        },
    )
    (tmp_path / "opt/rocm").symlink_to("rocm-6.3.4")
    chain = found(tmp_path)
    assert (chain.layout, chain.version, chain.root, chain.lib) == ("amd", "6.3.4", "/opt/rocm-6.3.4", "/opt/rocm-6.3.4/lib")
    assert chain.llvm == "/opt/rocm-6.3.4/lib/llvm/bin"  # not llvm/bin, which is not there
    assert chain.openmp == "/opt/rocm-6.3.4/lib/llvm/lib/libomp.so"
    assert chain.device_lib is None and chain.compiler is None and not chain.supposed
    assert chain.kernels == {"rocblas": ("gfx906",)}
    assert chain.python.tag == "cp310" and chain.distribution == distribution("ubuntu", "22.04")


def test_a_rocm_without_its_compiler_has_it_where_its_packages_put_it(tmp_path: Path) -> None:
    tree(tmp_path, {"opt/rocm-6.1.5/.info/version": "6.1.5-148\n", "opt/rocm-6.1.5/lib/libamdhip64.so.6": ""})
    assert found(tmp_path).llvm == "/opt/rocm-6.1.5/llvm/bin"


def test_of_several_the_first_that_compiles_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    names = {"opt/rocm-6.1.5/.info/version": "6.1.5\n", "opt/rocm-6.3.4/.info/version": "6.3.4\n", "opt/rocm-6.3.4/llvm/bin/clang++": ""}
    tree(tmp_path, names)
    (tmp_path / "opt/rocm").symlink_to("rocm-6.1.5")
    assert found(tmp_path).version == "6.3.4"
    assert found(tmp_path, "/opt/rocm").version == "6.1.5"
    assert found(tmp_path, "/opt/rocm-6.1.5").root == "/opt/rocm-6.1.5"


def test_a_folder_elsewhere_can_be_named(tmp_path: Path) -> None:
    tree(tmp_path, {"srv/own/lib/libamdhip64.so.6": "", "srv/own/include/hip/hip_version.h": HEADER, "srv/own/llvm/bin/clang++": ""})
    chain = found(tmp_path, "/srv/own")
    assert (chain.version, chain.root, chain.layout) == ("6.1", "/srv/own", "amd")


def test_the_core_sdk(tmp_path: Path) -> None:
    root = "opt/rocm/core-7.14"
    tree(tmp_path, {f"{root}/.info/version": "7.14.0\n", f"{root}/lib/llvm/bin/clang++": "", f"{root}/lib/libamdhip64.so.7": ""})
    (tmp_path / "opt/rocm/core").symlink_to("core-7.14")
    chain = found(tmp_path)
    assert (chain.layout, chain.version, chain.root) == ("core", "7.14.0", "/opt/rocm/core-7.14")
    assert chain.llvm == "/opt/rocm/core-7.14/lib/llvm/bin"


def debian(root: Path, hipcc: str | None, versions: tuple[str, ...]) -> Path:
    lib = "usr/lib/x86_64-linux-gnu"
    files = {f"{lib}/libamdhip64.so.7.2.53211": "", f"{lib}/rocblas/5/library/TensileLibrary_lazy_gfx906.dat": ""}
    for version in versions:
        files |= {f"usr/lib/llvm-{version}/{name}": "" for name in ("bin/clang++", f"lib/clang/{version}/{BITCODE}", "lib/libomp.so.5")}
    return tree(root, files if hipcc is None else {**files, "usr/bin/hipcc": hipcc})


def test_debians_own_takes_the_clang_that_its_hipcc_names(tmp_path: Path) -> None:
    chain = found(debian(tmp_path, "\x7fELF\x00lib/llvm-22/bin\x00", ("21", "22", "23")))
    assert (chain.layout, chain.version, chain.root, chain.lib) == ("debian", "7.2", "/usr", "/usr/lib/x86_64-linux-gnu")
    assert chain.llvm == "/usr/lib/llvm-22/bin" and chain.openmp == "/usr/lib/llvm-22/lib/libomp.so.5"
    assert chain.device_lib == "/usr/lib/llvm-22/lib/clang/22/amdgcn/bitcode"
    assert chain.kernels == {"rocblas": ("gfx906",)}  # in a folder that is called by one number


def test_debians_own_whose_hipcc_names_none_takes_the_newest_with_device_libraries(tmp_path: Path) -> None:
    debian(tmp_path, "#!/bin/sh\n", ("21", "22"))
    (tmp_path / "usr/lib/llvm-23/bin").mkdir(parents=True)
    (tmp_path / "usr/lib/llvm-23/bin/clang++").touch()
    assert found(tmp_path).llvm == "/usr/lib/llvm-22/bin"


def test_debians_own_without_a_compiler_is_refused_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no HIP compiler") as error:
        found(debian(tmp_path, None, ()))
    assert "apt-get install -y hipcc" in (error.value.hint or "")


def test_pips_sdk(tmp_path: Path) -> None:
    site = "srv/venv/lib/python3.12/site-packages"
    names = ("_rocm_sdk_core/lib/libamdhip64.so.7", "_rocm_sdk_devel/lib/llvm/bin/clang++", "rocm_sdk_core-7.14.0.dist-info/METADATA")
    tree(tmp_path, {f"{site}/{name}": "" for name in names} | {"srv/venv/bin/python": "", "srv/venv/pyvenv.cfg": "version = 3.12.3\n"})
    chain = found(tmp_path, python="/srv/venv/bin/python")
    assert (chain.layout, chain.version, chain.root) == ("wheel", "7.14.0", f"/{site}/_rocm_sdk_devel")
    assert chain.llvm == f"/{site}/_rocm_sdk_devel/lib/llvm/bin" and chain.python.tag == "cp312"


@pytest.mark.parametrize(
    ("rocm", "python", "says"),
    [
        (None, "/usr/bin/python3", "there is no ROCm on this machine"),
        ("/srv", "/usr/bin/python3", "is no ROCm"),
        ("/nowhere", "/usr/bin/python3", "is no ROCm"),
        ("/opt/rocm-6.3.4", "/usr/bin/python9", "no Python to build for"),
        ("/opt/bare", "/usr/bin/python3", "the release of the ROCm at /opt/bare is not known"),
    ],
)
def test_what_is_missing_is_said(rocm: str | None, python: str, says: str, tmp_path: Path) -> None:
    files = {"srv/x": "", "usr/lib/x": "", "opt/x": ""}
    if rocm:
        files |= {"opt/rocm-6.3.4/.info/version": "6.3.4\n", "opt/bare/lib/libhipblas.so.2": ""}
    with pytest.raises(UsageError, match=says) as error:
        found(tree(tmp_path, files), rocm, python)
    assert error.value.hint


RECORDINGS = sorted(MACHINES.glob("*.yaml"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings(path: Path) -> None:
    host = ReplayHost(load_file(path))
    facts = collect(host)
    try:
        chain = of_machine(facts, host, rocm=None, python=None)
    except UsageError as error:
        assert path.stem in {"apu-raven-old", "mi50-torch-rocm72", "no-gpu", "wsl"} and error.hint
        return
    assert chain.layout == "amd" and chain.root == f"/opt/rocm-{chain.version}" and chain.kernels["rocblas"]


def test_the_users_machine() -> None:
    host = ReplayHost(load_file(MACHINES / "the-user.yaml"))
    chain = of_machine(collect(host), host, rocm=None, python=None)
    assert (chain.version, chain.root, chain.python.tag) == ("6.1.5", "/opt/rocm-6.1.5", "cp310")
    assert chain.distribution.manager == "apt" and "gfx906" in chain.kernels["rocblas"]


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_live_compiler_is_asked_for_its_version(tmp_path: Path) -> None:
    root = tmp_path / "rocm"
    (root / ".info").mkdir(parents=True)
    (root / ".info/version").write_text("6.2.4-139\n")
    script(root / "llvm/bin/clang", "echo 'AMD clang version 18.0.0git (somewhere roc-6.2.4)'")
    script(root / "llvm/bin/clang++", "exit 1")
    host = LiveHost()
    chain = of_machine(collect(host, deadline_s=30), host, rocm=str(root), python=None)
    assert (chain.version, chain.compiler, chain.machine) == ("6.2.4", "18.0.0", os.uname().machine)
    assert chain.llvm == str(root / "llvm/bin") and Path(chain.python.executable).exists()


@pytest.mark.parametrize(
    ("version", "layout", "root", "llvm"),
    [
        ("5.7", None, "/opt/rocm", "/opt/rocm/llvm/bin"),
        ("6.3.4", None, "/opt/rocm-6.3.4", "/opt/rocm-6.3.4/llvm/bin"),
        ("6.4", "debian", "/usr", "/usr/lib/llvm-21/bin"),
        ("7.14", None, "/opt/rocm/core-7.14", "/opt/rocm/core-7.14/lib/llvm/bin"),
    ],
)
def test_supposed(version: str, layout: str | None, root: str, llvm: str) -> None:
    chain = supposed(version, layout=layout)  # type: ignore[arg-type]
    assert (chain.version, chain.root, chain.llvm, chain.supposed) == (version, root, llvm, True)
    assert chain.distribution.manager == "apt" and chain.python.suffix == "cpython-310-x86_64-linux-gnu"


def test_supposed_elsewhere() -> None:
    chain = supposed("6.3", root="/srv/rocm", python="3.12", os="fedora 42")
    assert chain.openmp == "/srv/rocm/llvm/lib/libomp.so" and chain.python.tag == "cp312" and chain.distribution.manager == "dnf"


@pytest.mark.parametrize(
    ("version", "layout"),
    [("", None), ("6", None), ("latest", None), ("6.3rc1", None), ("6.1", "debian"), ("7.14", "amd"), ("6.1", "wheel"), ("7.8", None)],
)
def test_releases_that_are_none_are_refused(version: str, layout: str | None) -> None:
    with pytest.raises(UsageError):
        supposed(version, layout=layout)  # type: ignore[arg-type]


def test_images_are_pinned_where_a_digest_is_known() -> None:
    pinned, plain = of_image("6.4.4"), of_image("6.1.5")
    assert pinned.container and pinned.image.startswith("rocm/dev-ubuntu-22.04:6.4.4-complete@sha256:") and pinned.root == "/opt/rocm-6.4.4"
    assert plain.version == "6.1.2" and plain.image == "rocm/dev-ubuntu-22.04:6.1.2-complete"
    with pytest.raises(UsageError, match=r"no container image is known for ROCm 9\.1"):
        of_image("9.1")


def test_names_of_interpreters() -> None:
    assert build_python("p", "3.13.1", "cpython-313t-x86_64-linux-gnu").tag == "cp313t"
    assert build_python("p", "3.8.10").suffix == "cpython-38-x86_64-linux-gnu"


@pytest.mark.parametrize(
    ("id_", "like", "manager"),
    [("ubuntu", (), "apt"), ("linuxmint", ("ubuntu", "debian"), "apt"), ("rocky", ("rhel", "fedora"), "dnf"),
     ("opensuse-leap", ("suse",), "zypper"), ("manjaro", ("arch",), "pacman"), ("nixos", (), None), (None, (), None)],
)  # fmt: skip
def test_package_managers(id_: str | None, like: tuple[str, ...], manager: str | None) -> None:
    assert distribution(id_, None, like).manager == manager


@given(st.text(max_size=12), st.sampled_from(["amd", "core", "debian", "wheel", None]))
def test_any_release_is_a_toolchain_or_refused(version: str, layout: str | None) -> None:
    try:
        chain = supposed(version, layout=layout)  # type: ignore[arg-type]
    except UsageError:
        return
    assert series(chain.version) and chain.llvm.startswith("/")


def test_a_compiler_is_where_its_link_leads(tmp_path: Path) -> None:
    """Debian 12's hipconfig says /usr/bin, where there are links alone."""
    real, folder = tmp_path / "lib/llvm-15/bin", tmp_path / "bin"
    real.mkdir(parents=True)
    folder.mkdir()
    (real / "clang++").touch()
    asked = folder / "hipconfig"
    asked.write_text(f"#!/bin/sh\nprintf %s {folder}\n")
    asked.chmod(0o755)
    assert _distribution_llvm(LiveHost(), str(tmp_path)) is None  # it names a folder without a compiler
    (folder / "clang++").symlink_to(real / "clang++")
    assert _distribution_llvm(LiveHost(), str(tmp_path)) == str(real)
