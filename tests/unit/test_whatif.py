"""Facts as they would be: what the knowledge base tells of the changed thing, and nothing of the old one."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit import kb
from rocmkit.doctor import whatif
from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine, verdict
from rocmkit.doctor.whatif.change import KEYS, PACKAGES
from rocmkit.doctor.whatif.made import MARK
from rocmkit.errors import UsageError
from rocmkit.facts import EnvLine, Facts, Gap, KernelLog, KernelPackage, LogLine, Python, Rocm, TorchBuild, gap
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.model import to_json
from rocmkit.probe import collect
from rocmkit.report import markdown, text
from rocmkit.report.published import Report
from rocmkit.report.supposed import report_on
from tests.support.facts import DRIVER, GPU, HEALTHY, PYTHON, ROCM, changed, library, machine

MACHINES = Path(__file__).resolve().parent.parent / "machines"


@functools.cache
def facts_of(name: str) -> Facts:
    return collect(ReplayHost(load_file(MACHINES / f"{name}.yaml")))


def supposed(facts: Facts, *texts: str) -> Facts:
    return whatif.changed(facts, whatif.parse(texts))


def report(name: str, *texts: str) -> Report:
    return report_on(facts_of(name), whatif.parse(texts), all_checks(), source=f"recording {name}.yaml")


def python_of(facts: Facts) -> Python:
    assert isinstance(facts.python, Python)
    return facts.python


def refused(*texts: str, facts: Facts = HEALTHY) -> UsageError:
    with pytest.raises(UsageError) as caught:
        supposed(facts, *texts)
    return caught.value


def compared(name: str, *texts: str) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    one = report(name, *texts)
    assert one.compared is not None
    return one.compared.before, one.verdict, one.compared.came, one.compared.went


def test_changes_are_read_as_pip_and_people_write_them() -> None:
    assert [one.text for one in whatif.parse(["torch==2.9.1+rocm6.3"])] == ["torch=2.9.1+rocm6.3"]
    assert [one.text for one in whatif.parse(["Open_AI.Whisper=none"])] == ["open-ai-whisper=none"]
    assert [one.text for one in whatif.parse(["torch=2.11+rocm7.2", "rocm=7.2"])] == ["rocm=7.2.0", "torch=2.11.0+rocm7.2"]
    assert [one.text for one in whatif.parse(["torch=2.9+rocm6.3"])] == ["torch=2.9.1+rocm6.3"]
    assert [one.text for one in whatif.parse(["HSA_XNACK="])] == ["HSA_XNACK=none"]


def test_hardware_comes_before_what_is_built_for_it() -> None:
    asked = ["numba=0.61.0", "torch=2.9.1+rocm6.3", "python=3.12", "rocm=6.3", "HSA_XNACK=1", "vram=8GiB", "gfx=gfx906", "kernel=6.14"]
    assert [one.key for one in whatif.parse(asked)] == ["kernel", "gfx", "vram", "HSA_XNACK", "rocm", "python", "torch", "numba"]


@pytest.mark.parametrize(
    ("given_as", "message", "hint"),
    [
        ("toch=2.9", "no such key", "did you mean torch?"),
        ("kernal=6.14", "no such key", "did you mean kernel?"),
        ("torch", "not of the form", "os, kernel, driver"),
        ("=3", "not of the form", "os, kernel, driver"),
        ("a b=3", "no key has such a name", "os, kernel"),
        ("torch=banana", "not a release", "2.9.1+rocm6.3"),
        ("torch=2.9.1+rocm6.1", "pytorch.org has no torch 2.9 for ROCm 6.1", "torch=2.9.1+rocm6.3, torch=2.9.1+rocm6.4"),
        ("torch=3.7+rocm6.3", "pytorch.org has no torch 3.7", "torch=2.9.1+rocm6.3"),
        ("torch=2.9.7+rocm6.3", "the newest torch 2.9 is 2.9.1", "torch=2.9.1+rocm6.3"),
        ("gfx=gfx1035x", "no such architecture", "gfx1035"),
        ("gfx=gfx1030:xnack-", "gfx1030 has no xnack", "gfx=gfx1030"),
        ("kernel=none", "cannot be taken away", "kernel=6.14"),
        ("kernel=new", "not a value for kernel", "6.14"),
        ("rocm=7", "not a value for rocm", "7.2"),
        ("python=2.7", "not a value for python", "3.13"),
        ("vram=lots", "not a value for vram", "8GiB"),
        ("os=24.04", "not a value for os", "ubuntu-24.04"),
        ("os=ubunto-24.04", "no such distribution", "ubuntu-24.04"),
        ("driver=new", "not a value for driver", "in-tree"),
        ("numba=", "not a version", "numba=1.2.3"),
        ("nosuchthing=1", "no check speaks of it", "os, kernel"),
        ("nosuchthing=none", "not installed here", None),
        ("torchvission=0.24", "no check speaks of it", "did you mean torchvision?"),
        ("HSA_OVERIDE_GFX_VERSION=10.3.0", "no such key", "did you mean HSA_OVERRIDE_GFX_VERSION?"),
        ("HSA_XNACK=\x1b[2J", "cannot be printed", None),
    ],
)
def test_what_is_wrong_is_refused_with_the_way_out(given_as: str, message: str, hint: str | None) -> None:
    error = refused(given_as)
    assert message in error.message
    assert (hint in (error.hint or "")) if hint else True


def test_one_thing_has_one_value() -> None:
    assert "named twice" in refused("torch=2.9.1+rocm6.3", "torch=2.8+rocm6.3").message


def test_what_is_not_known_cannot_be_changed() -> None:
    unknown = gap("not-executed", "a folder has no environment")
    assert "a folder has no environment" in refused("HSA_XNACK=1", facts=machine(env=unknown)).message
    for text_, sections in (
        ("torch=2.9.1+rocm6.3", {"python": unknown}),
        ("numba=0.61.0", {"python": unknown}),
        ("gfx=gfx906", {"gpus": unknown}),
        ("gfx=gfx906", {"gpus": ()}),
        ("vram=8GiB", {"gpus": ()}),
        ("rocm=7.2", {"rocm": unknown}),
        ("rocm=none", {"rocm": ()}),
        ("kernel=6.14", {"system": unknown}),
        ("driver=in-tree", {"driver": unknown}),
    ):
        refused(text_, facts=machine(**sections))


def test_torch_brings_what_its_wheel_holds() -> None:
    python = python_of(supposed(HEALTHY, "torch=2.11+rocm7.2"))
    wheel = kb.torch_wheel("2.11", "7.2")
    assert wheel
    assert python.packages["torch"] == python.packages["torchaudio"] == "2.11.0+rocm7.2"
    assert python.packages["numpy"] == PYTHON.packages["numpy"]
    hip = next(lib for lib in python.libraries if lib.file.endswith("libtorch_hip.so"))
    assert hip.gfx == wheel.archs
    assert hip.file.startswith(f"{MARK}{PYTHON.paths[0]}/torch/lib/")
    rocblas = next(item.kernels for item in python.kernels if not isinstance(item.kernels, Gap) and item.kernels.library == "rocblas")
    assert set(rocblas.targets) == set(wheel.archs) - set(wheel.rocblas_missing)
    assert all(lib.file.startswith(MARK) for lib in python.libraries if lib.package == "torch")


def test_partners_of_torch_come_along() -> None:
    packages = {**PYTHON.packages, "torchvision": "0.20.0+rocm6.2", "pytorch-triton-rocm": "3.1.0"}
    for torch, vision, triton, audio in (
        ("2.9.1+rocm6.3", "0.24.1+rocm6.3", "3.5.1", "2.9.1+rocm6.3"),
        ("2.8+rocm6.4", "0.23.0+rocm6.4", "3.4.0", "2.8.0+rocm6.4"),
        ("2.13+rocm7.2", "0.20.0+rocm7.2", "3.1.0", "2.11.0+rocm7.2"),
    ):
        after = python_of(supposed(machine(python=changed(PYTHON, packages=packages)), f"torch={torch}")).packages
        assert (after["torchvision"], after["pytorch-triton-rocm"], after["torchaudio"]) == (vision, triton, audio)
    assert "torchvision" not in python_of(supposed(HEALTHY, "torch=2.8+rocm6.4")).packages


def test_torch_without_an_ending_is_the_cuda_build_and_says_so() -> None:
    python = python_of(supposed(HEALTHY, "torch=2.9.1"))
    assert isinstance(python.torch, TorchBuild)
    assert (python.torch.version, python.torch.hip) == ("2.9.1", None)
    assert python.torch.cuda
    one = report("mi50-16gb-healthy", "torch=2.9.1")
    assert one.source.endswith("if torch were 2.9.1 (the package index has the CUDA build)")
    assert one.compared and "RK401" in one.compared.came


def test_a_wheel_needs_its_python() -> None:
    error = refused("torch=2.6+rocm6.1", "python=3.14")
    assert "no such wheel for Python 3.14" in error.message
    assert "3.9, 3.10" in (error.hint or "")
    python = python_of(supposed(HEALTHY, "python=3.15"))
    assert python.torch is None
    assert "torch" not in python.packages
    assert python.soabi == "cpython-315-x86_64-linux-gnu"
    assert python_of(supposed(HEALTHY, "python=3.13t")).soabi == "cpython-313t-x86_64-linux-gnu"


def test_nothing_is_kept_of_the_files_of_another_version() -> None:
    lib = library("llvmlite", f"{PYTHON.paths[0]}/llvmlite/binding/libllvmlite.so", gpu_api="none", gfx=())
    facts = machine(python=changed(PYTHON, libraries=(*PYTHON.libraries, lib), tags={"numba": ("x",), **PYTHON.tags}))
    python = python_of(supposed(facts, "numba=0.61.0"))
    assert python.packages["llvmlite"] == "0.44"
    assert [one.package for one in python.libraries] == ["torch"]
    assert "numba" not in python.tags
    both = python_of(supposed(facts, "numba=0.61.0", "llvmlite=0.45.1"))
    assert both.packages["llvmlite"] == "0.45.1"


def test_builds_that_the_knowledge_base_has_read_bring_their_code() -> None:
    python = python_of(supposed(HEALTHY, "onnxruntime-rocm=1.22.2.post3"))
    lib = next(one for one in python.libraries if one.package == "onnxruntime-rocm")
    assert lib.gpu_api == "hip"
    assert "gfx1100" in (lib.gfx or ())
    assert "libamdhip64.so.7" in lib.needs
    assert not [one for one in python_of(supposed(HEALTHY, "onnxruntime-rocm=1.17")).libraries if one.package != "torch"]
    plain = next(one for one in python_of(supposed(HEALTHY, "ctranslate2=4.8.1")).libraries if one.package == "ctranslate2")
    rocm = next(one for one in python_of(supposed(HEALTHY, "ctranslate2=4.8.1+rocm")).libraries if one.package == "ctranslate2")
    assert (plain.gpu_api, rocm.gpu_api) == ("cuda", "hip")
    assert "no ROCm wheel" in refused("ctranslate2=4.6.1+rocm").message


def test_a_release_of_which_nothing_is_known_is_refused() -> None:
    assert "nothing is known" in refused("rocm=9.9").message


def test_what_was_right_and_is_not_known_then_is_told() -> None:
    compared = report("the-user", "onnxruntime=none", "onnxruntime-rocm=1.22.2").compared
    assert compared is not None
    assert compared.went == ("RK419",)
    assert "RK406" in compared.doubtful


def test_a_finding_that_would_say_something_else_is_told() -> None:
    compared = report("the-user", "os=ubuntu-24.04").compared
    assert compared is not None
    assert compared.changed == ("RK305",)
    assert "RK305" in compared.stayed


@pytest.mark.parametrize(("release", "held"), [("6.3.4", True), ("7.2", False), ("10.0", None)])
def test_rocm_brings_the_kernels_that_are_known(release: str, held: bool | None) -> None:
    rocm = supposed(machine(rocm=(changed(ROCM, version="6.1.5", path="/opt/rocm-6.1.5"),)), f"rocm={release}").rocm
    assert not isinstance(rocm, Gap)
    assert [one.default for one in rocm] == [True]
    folders = [files for files in rocm[0].kernels if files.library == "rocblas"]
    if held is None:
        assert folders == []
    else:
        assert ("gfx906" in folders[0].targets) is held
        assert folders[0].targets


def test_rocm_brings_the_sonames_that_wheels_tell() -> None:
    def sonames(release: str) -> set[str | None]:
        rocm = supposed(HEALTHY, f"rocm={release}").rocm
        return set() if isinstance(rocm, Gap) else {lib.soname for lib in rocm[0].libraries}

    assert {"libamdhip64.so.7", "libhipblas.so.3"} <= sonames("7.2")
    assert "libamdhip64.so.6" in sonames("6.2")
    assert sonames("10.0") == {"libhsa-runtime64.so.1"}
    rocm = supposed(HEALTHY, "rocm=7.14").rocm
    assert isinstance(rocm, tuple)
    assert rocm[0].path == f"{MARK}/opt/rocm/core-7.14"


def test_rocm_is_taken_away_with_its_programs() -> None:
    facts = supposed(HEALTHY, "rocm=none")
    assert facts.rocm == ()
    assert isinstance(facts.tools, tuple)
    assert [tool.path for tool in facts.tools if tool.name == "rocminfo"] == [None]
    other = Rocm(path="/usr", version="5.7", kind="distro", default=False, libraries=(), kernels=())
    assert supposed(machine(rocm=(ROCM, other)), "rocm=none").rocm == (other,)


def test_another_kernel_is_another_boot() -> None:
    facts = supposed(HEALTHY, "kernel=6.14")
    assert isinstance(facts.kernel_log, Gap)
    assert not isinstance(facts.driver, Gap)
    assert facts.driver.loaded is True
    assert facts.driver.modules[0].startswith(MARK)


@pytest.mark.parametrize(("kernel", "failed"), [("6.8.0-45-generic", True), ("6.8.0-40-generic", False), ("6.11.0-9-generic", None)])
def test_dkms_has_to_be_built_for_another_kernel(kernel: str, failed: bool | None) -> None:
    tree = KernelPackage(version="6.8.5-2009582.22.04", kernels=("6.8.0-41-generic",), failed=None, errors=())
    driver = changed(DRIVER, kind="dkms", version="6.8.5", dkms=(tree,))
    after = supposed(machine(driver=driver), f"kernel={kernel}").driver
    assert not isinstance(after, Gap)
    if failed is None:
        assert isinstance(after.loaded, Gap)
        assert isinstance(after.dkms[0].failed, Gap)
    elif failed:
        assert isinstance(after.loaded, Gap)
        assert after.dkms[0].failed == kernel
        results = examine(supposed(machine(driver=driver), f"kernel={kernel}"), all_checks())
        assert "RK108" in [one.code for one in results if one.outcome == "found"]
    else:
        assert (after.loaded, after.version) == (True, "6.8.5")
        assert kernel in after.dkms[0].kernels


def test_another_driver() -> None:
    tree = KernelPackage(version="6.8.5", kernels=(), failed="6.8.0-87-generic", errors=())
    after = supposed(machine(driver=changed(DRIVER, kind="dkms", version="6.8.5", dkms=(tree,))), "driver=in-tree").driver
    assert not isinstance(after, Gap)
    assert (after.kind, after.version, after.dkms) == ("in-tree", None, ())
    known = supposed(machine(system=changed(HEALTHY.system, kernel="6.17.0-6-generic")), "driver=6.16.6").driver
    assert not isinstance(known, Gap)
    assert (known.loaded, known.kind, known.version) == (True, "dkms", "6.16.6")
    unknown = supposed(HEALTHY, "driver=6.7.0").driver
    assert not isinstance(unknown, Gap)
    assert isinstance(unknown.loaded, Gap)


def test_every_gpu_becomes_the_architecture_everywhere() -> None:
    facts = supposed(machine(gpus=(GPU, changed(GPU, pci="0000:04:00.0"))), "gfx=gfx90a:xnack+")
    assert isinstance(facts.gpus, tuple)
    assert [(gpu.gfx, gpu.target_id, gpu.name, gpu.compute_units) for gpu in facts.gpus] == [("gfx90a", "gfx90a:xnack+", None, None)] * 2
    assert not isinstance(facts.kfd, Gap)
    assert [node.gfx_target_version for node in facts.kfd.gpu_nodes] == [90010]
    assert not isinstance(facts.runtime, Gap)
    assert [(agent.name, agent.isa) for agent in facts.runtime.agents] == [("gfx90a", "gfx90a:xnack+")]
    forced = supposed(HEALTHY, "gfx=gfx1031", "HSA_OVERRIDE_GFX_VERSION=10.3.0")
    assert isinstance(forced.runtime, Gap)


def test_variables_are_set_and_unset_everywhere() -> None:
    line = EnvLine(file="~/.bashrc", name="HSA_OVERRIDE_GFX_VERSION", value="9.0.0")
    facts = machine(env={"HSA_OVERRIDE_GFX_VERSION": "9.0.0", "LD_LIBRARY_PATH": "/x"}, env_files=(line,))
    bare = supposed(facts, "HSA_OVERRIDE_GFX_VERSION=none")
    assert (bare.env, bare.env_files) == ({"LD_LIBRARY_PATH": "/x"}, ())
    assert isinstance(bare.runtime, Gap)
    assert supposed(facts, "HSA_OVERRIDE_GFX_VERSION=10.3.0").env_files == (line,)


def test_what_a_user_asks() -> None:
    assert compared("mi50-16gb-healthy", "torch=2.11+rocm7.2") == ("ready", "blocked", ("RK307",), ())
    assert compared("mi50-torch-rocm72", "torch=2.9.1+rocm6.3") == ("blocked", "ready", (), ("RK307",))
    assert compared("mi50-16gb-healthy", "rocm=7.2") == ("ready", "ready", (), ())
    assert compared("mi50-16gb-healthy", "gfx=gfx1030") == ("ready", "ready", (), ())
    before, after, came, went = compared("the-user", "torch=2.9.1+rocm6.3")
    assert (before, after, came) == ("blocked", "blocked", ())
    assert "RK413" in went
    assert compared("the-user", "ctranslate2=none", "torch=2.9.1+rocm6.3")[1] == "degraded"
    assert compared("rx7900xtx", "gfx=gfx906")[1] == "blocked"


def test_what_cannot_be_told_any_more_is_not_called_gone() -> None:
    one = report("the-user", "torch=2.9.1")
    assert one.compared
    assert "RK413" in one.compared.unclear
    assert "RK413" not in one.compared.went


def test_the_report_says_what_was_supposed() -> None:
    one = report("mi50-16gb-healthy", "torch=2.11+rocm7.2", "kernel=6.14")
    assert one.what_if == ("kernel=6.14", "torch=2.11.0+rocm7.2")
    assert one.source == "recording mi50-16gb-healthy.yaml, if the kernel were 6.14 and torch were 2.11.0+rocm7.2"
    printed = text.render(one, color=False, unicode=True)
    assert "If the kernel were 6.14 and torch were 2.11.0+rocm7.2: READY → BLOCKED\n" in printed
    assert "new: RK305" in printed
    assert "READY -> BLOCKED" in text.render(one, color=False, unicode=False)
    assert "If the kernel were 6.14 and torch were 2.11.0+rocm7.2: READY → BLOCKED\n" in markdown.render(one)
    assert "READY → READY" not in text.render(report("mi50-16gb-healthy"), color=False, unicode=True)


def test_evidence_that_nobody_read_is_marked_and_commands_are_not() -> None:
    one = report("mi50-16gb-healthy", "torch=2.11+rocm7.2", "kernel=6.14")
    found = next(result for result in one.results if result.code == "RK307").findings[0]
    assert [seen.where.startswith(MARK) for seen in found.seen] == [True, False]
    kernel = next(result for result in one.results if result.code == "RK305").findings[0]
    assert [seen.where for seen in kernel.seen] == [f"{MARK}/proc/sys/kernel/osrelease", "/etc/os-release", "/opt/rocm-6.3.4"]
    torch = next(result for result in one.results if result.code == "RK401")
    assert [seen.where for seen in torch.seen] == [f"{MARK}torch/version.py"]
    nodes = next(result for result in one.results if result.code == "RK201")
    assert not [seen for seen in nodes.seen if MARK in seen.where]
    for name in ("mi50-16gb-healthy", "rx7900xtx", "the-user"):
        changed_ = report(name, "rocm=7.2", "onnxruntime-rocm=1.22.2.post3", "ctranslate2=4.8.1+rocm", "gfx=gfx1010")
        fixes = [fault.fix for result in changed_.results for fault in result.findings if fault.fix]
        assert not [command for fix in fixes for command in (*fix.commands, *fix.verify) if MARK in command]


def test_crashes_before_the_change_say_nothing_of_what_comes_after() -> None:
    died = LogLine(kind="segfault", text="[1.0] python3[9]: segfault at 0 ip 00 sp 00 error 4 in librocblas.so.4[7f00+1000]")
    facts = machine(kernel_log=KernelLog(source="dmesg", lines=(died,)))
    assert "RK413" in [one.code for one in examine(facts, all_checks()) if one.outcome == "found"]
    after = supposed(facts, "torch=2.8+rocm6.3")
    assert isinstance(after.kernel_log, Gap)
    assert [one.unknown for one in examine(after, all_checks()) if one.code == "RK413"] == [True]
    assert not isinstance(supposed(facts, "vram=8GiB").kernel_log, Gap)
    quiet = supposed(machine(kernel_log=KernelLog(source="dmesg", lines=())), "torch=2.8+rocm6.3")
    assert not isinstance(quiet.kernel_log, Gap)


def test_another_distribution_brings_what_is_not_known() -> None:
    other = Rocm(path="/usr", version="5.7", kind="distro", default=False, libraries=(), kernels=())
    after = supposed(machine(rocm=(ROCM, other)), "os=debian-12")
    assert isinstance(after.rocm, Gap)
    assert not isinstance(after.system, Gap)
    assert not isinstance(after.system.os, Gap)
    assert (after.system.os.id, after.system.os.version) == ("debian", "12")
    assert isinstance(after.system.glibc, Gap)
    assert supposed(HEALTHY, "os=debian-12").rocm == HEALTHY.rocm


def test_facts_are_not_touched_where_nothing_is_asked() -> None:
    assert supposed(HEALTHY) is HEALTHY
    same = report("the-user")
    assert (same.what_if, same.compared) == ((), None)


VALUES = st.sampled_from(
    (
        *(f"torch={row.torch}+rocm{row.rocm}" for row in kb.torch_wheels()),
        *(f"gfx={name}" for name in kb.archs()),
        *(f"rocm={release}" for release in ("5.7", "6.1.5", "6.3", "6.4.3", "7.0", "7.2", "7.14", "10.0", "none")),
        *("torch=2.9.1", "torch=2.9.1+cpu", "torch=2.9.1+cu128", "torch=none", "gfx=gfx906:xnack-", "gfx=gfx942:sramecc+:xnack+"),
        *(f"kernel={release}" for release in ("5.15", "6.8.0-45-generic", "6.14", "6.17.0-6-generic", "7.0.0-15")),
        *("driver=in-tree", "driver=6.8.5", "driver=6.16.6", "driver=6.12.12-2187269.24.04", "vram=0GiB", "vram=8GiB", "vram=512MiB"),
        *("os=ubuntu-24.04", "os=debian-12", "os=arch", "os=fedora-43", "python=3.9", "python=3.13", "python=3.13t", "python=3.14.2"),
        *(f"{name}=1.0" for name in PACKAGES),
        *(f"{name}=none" for name in PACKAGES),
        *("numba=0.61.0", "ctranslate2=4.8.1+rocm", "onnxruntime-rocm=1.22.2.post3", "onnxruntime-migraphx=1.24.2", "numpy=2.4"),
        *("HSA_OVERRIDE_GFX_VERSION=10.3.0", "HSA_OVERRIDE_GFX_VERSION=none", "HIP_VISIBLE_DEVICES=-1", "LD_LIBRARY_PATH=/opt/rocm/lib"),
    )
)
NAMES = sorted(path.stem for path in MACHINES.glob("*.yaml"))


@settings(deadline=None, max_examples=120)
@given(name=st.sampled_from(NAMES), texts=st.lists(VALUES, min_size=1, max_size=4))
def test_any_change_of_any_machine_is_judged_or_refused(name: str, texts: list[str]) -> None:
    try:
        after = supposed(facts_of(name), *texts)
    except UsageError:
        return
    results = examine(after, all_checks())
    assert [f"{one.code}: {one.because}" for one in results if one.outcome == "crashed"] == []
    assert all(one.seen for one in results if one.outcome == "ok")
    assert verdict(after, results)
    assert msgspec.json.decode(to_json(after), type=dict)


@settings(deadline=None, max_examples=20)
@given(name=st.sampled_from(NAMES), texts=st.lists(VALUES, min_size=1, max_size=3))
def test_any_report_is_printed(name: str, texts: list[str]) -> None:
    try:
        one = report(name, *texts)
    except UsageError:
        return
    assert text.render(one, color=False, unicode=False).partition("\n\n")[2].startswith("If ")
    assert markdown.render(one)


@given(texts=st.lists(st.one_of(st.text(max_size=40), st.tuples(st.sampled_from([*KEYS, *PACKAGES]), st.text(max_size=20)).map("=".join))))
def test_any_text_is_read_or_refused(texts: list[str]) -> None:
    try:
        changes = whatif.parse(texts)
    except UsageError:
        return
    assert whatif.parse([one.text for one in changes]) == changes


def test_a_made_up_library_says_nothing_of_itself() -> None:
    lib = next(one for one in python_of(supposed(HEALTHY, "torch=2.9.1+rocm6.4")).libraries if one.package == "torch")
    assert isinstance(lib.code, Gap)


@pytest.mark.parametrize(
    ("name", "text", "before"),
    [
        ("mi50-bar-failure", "driver=6.12.12", "blocked"),  # the board gives it no room, whatever the driver
        ("mi50-reset-failed", "gfx=gfx906:sramecc-:xnack+", "blocked"),
        ("mi25", "gfx=gfx1030", "degraded"),
    ],
)
def test_what_cannot_be_looked_for_any_more_is_no_pass(name: str, text: str, before: str) -> None:
    one = report(name, text)
    assert one.compared is not None
    assert one.compared.before == before
    assert one.compared.unclear
    assert (one.verdict, one.exit) == ("unknown", 3)
    assert before == "degraded" or (one.routes, one.compared.ways) == ((), ())


@pytest.mark.parametrize(
    ("change", "told"), [("gfx=gfx1201", True), ("kernel=5.4.0-1", True), ("vram=8GiB", False), ("HSA_XNACK=1", False)]
)
def test_what_is_taken_for_granted_is_told(change: str, told: bool) -> None:
    one = report("rx7900xtx", change)
    assert one.verdict == "ready"
    for out in (text.render(one, color=False, unicode=False), markdown.render(one)):
        assert ("taken for granted" in out) is told


def test_what_is_styled_is_not_taken_for_control_characters_of_others() -> None:
    page = text.render(report("the-user", "torch=2.9.1+rocm6.3"), color=True, unicode=True, width=60)
    assert "\N{REPLACEMENT CHARACTER}" not in page
    assert "\x1b[1mIf torch were 2.9.1+rocm6.3: BLOCKED → BLOCKED\x1b[0m" in page
