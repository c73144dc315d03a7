"""RK501."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.doctor.advice import comment_out
from rocmkit.doctor.checks.rk5_env import gfx_of, parse
from rocmkit.facts import Agent, EnvLine, Facts, Gpu, Runtime, gap
from tests.support.checks import fix, found, ok, run, skipped
from tests.support.facts import GPU, PYTHON, changed, library, machine

NAME = "HSA_OVERRIDE_GFX_VERSION"
SHOW = 'rocminfo | grep -E "Name: +gfx"'


def gpu(gfx: str, **changes: object) -> Gpu:
    return changed(GPU, gfx=gfx, target_id=gfx, **changes)  # type: ignore[no-any-return]


def shows(*names: str) -> Runtime:
    return Runtime(agents=tuple(Agent(name=name, marketing_name=None, isa=name) for name in names), error=None)


def overridden(value: str, *gpus: Gpu, **sections: object) -> Facts:
    gpus = gpus or (GPU,)
    values: dict[str, object] = {"runtime": shows(*(one.gfx or "?" for one in gpus)), "python": gap("absent", "none"), **sections}
    return machine(env={NAME: value}, gpus=gpus, **values)


def test_not_set() -> None:
    assert ok("RK501", machine()).seen[0].what == f"{NAME} is not set"
    ok("RK501", machine(env={"HSA_OVERRIDE": "1", "HSA_OVERRIDE_GFX_VERSION_X": "9.0.0"}))


def test_naming_what_the_gpu_is() -> None:
    assert ok("RK501", overridden("9.0.6")).seen[0].what == f"{NAME}=9.0.6"
    ok("RK501", overridden("9.0.10", gpu("gfx90a")))


@pytest.mark.parametrize("value", ["9.0.8", "9.0.10", "9.4.2"])
def test_dangerous(value: str) -> None:
    one = found("RK501", overridden(value))
    assert (one.subject, one.confidence) == (NAME, "sure")
    assert "known to fault, hang or compute wrongly" in str(one.message)
    assert "matrix instructions" in str(one.cause)
    assert fix(one).commands == (f"unset {NAME}",)
    assert fix(one).verify == (f"printenv {NAME} || echo unset", SHOW)
    assert fix(one).caution is not None
    assert run("RK501", overridden(value)).severity == "warning"


@pytest.mark.parametrize("value", ["9.0.0", "10.3.0", "11.0.0"])
def test_gfx906_never_needs_one(value: str) -> None:
    one = found("RK501", overridden(value))
    assert (one.confidence, "never needs" in str(one.message)) == ("sure", True)


def test_a_close_relative_is_customary() -> None:
    one = found("RK501", overridden("10.3.0", gpu("gfx1031")))
    assert (one.confidence, "customary" in str(one.message)) == ("likely", True)
    assert fix(one).commands == ()
    assert "keep it only as long as" in str(fix(one).text)
    assert fix(one).caution is not None


def test_rocminfo_proves_it() -> None:
    one = found("RK501", overridden("10.3.0", gpu("gfx1031"), runtime=shows("gfx1030")))
    assert one.confidence == "sure"
    assert [(seen.where, seen.what) for seen in one.seen] == [
        ("environment", f"{NAME}=10.3.0"),
        ("kernel (KFD)", "0000:03:00.0 is gfx1031"),
        ("rocminfo", "shows gfx1030: the override is in force"),
    ]
    broken = Runtime(agents=(), error="hsa_init failed")
    assert found("RK501", overridden("10.3.0", gpu("gfx1031"), runtime=broken)).confidence == "likely"
    assert found("RK501", overridden("10.3.0", gpu("gfx1031"), runtime=gap("timeout", "x"))).confidence == "likely"


def test_sometimes_and_dangerous_of_the_catalogue() -> None:
    assert "some programs only" in str(found("RK501", overridden("9.0.0", gpu("gfx90c"))).message)
    assert "known to fault" in str(found("RK501", overridden("11.0.0", gpu("gfx1103"))).message)
    assert "known to fault" in str(found("RK501", overridden("10.3.0", gpu("gfx1010"))).message)


def test_another_instruction_set() -> None:
    one = found("RK501", overridden("10.3.0", gpu("gfx1100")))
    assert (one.confidence, "expect faults" in str(one.message)) == ("sure", True)
    assert "another instruction set" in str(one.cause)
    one = found("RK501", overridden("10.3.9", gpu("gfx1030")))
    assert "no GPU that ROCm knows" in str(one.cause)
    relative = found("RK501", overridden("11.0.1", gpu("gfx1100")))  # nobody wrote of it, yet they share a generic target
    assert relative.confidence == "likely"


def test_a_torch_that_has_the_gpu_makes_it_needless() -> None:
    torch = changed(PYTHON, libraries=(library("torch", "~/v/libtorch_hip.so", gfx=("gfx1030", "gfx1031:xnack-")),))
    one = found("RK501", overridden("10.3.0", gpu("gfx1031"), python=torch))
    assert one.seen[-1].what == "torch holds code for gfx1031"
    assert fix(one).commands == (f"unset {NAME}",)
    other = changed(PYTHON, libraries=(library("torch", "~/v/libtorch_hip.so", gfx=None),))
    assert fix(found("RK501", overridden("10.3.0", gpu("gfx1031"), python=other))).commands == ()


@pytest.mark.parametrize(
    "value", ["", "gfx1030", "10.3", "10.3.0.0", "10.3.0 ", "10.3.x", "64.0.0", "9.256.0", "9.0.-1", "9.0.٦", "９.0.6"]
)
def test_invalid(value: str) -> None:
    one = found("RK501", overridden(value))
    assert (one.subject, one.confidence) == (NAME, "sure")
    assert "ROCm refuses to start" in str(one.message)
    assert fix(one).commands == (f"unset {NAME}",)


def test_unknown_gpu() -> None:
    one = found("RK501", overridden("10.3.0", changed(GPU, gfx=None)))
    assert (one.confidence, "could not be found out" in str(one.message)) == ("likely", True)


SMALL = gpu("gfx1036", integrated=True, pci="0000:10:00.0", kfd_node=2)


def test_the_plain_form_speaks_of_every_gpu() -> None:
    facts = overridden("10.3.0", gpu("gfx1100"), SMALL)
    findings = run("RK501", facts).findings
    assert [("expect faults" in str(one.message), one.confidence) for one in findings] == [(True, "sure"), (False, "likely")]
    assert fix(findings[0]).commands == (f"unset {NAME}", f"export {NAME}_2=10.3.0")
    assert "speaks of every GPU" in str(fix(findings[0]).text)


def test_the_form_for_one_node() -> None:
    gpus = (gpu("gfx1100"), SMALL)
    one = found("RK501", machine(env={f"{NAME}_2": "10.3.0"}, gpus=gpus, python=gap("absent", ""), runtime=gap("absent", "")))
    assert (one.subject, one.confidence) == (f"{NAME}_2", "likely")
    assert "gfx1036" in str(one.message)
    nobody = found("RK501", machine(env={f"{NAME}_7": "10.3.0"}, gpus=gpus, runtime=gap("absent", "")))
    assert "no effect" in str(nobody.message)
    assert nobody.confidence == "likely"
    # The numbered form wins over the plain one.
    both = machine(env={f"{NAME}_2": "10.3.6", NAME: "11.0.0"}, gpus=gpus, runtime=gap("absent", ""))
    ok("RK501", both)


def bashrc(value: str, name: str = NAME) -> EnvLine:
    return EnvLine(file="~/.bashrc", name=name, value=value)


BASHRC = bashrc("9.0.0")


def test_in_a_start_up_file_only() -> None:
    one = found("RK501", machine(env_files=(BASHRC,)))
    assert (one.subject, one.confidence) == (NAME, "likely")
    assert one.seen[0].where == "~/.bashrc"
    assert fix(one).commands == (f"unset {NAME}", f"sed -i.bak '/\\b{NAME}\\b/s/^/# /' ~/.bashrc")
    assert (fix(one).root, fix(one).relogin) == (False, True)
    assert found("RK501", machine(env_files=(bashrc("nonsense"),))).confidence == "likely"
    ok("RK501", machine(env_files=(bashrc("9.0.6"), bashrc("x", "LD_PRELOAD"), bashrc("$X"))))


def test_in_both_places_is_one_finding() -> None:
    system_wide = EnvLine(file="/etc/environment", name=NAME, value="9.0.0")
    one = found("RK501", machine(env={NAME: "9.0.0"}, env_files=(BASHRC, system_wide)))
    assert fix(one).commands[1:] == (
        f"sed -i.bak '/\\b{NAME}\\b/s/^/# /' ~/.bashrc",
        f"sudo sed -i.bak '/\\b{NAME}\\b/s/^/# /' /etc/environment",
    )
    assert fix(one).root
    assert "~/.bashrc, /etc/environment" in str(fix(one).text)


def test_the_file_is_really_edited(tmp_path: Path) -> None:
    rc = tmp_path / ".bashrc"
    rc.write_text(f"export {NAME}=9.0.0\nexport {NAME}_1=9.0.0\nX=1\n")
    (command,) = comment_out(BASHRC)
    subprocess.run(["bash", "-c", command], check=True, env={**os.environ, "HOME": str(tmp_path)})
    assert rc.read_text() == f"# export {NAME}=9.0.0\nexport {NAME}_1=9.0.0\nX=1\n"
    assert (tmp_path / ".bashrc.bak").exists()
    unit = EnvLine(file="/etc/systemd/system/x.service", name=NAME, value="9.0.0")
    assert comment_out(unit)[1] == "sudo systemctl daemon-reload"


def test_a_spoof_without_a_variable() -> None:
    one = found("RK501", machine(gpus=(gpu("gfx1031"),), runtime=shows("gfx1030")))
    assert (one.subject, one.confidence) == ("rocminfo", "likely")
    ok("RK501", machine(runtime=shows()))  # hidden, not spoofed
    ok("RK501", machine(gpus=(gpu("gfx1031", gfx_source="pci-table"),), runtime=shows("gfx1030")))  # the table may be wrong


def test_gaps() -> None:
    assert "why" in skipped("RK501", machine(env=gap("not-executed", "why")))
    assert "no AMD GPU" in skipped("RK501", machine(gpus=(), env={NAME: "9.0.0"}))
    ok("RK501", machine(env_files=gap("denied", "why")))
    found("RK501", machine(env={NAME: "9.0.0"}, env_files=gap("denied", "why"), python=gap("absent", "x"), runtime=gap("absent", "x")))


@given(st.text(max_size=30))
def test_any_value_gives_an_outcome(value: str) -> None:
    assert run("RK501", overridden(value)).outcome in {"found", "ok"}
    assert run("RK501", machine(env_files=(bashrc(value),))).outcome in {"found", "ok"}


@given(st.integers(0, 63), st.integers(0, 255), st.integers(0, 255))
def test_every_version_is_read(major: int, minor: int, step: int) -> None:
    assert parse(f"{major}.{minor}.{step}") == (major, minor, step)


def test_names_are_hexadecimal() -> None:
    assert [gfx_of(version) for version in ((9, 0, 10), (9, 0, 6), (10, 3, 0), (11, 5, 1))] == ["gfx90a", "gfx906", "gfx1030", "gfx1151"]
    assert parse(" 9. 0.+6") == (9, 0, 6)
    assert parse("9" * 5000 + ".0.0") is None
