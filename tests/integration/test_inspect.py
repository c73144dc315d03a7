"""`rocmkit inspect` as a person and a script see it."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rocmkit.errors import UsageError
from rocmkit.host.live import LiveHost
from rocmkit.inspect.target import Resolver
from rocmkit.inspect.values import Inspection
from rocmkit.model import convert
from rocmkit.report.inspect import render
from tests.support.command import ROOT, Ran, rocmkit
from tests.support.elf import build, bundle, compressed, entry_id, fatbin
from tools.gen import SCHEMAS
from tools.schema import schema

NATIVE = {"x86_64": 62, "aarch64": 183}.get(platform.machine(), 62)


#: EF_AMDGPU_MACH of the targets used here, and the bits of XNACK in code object version 4 and later.
MACH = {"gfx906": 0x2F, "gfx1030": 0x36, "gfx1100": 0x41}
XNACK = {"-": 0x200, "+": 0x300}


def device(target: str) -> bytes:
    """A code object, as far as its header goes."""
    name, _, xnack = target.partition(":xnack")
    return build(machine=224, flags=MACH[name] | (XNACK[xnack] if xnack else 0), abi_version=2)


def offload(*targets: str) -> bytes:
    """A bundle that holds what its entries say."""
    return bundle(ids={entry_id(target): device(target) for target in targets})


def library(*targets: str, **options: Any) -> bytes:
    """A HIP library with one bundle for `targets`."""
    needed = options.pop("needed", ("libamdhip64.so.6", "libc.so.6"))
    wrapper = b"FPIH" + bytes(20)
    content = options.pop("content", None) or fatbin(offload(*targets))
    sections = {".hip_fatbin": content, ".hipFatBinSegment": wrapper} if targets else {}
    return build(needed=needed, sections=sections, machine=options.pop("machine", NATIVE), **options)


def inspect(*arguments: str | Path, **options: Any) -> Ran:
    return rocmkit("inspect", *map(str, arguments), **options)


def asked(*arguments: str | Path, **options: Any) -> Any:
    """The JSON of a run, true to its schema; and the text of the same run names every file that the JSON does."""
    ran = inspect(*arguments, "--json", **options)
    assert ran.err == ""
    kind, title = SCHEMAS["inspect-1"]
    jsonschema.validate(ran.json, schema(kind, title=title))
    assert ran.json["exit"] == ran.code
    text = inspect(*arguments, **options)
    assert text.code == ran.code
    for file in ran.json["files"]:
        assert file["file"] in text.out
        for run in file["runs"]:
            assert " ".join(run["because"].split()) in " ".join(text.out.split())
    return ran.json


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "libone.so").write_bytes(library("gfx906", "gfx1030"))
    return tmp_path


@pytest.mark.parametrize(
    ("gpus", "code", "answer"),
    [
        ((), 0, None),
        (("gfx906",), 0, "yes"),
        (("gfx1100",), 1, "no"),
        (("gfx906", "gfx1030"), 0, "yes"),
        (("gfx906", "gfx1100"), 1, "no"),
        (("GFX906:xnack-",), 0, "yes"),
    ],
)
def test_the_exit_code_says_whether_it_runs(place: Path, gpus: tuple[str, ...], code: int, answer: str | None) -> None:
    report = asked(place / "libone.so", *(f"--for={gpu}" for gpu in gpus))
    assert (report["exit"], report["answer"]) == (code, answer)
    (file,) = report["files"]
    assert (file["file"], file["kind"], file["gpu_api"]) == ("libone.so", "library", "hip")
    assert file["gfx"] == ["gfx1030", "gfx906"]
    assert file["needs"] == ["libamdhip64.so.6", "libc.so.6"]
    assert "libamdhip64.so.6" in file["missing"] or file["found"]["libamdhip64.so.6"].startswith("/")
    assert file["found"]["libc.so.6"].startswith("/")
    assert [run["gpu"] for run in file["runs"]] == [gpu.lower() for gpu in gpus]


def test_features_unreadable_parts_and_what_needs_others(tmp_path: Path) -> None:
    (tmp_path / "xnack.co").write_bytes(fatbin(offload("gfx906:xnack+")))
    report = asked(tmp_path / "xnack.co", "--for", "gfx906")
    assert (report["exit"], report["files"][0]["kind"], report["files"][0]["runs"][0]["needs"]) == (3, "bundle", ["xnack+"])
    (tmp_path / "cut.co").write_bytes(compressed(offload("gfx906"))[:-9])
    assert asked(tmp_path / "cut.co", "--for", "gfx906")["exit"] == 3
    (tmp_path / "link.so").write_bytes(library())
    report = asked(tmp_path / "link.so", "--for", "gfx906")
    assert (report["exit"], report["answer"]) == (3, "none")
    assert "what it loads decides" in report["targets"][0]["runs"][0]["because"]


def test_a_folder(tmp_path: Path) -> None:
    kernels = tmp_path / "lib/rocblas/library"
    kernels.mkdir(parents=True)
    (tmp_path / "lib/liba.so").write_bytes(library("gfx906", needed=("libb.so.1",)))
    (tmp_path / "lib/libb.so.1").write_bytes(build(machine=NATIVE))
    (tmp_path / "readme.txt").write_text("nothing of this can hold code")
    for target in ("gfx906", "gfx1030"):
        (kernels / f"Kernels.so-000-{target}.hsaco").write_bytes(device(target))
    report = asked(tmp_path, "--for", "gfx906")
    assert report["exit"] == 0
    assert {file["file"]: file["kind"] for file in report["files"]} == {"lib/liba.so": "library", "lib/rocblas/library": "kernel-folder"}
    assert report["files"][0]["found"] == {"libb.so.1": "in the folder"}
    assert report["targets"][0]["kernel_libraries"] == {"rocblas": {"gfx1030": 1, "gfx906": 1}}
    assert report["targets"][0]["left_out"] == {"libraries without GPU code": 1, "other files": 1}
    assert asked(tmp_path, "--for", "gfx1100")["exit"] == 1
    # A file for one card whose name says another is told, and counts for neither.
    (kernels / "Kernels.so-000-gfx906.hsaco").write_bytes(device("gfx1030"))
    report = asked(tmp_path, "--for", "gfx906")
    assert report["exit"] == 3
    assert "its name says gfx906, its content gfx1030" in report["files"][1]["problems"][0]
    assert report["files"][1]["gfx"] is None
    assert "lib/libb.so.1" in [file["file"] for file in asked(tmp_path, "--all")["files"]]


def test_kernel_files_that_lead_to_nothing(tmp_path: Path) -> None:
    """A library loads its lists first: code without a list is never found, and a list without code leads nowhere."""
    kernels = tmp_path / "rocblas/library"
    kernels.mkdir(parents=True)
    for target in ("gfx906", "gfx1030"):
        (kernels / f"TensileLibrary_Type_SS_fallback_{target}.hsaco").write_bytes(device(target))
        (kernels / f"TensileLibrary_lazy_{target}.dat").write_bytes(b"\x81\xa7library\x80")
    assert asked(tmp_path, "--for", "gfx906")["exit"] == 0
    (kernels / "TensileLibrary_lazy_gfx906.dat").unlink()
    (kernels / "TensileLibrary_Type_SS_fallback_gfx1030.hsaco").unlink()
    for target, words in (("gfx906", "and no TensileLibrary_lazy_gfx906"), ("gfx1030", "and no code that it leads to")):
        report = asked(tmp_path, "--for", target)
        assert (report["exit"], words in report["targets"][0]["runs"][0]["because"]) == (3, True)
    assert asked(tmp_path, "--for", "gfx1100")["exit"] == 1
    # One file by itself is no folder, and a list holds no code, so that it answers for no card.
    report = asked(kernels / "TensileLibrary_lazy_gfx1030.dat", "--for", "gfx1030")
    assert (report["exit"], report["answer"], report["files"][0]["kind"]) == (3, "none", "kernel-list")
    text = inspect(kernels / "TensileLibrary_lazy_gfx1030.dat").out
    assert "kernels for gfx1030, no code itself" in text
    assert text.splitlines()[-1] == "no GPU code"
    assert report["files"][0]["runs"][0]["because"] == "lists kernels for gfx1030, no code itself"
    (kernels / "TensileLibrary_lazy_gfx906.dat").touch()
    report = asked(kernels / "TensileLibrary_lazy_gfx906.dat", "--for", "gfx906")
    assert (report["answer"], report["files"][0]["gfx"], report["files"][0]["problems"]) == ("unknown", None, ["it is empty"])
    assert inspect(kernels / "TensileLibrary_lazy_gfx906.dat").out.splitlines()[-1].startswith("no GPU code, and part is unreadable")


def test_what_a_compiler_makes(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("#include <math.h>\nint main(int n, char **v) { return (int)cos(n); }\n")
    gcc = [shutil.which("gcc") or "", str(tmp_path / "a.c"), "-fno-builtin", "-fPIC"]
    subprocess.run([*gcc, "-o", tmp_path / "prog", "-lm", "-Wl,-rpath,/opt/x/$LIB", "-Wl,--enable-new-dtags"], check=True)
    subprocess.run([*gcc, "-c", "-o", tmp_path / "a.o"], check=True)
    subprocess.run([*gcc, "-shared", "-o", tmp_path / "liba.so"], check=True)
    kinds = {file["file"]: file for file in asked(tmp_path, "--all")["files"]}
    assert {name: file["kind"] for name, file in kinds.items()} == {"prog": "program", "a.o": "object", "liba.so": "library"}
    prog = kinds["prog"]
    assert (prog["rpath"], prog["rpath_kind"], prog["missing"]) == (["/opt/x/$LIB"], "runpath", [])
    assert "libm.so.6" in prog["found"]
    assert prog["architecture"] == platform.machine()


def wheel(path: Path, files: dict[str, bytes], tag: str) -> Path:
    name = f"demo-1.0-cp310-cp310-{tag}.whl"
    record = io.StringIO()
    csv.writer(record).writerows([[file, "", len(data)] for file, data in files.items()])
    with zipfile.ZipFile(path / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in files.items():
            archive.writestr(file, data)
        archive.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        archive.writestr("demo-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: cp310-cp310-{tag}\n")
        archive.writestr("demo-1.0.dist-info/RECORD", record.getvalue())
    return path / name


FILES = {
    "demo/__init__.py": b"",
    "demo/_ext.so": library("gfx906", needed=("libdemo-1a2b3c4d.so", "libnothing.so.1"), runpath="$ORIGIN/../demo.libs"),
    "demo.libs/libdemo-1a2b3c4d.so": build(machine=NATIVE, soname="libdemo-1a2b3c4d.so", asked={"libc.so.6": ["GLIBC_2.999"]}),
}


def test_a_wheel(tmp_path: Path) -> None:
    report = asked(wheel(tmp_path, FILES, "manylinux_2_28_x86_64"), "--for", "gfx906")
    (target,), (file,) = report["targets"], report["files"]
    assert target["wheel"] == {
        "name": "demo",
        "version": "1.0",
        "tags": ["cp310-cp310-manylinux_2_28_x86_64"],
        "inner_tags": ["cp310-cp310-manylinux_2_28_x86_64"],
        "glibc_of_tags": "2.28",
    }
    assert (target["glibc"], target["glibc_file"]) == ("2.999", "demo.libs/libdemo-1a2b3c4d.so")
    assert any("the wheel's tags promise that 2.28 is enough" in warning for warning in target["warnings"])
    assert any("asks for glibc 2.999, this machine has" in warning for warning in target["warnings"])
    assert (file["found"], file["missing"]) == ({"libdemo-1a2b3c4d.so": "in the wheel"}, ["libnothing.so.1"])
    quiet = asked(wheel(tmp_path, {"demo/a.so": library("gfx906")}, "linux_x86_64"))
    assert [warning for warning in quiet["targets"][0]["warnings"] if "tags" in warning] == []


def installed(place: Path) -> Path:
    site = place / "lib/python3.10/site-packages"
    with zipfile.ZipFile(wheel(place, FILES, "linux_x86_64")) as archive:
        archive.extractall(site)
    (site / "stranger.so").write_bytes(library("gfx1100"))
    return site


def test_an_installed_package(tmp_path: Path) -> None:
    site = installed(tmp_path)
    report = asked("DEMO", "--python", site, "--for", "gfx906")
    assert (report["targets"][0]["kind"], report["targets"][0]["package"]) == ("package", "demo 1.0")
    assert [file["file"] for file in report["files"]] == ["demo/_ext.so"]
    assert report["files"][0]["found"] == {"libdemo-1a2b3c4d.so": "in the package"}
    ran = inspect("demmo", "--python", site)
    assert (ran.code, "did you mean demo?" in ran.err) == (2, True)
    # A package without RECORD is what its top-level folder holds.
    (site / "demo-1.0.dist-info/RECORD").unlink()
    assert [file["file"] for file in asked("demo", "--python", site)["files"]] == ["demo/_ext.so"]
    assert asked("Demo[extra]", "--python", site)["targets"][0]["package"] == "demo 1.0"


def test_packages_that_lie_otherwise(tmp_path: Path) -> None:
    """A module that is one library, an egg, what was installed in editable mode, and what is not there."""
    site = installed(tmp_path)
    about = site / "demo-1.0.dist-info"
    (about / "RECORD").unlink()
    (about / "top_level.txt").write_text("_one\n")
    (site / "_one.cpython-310-x86_64-linux-gnu.so").write_bytes(library("gfx906"))
    assert [file["file"] for file in asked("demo", "--python", site)["files"]] == ["_one.cpython-310-x86_64-linux-gnu.so"]
    (site / "old-2.0-py3.10.egg/EGG-INFO").mkdir(parents=True)
    (site / "old-2.0-py3.10.egg/EGG-INFO/PKG-INFO").write_text("Name: old\nVersion: 2.0\n")
    (site / "old-2.0-py3.10.egg/old.so").write_bytes(library("gfx906"))
    (site / "easy-install.pth").write_text("./old-2.0-py3.10.egg\n")
    assert [file["file"] for file in asked("old", "--python", site)["files"]] == ["old-2.0-py3.10.egg/old.so"]
    (about / "top_level.txt").write_text("gone\n")
    ran = inspect("demo", "--python", site)
    assert (ran.code, "none of its files is where" in ran.err) == (2, True)
    (about / "direct_url.json").write_text('{"url": "file:///src/my%20demo", "dir_info": {"editable": true}}')
    ran = inspect("demo", "--python", site)
    assert (ran.code, "editable mode" in ran.err, "rocmkit inspect '/src/my demo'" in ran.err) == (2, True, True)


def test_a_path_goes_before_a_package(tmp_path: Path) -> None:
    site = installed(tmp_path)
    (tmp_path / "demo").write_bytes(library("gfx1030"))
    command = [sys.executable, "-m", "rocmkit", "inspect", "--json", "--python", str(site)]
    for name, kind in (("demo", "file"), ("./demo", "file")):
        done = subprocess.run([*command, name], capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
        assert json.loads(done.stdout)["targets"][0]["kind"] == kind
    elsewhere = subprocess.run(
        [*command, "./demo"], capture_output=True, cwd=site.parent, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert (elsewhere.returncode, b"no such file or folder" in elsewhere.stderr) == (2, True)


def test_usage_errors_say_what_and_what_next(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("a linker script and no library, long enough to be one")
    (tmp_path / "empty.so").touch()
    (tmp_path / "gone").symlink_to("nothing")
    (tmp_path / "half").write_bytes(b"\x7fELF and then nothing that holds together")
    (tmp_path / "bad.whl").write_bytes(b"no zip archive")
    (tmp_path / "cut.whl").write_bytes(b"PK\x03\x04 and no end")
    (tmp_path / "wheel.zip").write_bytes(b"PK\x03\x04 and no end")
    (tmp_path / "sdist.tar.gz").write_bytes(b"\x1f\x8b and more")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "one.so").write_bytes(library("gfx906"))
    cases = {
        ("text.so",): "begins like no file that can hold GPU code",
        ("empty.so",): "it is empty",
        ("gone",): "is a link to nothing, which is not there",
        ("half",): "half",
        ("bad.whl",): "zip archive",
        ("cut.whl",): "download it again: pip download --no-deps NAME",
        ("wheel.zip",): "its name, which ends in .whl",
        ("sdist.tar.gz",): "unpack it (tar -xzf) and inspect the folder",
        ("one.so", "--json", "--format", "text"): "--json and --format text contradict each other",
        ("pipe",): "not a regular file",
        ("no/such",): "no such file or folder",
        ("one.so", "--for", "gfx9066"): "did you mean gfx906",
        ("one.so", "--for", "gfx9-generic"): "a generic target is no card",
        ("one.so", "--for", "gfx1030:xnack+"): "have no xnack",
        ("one.so", "--for", "gfx906:xnack"): "not a target id",
        ("one.so", "--for", ""): "no GPU architecture of that name",
    }
    for (name, *options), words in cases.items():
        ran = inspect(tmp_path / name, *options)
        assert (ran.code, ran.out) == (2, ""), (name, ran.err)
        assert words in ran.err, (name, ran.err)
        assert "Traceback" not in ran.err
    assert inspect().code == 2


def test_a_folder_without_gpu_code_has_nothing_to_judge(tmp_path: Path) -> None:
    for words in ("it is empty", "1 file, and none that can hold GPU code"):
        report = asked(tmp_path, "--for", "gfx906")
        assert (report["exit"], report["answer"], report["targets"][0]["runs"][0]["because"]) == (3, "none", words)
        plain = inspect(tmp_path)
        assert (plain.code, words in plain.out, plain.out.splitlines()[-1]) == (0, True, "no GPU code")
        (tmp_path / "text").write_text("text")


def test_what_may_not_be_read_is_no_missing_file(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut/a.so").write_bytes(library("gfx906"))
    if os.geteuid() == 0:  # may read everything, so be nobody for a moment
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    else:
        (tmp_path / "shut").chmod(0)
    try:
        with pytest.raises(UsageError, match="may not be read by this user"):
            Resolver(LiveHost(), None, None).open(str(tmp_path / "shut/a.so"))
    finally:
        os.seteuid(os.getuid())
        (tmp_path / "shut").chmod(0o700)


def test_a_library_without_code_names_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "a.so").write_bytes(build(machine=NATIVE, needed=("libb.so.1", "libnothing.so.1", "libc.so.6"), runpath="$ORIGIN/lib"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libb.so.1").write_bytes(library("gfx906", soname="libb.so.1"))
    (file,) = asked(tmp_path / "a.so", "--for", "gfx906")["files"]
    assert file["loads"] == {"libb.so.1": "code for gfx906", "libnothing.so.1": "not found here"}
    assert file["runs"][0]["because"].startswith("no GPU code of its own: look at libb.so.1 (code for gfx906), libnothing.so.1")
    assert "libb.so.1 (code for gfx906)" in inspect(tmp_path / "a.so").out
    # In a folder it is the same, by the names of its libraries.
    (file,) = [one for one in asked(tmp_path, "--all", "--for", "gfx906")["files"] if one["file"] == "a.so"]
    assert file["loads"] == {"libb.so.1": "code for gfx906"}


def test_what_lies_beside_a_file_and_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "a.so").write_bytes(library("gfx906", needed=("libb.so.1", "libnothing.so.1"), runpath="/nowhere/lib:"))
    (tmp_path / "libb.so.1").write_bytes(build(machine=NATIVE))
    (file,) = asked(tmp_path / "a.so")["files"]
    assert (file["missing"], file["beside"]) == (["libb.so.1", "libnothing.so.1"], ["libb.so.1"])
    lines = " ".join(inspect(tmp_path / "a.so").out.split())
    assert "libnothing.so.1 (not where the loader looks)" in lines
    assert "libb.so.1 (beside this file, where the loader does not look)" in lines
    assert "/nowhere/lib:. (. is the current folder of the program)" in lines


def test_a_yes_that_does_not_load_here_says_so(tmp_path: Path) -> None:
    new = library("gfx906", asked={"libc.so.6": ["GLIBC_2.999"]})
    (tmp_path / "librocblas.so.4").write_bytes(new)
    report = asked(tmp_path / "librocblas.so.4", "--for", "gfx906")
    target = report["targets"][0]
    assert (report["exit"], target["does_not_load"].startswith("needs glibc 2.999, here is ")) == (0, True)
    assert any("rocblas/library" in note for note in target["notes"])  # code in the library is not all that it needs
    text = inspect(tmp_path / "librocblas.so.4", "--for", "gfx906").out
    assert text.splitlines()[-1].startswith("YES: gfx906; but it does not load on this machine: needs glibc 2.999, here is ")
    assert text.count("holds gfx906") == 1
    assert "its GPU files need glibc 2.999" in " ".join(inspect(tmp_path).out.split())
    # A tree with a C library of its own runs with that one.
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libc.so.6").write_bytes(build(machine=NATIVE))
    target = asked(tmp_path, "--for", "gfx906")["targets"][0]
    assert (target["does_not_load"], target["warnings"], target["glibc"]) == (None, [], "2.999")
    assert any("lib/libc.so.6" in note for note in target["notes"])


def test_an_answer_leads_on_to_the_page_that_explains_it(tmp_path: Path) -> None:
    kernels = tmp_path / "rocblas/library"
    kernels.mkdir(parents=True)
    (kernels / "Kernels.so-000-gfx1030.hsaco").write_bytes(device("gfx1030"))
    ran = inspect(tmp_path, "--for", "gfx906")
    assert (ran.code, "`rocmkit explain RK307` says what to do" in ran.out) == (1, True)
    assert "explain" not in inspect(tmp_path, "--for", "gfx1030").out


def test_the_answers_for_several_cards_stand_below_one_another(place: Path) -> None:
    lines = inspect(place / "libone.so", "--for", "gfx906", "--for", "gfx1030", "--for", "gfx906:xnack-").out.splitlines()
    rows = [line for line in lines if line.strip().startswith("gfx") and " yes: " in line]
    assert len({line.lstrip().index(" yes: ") for line in rows}) == 1
    assert len(rows) == 6
    report = convert(inspect(place, "--for", "gfx1100", "--for", "gfx942", "--json").json, Inspection, source="inspect")
    verdict = render(report, color=False, unicode=True, width=60).rpartition("\n\n")[2].splitlines()
    assert (len(verdict), verdict[0][:4], max(map(len, verdict)) <= 60) == (2, "NO: ", True)


@pytest.mark.skipif(Path("/dev/kfd").exists(), reason="this machine may have an AMD GPU")
def test_native_without_a_gpu_is_not_applicable(place: Path) -> None:
    ran = inspect(place / "libone.so", "--for", "native")
    assert (ran.code, ran.out) == (4, "")
    assert "no AMD GPU was found" in ran.err


def test_for_another_processor_nothing_is_looked_for(tmp_path: Path) -> None:
    other = 183 if NATIVE == 62 else 62
    (tmp_path / "arm.so").write_bytes(library("gfx906", machine=other))
    (file,) = asked(tmp_path / "arm.so")["files"]
    assert (file["missing"], file["found"]) == (None, {})
    assert "not looked for: made for" in inspect(tmp_path / "arm.so").out


def test_the_text_is_plain_off_a_terminal_and_ascii_where_it_must(place: Path) -> None:
    ran = inspect(place, "--for", "gfx1100", env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert ran.out.isascii()
    assert "\x1b" not in ran.out
    assert ran.out.splitlines()[-1] == "NO: gfx1100: holds gfx1030, gfx906; not gfx1100"
    assert inspect(place, "-o", place / "report").out == ""
    assert (place / "report").read_text().splitlines()[-1].startswith("GPU code for gfx1030, gfx906")


def test_names_of_files_cannot_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "lib\x1b[31m.so").write_bytes(library("gfx906"))
    assert "\x1b" not in inspect(tmp_path, "--for", "gfx1030").out
    (tmp_path / "lib\nYES: gfx1030: holds gfx1030").write_bytes(library("gfx906"))
    lines = inspect(tmp_path, "--for", "gfx1030").out.splitlines()
    assert not any(line.startswith("YES") for line in lines)
    assert lines[-1].startswith("NO: gfx1030")


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/lib\xff.so"
    with open(path, "wb") as file:
        file.write(library("gfx906"))
    report = asked(os.fsdecode(path), "--for", "gfx906")
    assert report["files"][0]["file"] == "lib\N{REPLACEMENT CHARACTER}.so"


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    many = library("gfx906")
    for number in range(3000):
        (tmp_path / f"{number}.so").write_bytes(many)
    command = [sys.executable, "-m", "rocmkit", "inspect", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    time.sleep(0.6)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, b"", b"")


def test_paths_are_fit_to_be_sent(tmp_path: Path) -> None:
    home = tmp_path / "people/jane"
    (home / "lib").mkdir(parents=True)
    (home / "lib/liba.so").write_bytes(library("gfx906", needed=("libb.so.1",), runpath=str(home / "lib")))
    (home / "lib/libb.so.1").write_bytes(build(machine=NATIVE))
    report = asked(home / "lib/liba.so", "--for", "gfx906", env={"HOME": str(home)})
    assert (report["targets"][0]["target"], report["targets"][0]["path"]) == ("~/lib/liba.so", "~/lib/liba.so")
    assert report["files"][0]["found"] == {"libb.so.1": "~/lib/libb.so.1"}
