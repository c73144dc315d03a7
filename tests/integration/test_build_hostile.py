"""Promises of `rocmkit build` that somebody tries to break: whose folder it is, what is given as a source, who listens, what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rocmkit.build.deliver import deliver
from rocmkit.build.execute import execute
from rocmkit.build.values import Proof
from rocmkit.errors import UsageError
from tests.integration.test_build_command import Place, made, note, valid, wait_for
from tests.support.command import script
from tests.support.tinyplans import ROOT, Away, plan, shell, step

COMMIT = "a" * 40
ADDRESS = "https://127.0.0.1:1/x.git"
VERSION = "1.0+rocm5.2.gfx906"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return made(tmp_path)


def fetching(place: Place) -> str:
    """A recipe that takes one source from the network."""
    return place.recipe("toy", note("last"), fetch={"source": {"git": ADDRESS, "commit": COMMIT, "why": "the tests want it"}})


# The work folder


def test_the_work_folder_is_for_nobody_else(tmp_path: Path) -> None:
    work = tmp_path / "work"
    execute(plan(work, [shell("a", "true", cwd=work)]))
    assert work.stat().st_mode & 0o777 == 0o700, "scripts in it may hold a password that was typed"


def test_a_work_folder_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    work.chmod(0o777)
    with pytest.raises(UsageError, match="may be written by everybody"):
        execute(plan(work, [shell("a", "true", cwd=work)]))
    assert os.listdir(work) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_work_folder_that_somebody_else_has_prepared_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / ".rocmkit-build").write_text("come in")
    os.chown(work, 65534, 65534)
    with pytest.raises(UsageError, match="is somebody else's"):
        execute(plan(work, [shell("a", "true", cwd=work)]))
    assert os.listdir(work) == [".rocmkit-build"]


def test_a_link_in_the_place_of_half_a_download_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "archive").write_text("what comes")
    fetch = ("curl", "-o", f"{work}/downloads/archive", (tmp_path / "archive").as_uri())
    one = plan(work, [step("fetch", *fetch, cwd=work, act="download", network=True)])
    (work / "downloads").mkdir(parents=True)
    (work / ".rocmkit-build").touch()
    (work / "downloads/archive.part").symlink_to(tmp_path / "mine")
    with pytest.raises(UsageError, match="leads out of the work folder"):
        execute(one)
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_link_in_the_place_of_a_containers_log_is_refused(place: Place) -> None:
    work, mine = place.folder / "w", place.folder / "mine"
    mine.write_text("precious")
    (work / "build/container").mkdir(parents=True)
    (work / ".rocmkit-build").touch()
    (work / "build/container/build.log").symlink_to(mine)
    script(place.folder / "bin", "docker", "echo 28.0\n")
    words = (place.recipe("toy", note("first")), "--work", str(work), "--container=rocm/image", "--rocm-version", "6.3")
    ran = place.build(*words, env={"PATH": f"{place.folder}/bin:{os.environ['PATH']}"})
    assert ran.code == 2 and "leads out of the work folder" in ran.err, ran.err
    assert mine.read_text() == "precious"


def test_pipes_in_the_place_of_files_hold_nothing_up(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "steps").mkdir(parents=True, mode=0o700)
    (work / ".rocmkit-build").touch()
    for name in ("state.json", "plan.json", "build.sh", "steps/01-a.sh"):
        os.mkfifo(work / name)
    ended = Away(plan(work, [shell("a", "true", cwd=work)])).ended(timeout_s=20)[0]
    assert ended["outcome"] == "done" and "it is no file" in ended["notes"][0]


# Steps that a recipe writes


def test_git_in_a_step_is_looked_at_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, theirs = tmp_path / "work", tmp_path / "sub/.git/index.lock"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    monkeypatch.chdir(tmp_path)
    ran = execute(plan(work, [step("a", "git", "-C", "sub", "status", cwd=work)]))
    assert ran.outcome == "failed" and theirs.exists(), "the lock of a repository of the user's"
    assert execute(plan(work, [step("a", "git", "-C", cwd=work)])).outcome == "failed"


# Sources that are given


def test_to_look_at_a_clone_runs_nothing_of_it(place: Place) -> None:
    clone, began = place.folder / "clone", place.folder / "began"
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    for name, value in {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": str(clone),
        "remote.origin.uploadpack": f"touch {began}; false",
        "protocol.allow": "always",
        "protocol.file.allow": "always",
    }.items():
        subprocess.run(["git", "-C", str(clone), "config", name, value], check=True)
    ran = place.build(fetching(place), "--source", str(clone), "--dry-run", "--json")
    assert ran.code == 0, ran.err
    assert valid(ran)["pins"][0]["unpinned"].startswith("taken from a folder as it is: it is no clone that holds ")
    assert not began.exists()


def test_a_folder_in_the_work_folder_is_no_source(place: Place) -> None:
    work = place.folder / "w"
    mine = work / "src/source/mine"
    mine.parent.mkdir(parents=True)
    (work / ".rocmkit-build").touch()
    mine.write_text("precious")
    for folder, at in ((mine.parent, work), (place.folder, work)):
        ran = place.build(fetching(place), "--source", str(folder), "--work", str(at))
        assert ran.code == 2 and "around the work folder" in ran.err, ran.err
    assert mine.read_text() == "precious"


def test_what_git_prints_of_an_address_is_told_without_its_token(place: Place) -> None:
    ran = place.build(fetching(place), "--source", f"{ADDRESS}?token=quitesecret", "--work", str(place.folder / "w"), "--json")
    report = valid(ran)
    assert report["exit"] == 6
    assert "127.0.0.1" in report["because"] and "quitesecret" not in json.dumps([report["because"], report["failure"]])


# Who listens


def test_a_build_goes_on_when_nobody_listens_any_more(place: Place) -> None:
    work = place.folder / "w"
    process = place.start(place.recipe("toy", *(note(f"n{number}") for number in range(6))), "--work", str(work))
    assert process.stderr and process.stdout
    assert "builds toy" in process.stderr.readline()
    process.stderr.close()
    process.stdout.read()
    assert process.wait(60) == 1
    assert json.loads((work / "state.json").read_text())["outcome"] == "done"


# What follows the steps


def importing(place: Place, code: str) -> str:
    """A recipe whose wheel does that when it is imported."""
    info, tag = f"evil-{VERSION}.dist-info", f"cp3{sys.version_info[1]}-cp3{sys.version_info[1]}-linux_x86_64"
    wheel = place.folder / f"evil-{VERSION}-{tag}.whl"
    texts = {
        "evil.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: evil\nVersion: {VERSION}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**texts, f"{info}/RECORD": "".join(f"{name},,\n" for name in [*texts, f"{info}/RECORD"])}.items():
            archive.writestr(name, text)
    copies = {"name": "wheel", "stage": "wheel", "run": ["cp", str(wheel), "{dist}/"]}
    return place.recipe("evil", copies, package="evil", expect={"imports": ["evil"]})


def hanging(place: Place) -> tuple[str, Path]:
    """A recipe whose wheel does not come back from its import, and the file that this begins with."""
    began = place.folder / "began"
    return importing(place, f"import time; open({str(began)!r}, 'w').close(); time.sleep(600)"), began


def test_where_pip_is_told_to_install_does_not_matter(place: Place) -> None:
    settings = place.folder / "pip.conf"
    settings.write_text(f"[install]\ntarget = {place.folder}/elsewhere\n")
    for env in ({"PIP_TARGET": str(place.folder / "elsewhere")}, {"PIP_USER": "1"}, {"PIP_CONFIG_FILE": str(settings)}):
        report = valid(place.build(importing(place, "x = 1"), "--work", str(place.folder / "w"), "--json", env={**env}))
        proven = {one["name"]: one for one in report["proven"]}
        assert proven["import"]["outcome"] == "ok", proven["import"]
        assert not (place.folder / "elsewhere").exists()


def test_while_a_result_is_looked_at_no_other_build_changes_it(place: Place) -> None:
    (recipe, began), work = hanging(place), place.folder / "w"
    process = place.start(recipe, "--work", str(work))
    try:
        wait_for(began, process)
        other = place.build(recipe, "--work", str(work), "--fresh")
        assert other.code == 2 and f"process {process.pid}" in other.err
        assert list((work / "dist").iterdir())
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "what came of them was not looked at" in out
    assert not list(work.glob("proof-*"))


def test_what_a_killed_proof_has_left_is_taken_away(place: Place) -> None:
    (recipe, began), work = hanging(place), place.folder / "w"
    for last in (False, True):
        process = place.start(recipe, "--work", str(work))
        wait_for(began, process)
        assert len(list(work.glob("proof-*"))) == 1, "that of this run alone"
        process.send_signal(signal.SIGINT if last else signal.SIGKILL)
        process.communicate(timeout=30)
        began.unlink()
    assert not list(work.glob("proof-*"))


KILLED = """
import os, shutil, signal, sys
import msgspec
from rocmkit.build.deliver import deliver
from rocmkit.build.values import Plan, Proof
plan = msgspec.json.decode(open(sys.argv[1], "rb").read(), type=Plan)
shutil.copytree = lambda *words, **more: (os.mkdir(words[1]), os.kill(os.getpid(), signal.SIGKILL))
deliver(plan, Proof(wheel=None, sha256=None, artefacts=(plan.prefix,), gfx=(), needs=(), proven=()))
"""


def test_what_was_half_delivered_is_taken_away_by_the_next_run(tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    one = plan(work, [shell("a", "echo x > prefix/x", cwd=work)], out=str(out))
    execute(one)
    ran = subprocess.run([sys.executable, "-c", KILLED, str(work / "plan.json")], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert ran.returncode == -signal.SIGKILL and len(os.listdir(out)) == 1
    (out / ".of-somebody-else").touch()
    deliver(one, Proof(wheel=None, sha256=None, artefacts=(one.prefix,), gfx=(), needs=(), proven=()))
    assert sorted(os.listdir(out)) == [".of-somebody-else", "tiny-tiny"]


def test_a_folder_is_not_delivered_into_itself(tmp_path: Path) -> None:
    work = tmp_path / "work"
    one = plan(work, [shell("a", "echo x > prefix/x", cwd=work)], out=f"{work}/prefix/out")
    execute(one)
    with pytest.raises(OSError, match="copied into itself"):
        deliver(one, Proof(wheel=None, sha256=None, artefacts=(one.prefix,), gfx=(), needs=(), proven=()))
    assert (work / "prefix/x").exists()
