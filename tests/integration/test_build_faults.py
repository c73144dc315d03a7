"""What can go wrong while a plan is carried out, with real processes: nothing is left running, and the next run goes on rightly."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rocmkit.build.execute import execute
from rocmkit.build.values import Plan, PlanStep, Ran
from rocmkit.errors import UsageError
from tests.support.tinyplans import Away, alive, file, gone, plan, shell, step


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def statuses(ran: Ran) -> list[str]:
    return [one.status for one in ran.steps]


def failure(ran: Ran) -> Any:
    assert ran.outcome == "failed" and ran.failure
    return ran.failure


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


# What is done, and what is done again


def counting(work: Path, *names: str, group: dict[str, str] | None = None) -> list[PlanStep]:
    return [shell(name, f"echo {name} >> {work}/prefix/ran", cwd=work / "build", group=(group or {}).get(name, "")) for name in names]


def ran_steps(work: Path) -> list[str]:
    return (work / "prefix/ran").read_text().split()


def test_what_is_done_is_kept(work: Path) -> None:
    steps = counting(work, "a", "b", "c")
    assert statuses(execute(plan(work, steps))) == ["done"] * 3
    again = execute(plan(work, steps))
    assert again.outcome == "done" and statuses(again) == ["kept"] * 3
    assert again.steps[0].log == str(work / "logs/01-a.log") and again.steps[0].seconds > 0
    assert ran_steps(work) == ["a", "b", "c"]


def test_a_changed_step_is_done_again_with_all_after_it_and_so_when_it_is_changed_back(work: Path) -> None:
    steps = counting(work, "a", "b", "c")
    execute(plan(work, steps))
    changed = [steps[0], shell("b", f"echo B >> {work}/prefix/ran", cwd=work / "build"), steps[2]]
    assert statuses(execute(plan(work, changed))) == ["kept", "done", "done"]
    assert statuses(execute(plan(work, steps))) == ["kept", "done", "done"]
    assert ran_steps(work) == ["a", "b", "c", "B", "c", "b", "c"]


def test_a_group_is_done_from_its_first_step(work: Path) -> None:
    group = {"b": "g", "c": "g"}
    failing = [*counting(work, "a", "b", group=group), shell("c", f"test -e {work}/prefix/may", cwd=work, group="g")]
    assert statuses(execute(plan(work, failing))) == ["done", "done", "failed"]
    (work / "prefix/may").touch()
    assert statuses(execute(plan(work, failing))) == ["kept", "done", "done"]
    assert ran_steps(work) == ["a", "b", "b"]


def test_fresh_begins_with_nothing_and_touches_nothing_of_others(work: Path) -> None:
    execute(plan(work, counting(work, "a")))
    (work / "notes.txt").write_text("mine")
    (work / "build/left").mkdir()
    (work / "build/left").chmod(0)
    assert statuses(execute(plan(work, counting(work, "a")), fresh=True)) == ["done"]
    assert ran_steps(work) == ["a"] and not (work / "build/left").exists() and (work / "notes.txt").read_text() == "mine"


def test_a_folder_of_somebody_else_is_refused(work: Path) -> None:
    work.mkdir()
    (work / "thesis.tex").write_text("years of work")
    (work / "state.json").write_text("{}")
    for fresh in (False, True):
        with pytest.raises(UsageError, match=r"not of a build \(state.json, thesis.tex"):
            execute(plan(work, counting(work, "a")), fresh=fresh)
    assert sorted(os.listdir(work)) == ["state.json", "thesis.tex"]


@pytest.mark.parametrize("damage", ['{"schema": "rocmkit.build-state/9"}', '{"schema"', "", "[[" * 100_000, '{"done": 3}', "\0\0"])
def test_a_state_that_cannot_be_read_begins_again_and_says_so(work: Path, damage: str) -> None:
    steps = counting(work, "a", "b")
    execute(plan(work, steps))
    (work / "state.json").write_text(damage)
    ran = execute(plan(work, steps))
    assert statuses(ran) == ["done", "done"]
    assert len(ran.notes) == 1 and "begins again" in ran.notes[0]
    assert statuses(execute(plan(work, steps))) == ["kept", "kept"]


def test_what_was_taken_away_is_made_again(work: Path) -> None:
    steps = [
        shell("a", "true", cwd=work / "build"),
        shell("b", f"echo b >> {work}/prefix/ran; touch {work}/dist/tiny-1-py3-none-any.whl", cwd=work / "build/inner", stage="wheel"),
    ]
    one = plan(work, steps, wheel="tiny-1-py3-none-any.whl")
    execute(one)
    assert statuses(execute(one)) == ["kept", "kept"]
    (work / "dist/tiny-1-py3-none-any.whl").unlink()
    assert statuses(execute(one)) == ["kept", "done"]
    shutil.rmtree(work / "build/inner")
    assert statuses(execute(one)) == ["kept", "done"]
    assert ran_steps(work) == ["b"] * 3


def test_a_wheel_of_another_version_does_not_stay(work: Path) -> None:
    def making(name: str) -> Plan:
        return plan(work, [shell("wheel", f"touch {work}/dist/{name}.whl", cwd=work, stage="wheel")], wheel=f"{name}.whl")

    execute(making("tiny-1"))
    execute(making("tiny-2"))
    assert os.listdir(work / "dist") == ["tiny-2.whl"]


def test_a_small_file_that_has_not_changed_keeps_its_time(work: Path) -> None:
    steps = [shell("a", f"cat {work}/files/x.h", cwd=work)]
    execute(plan(work, steps, [file(work / "files/x.h", "int x;\n")]))
    os.utime(work / "files/x.h", (1, 1))
    execute(plan(work, steps, [file(work / "files/x.h", "int x;\n")]))
    assert (work / "files/x.h").stat().st_mtime == 1
    ran = execute(plan(work, steps, [file(work / "files/x.h", "int y;\n")]))
    assert statuses(ran) == ["done"] and (work / "logs/01-a.log").read_text() == "int y;\n"


def test_the_script_of_a_step_does_the_same(work: Path) -> None:
    one = plan(work, [shell("a", f"echo $LC_ALL $PWD $X >> {work}/prefix/ran", cwd=work / "build", env={"X": "it's"})])
    ran = execute(one)
    assert ran.steps[0].script
    subprocess.run([ran.steps[0].script], check=True)
    subprocess.run([work / "build.sh"], check=True, stdout=subprocess.DEVNULL)
    assert (work / "prefix/ran").read_text() == f"C.UTF-8 {work}/build it's\n" * 3
    assert json.loads((work / "plan.json").read_text())["recipe"] == "tiny"


def test_what_changes_builds_without_a_word_is_not_seen(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "CFLAGS",
        "CC",
        "LD_PRELOAD_X",
        "HIP_PATH",
        "CMAKE_GENERATOR",
        "GIT_DIR",
        "PYTHONPATH",
        "LANG",
        "MAKEFLAGS",
        "https_proxy",
    ):
        monkeypatch.setenv(name, "odd")
    execute(plan(work, [step("env", "env", cwd=work, env={"ROCM_PATH": "/opt/rocm-6.3.4"})]))
    seen = dict(line.split("=", 1) for line in (work / "logs/01-env.log").read_text().splitlines())
    assert seen.keys().isdisjoint({"CFLAGS", "CC", "HIP_PATH", "CMAKE_GENERATOR", "GIT_DIR", "PYTHONPATH", "LANG", "MAKEFLAGS"})
    assert seen["https_proxy"] == seen["LD_PRELOAD_X"] == "odd" and seen["ROCM_PATH"] == "/opt/rocm-6.3.4" and seen["LC_ALL"] == "C.UTF-8"
    assert seen["PATH"].startswith("/opt/rocm-6.3.4/llvm/bin:/opt/rocm-6.3.4/bin:")


# Sources


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *who, "-C", folder, *words], check=True, capture_output=True, text=True).stdout.strip()


def repository(folder: Path, files: dict[str, str]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")
    return git(folder, "rev-parse", "HEAD")


def fetched(work: Path, name: str, url: Path, commit: str, *, group: str = "source") -> tuple[list[PlanStep], list[PlanStep]]:
    folder, slug = work / "src" / name, name.replace("/", "-")

    def one(what: str, *words: str, **changed: Any) -> PlanStep:
        return step(f"{what}-{slug}", "git", "-C", str(folder), *words, cwd=folder, stage="fetch", **changed)

    fetch = [one("init", "init", "-q", str(folder)), one("fetch", "fetch", "--depth", "1", str(url), commit, pinned=commit)]
    fresh = [
        one("checkout", "checkout", "--force", "--detach", commit, group=group, pinned=commit),
        one("clean", "clean", "-ffdqx", group=group),
    ]
    return fetch, fresh


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, str, Path, str]:
    """A repository with a submodule: both places, both commits."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    deep = repository(inner, {"inner.h": "int inner(void);\n"})
    repository(outer, {"main.c": "int main(void) { return 1; }\n"})
    git(outer, "submodule", "add", "-q", str(inner), "third_party/inner")
    return outer, repository(outer, {"note": "x"}), inner, deep


PATCH = "--- a/main.c\n+++ b/main.c\n@@ -1 +1 @@\n-int main(void) { return 1; }\n+int main(void) { return 0; }\n"


def build_plan(work: Path, sources: tuple[Path, str, Path, str], patch: str = PATCH, *, slow: bool = False) -> Plan:
    """Fetch, check out, patch, compile, make a wheel."""
    outer, commit, inner, deep = sources
    one, two = fetched(work, "outer", outer, commit), fetched(work, "outer/third_party/inner", inner, deep)
    fix = file(work / "files/fix.patch", patch)
    apply = ("git", "-C", f"{work}/src/outer", "apply", "-p1", "--whitespace=nowarn", fix.path)
    wait = "sleep 0.15; " if slow else ""
    ninja = "rule cc\n  command = sleep 0.05 && gcc -c $in -o $out\nbuild a.o: cc ../src/outer/main.c\nbuild b.o: cc ../src/outer/main.c\n"
    steps = [
        *one[0], *two[0], *one[1], *two[1],
        step("patch", *apply, cwd=work / "src/outer", stage="patch", group="source", pinned=fix.sha256),
        shell("configure", f"{wait}cp {work}/files/build.ninja .", cwd=work / "build", stage="configure"),
        step("build", "ninja", "-j1", cwd=work / "build", progress=True),
        shell("link", f"{wait}gcc a.o -o {work}/prefix/program; {wait}{work}/prefix/program", cwd=work / "build"),
        shell("wheel", f"{wait}echo wheel > {work}/dist/tiny.whl", cwd=work / "build", stage="wheel"),
    ]  # fmt: skip
    return plan(work, steps, [fix, file(work / "files/build.ninja", ninja)], wheel="tiny.whl")


def test_sources_with_a_submodule_and_a_patch(work: Path, sources: tuple[Path, str, Path, str]) -> None:
    assert execute(build_plan(work, sources)).outcome == "done"
    assert "return 0" in (work / "src/outer/main.c").read_text() and (work / "src/outer/third_party/inner/inner.h").exists()
    # Another patch begins with a clean tree, and takes nothing anew from the network.
    ran = execute(build_plan(work, sources, PATCH.replace("return 0", "return 2 - 2")))
    assert ran.outcome == "done" and "return 2 - 2" in (work / "src/outer/main.c").read_text()
    assert [one.status for one in ran.steps if one.name.startswith(("init", "fetch"))] == ["kept"] * 4


def test_a_patch_that_no_longer_applies(work: Path, sources: tuple[Path, str, Path, str]) -> None:
    why = failure(execute(build_plan(work, sources, PATCH.replace("return 1", "return 3"))))
    assert why.step == "patch" and why.error == "error: patch failed: main.c:1" and not why.integrity
    assert "error: main.c: patch does not apply" in why.lines and why.code == "RK640" and "main.c" in why.cause


def test_a_commit_that_is_not_there(work: Path, sources: tuple[Path, str, Path, str]) -> None:
    outer, commit, inner, _ = sources
    why = failure(execute(build_plan(work, (outer, commit, inner, "1" * 40))))
    assert why.step == "fetch-outer-third_party-inner" and why.integrity and "not our ref" in why.error
    assert why.code == "RK641"


def test_a_submodule_at_another_commit_than_the_source_names(work: Path, sources: tuple[Path, str, Path, str]) -> None:
    outer, commit, inner, deep = sources
    other = repository(inner, {"inner.h": "int changed(void);\n"})
    why = failure(execute(build_plan(work, (outer, commit, inner, other))))
    assert why.step == "checkout-outer-third_party-inner" and why.integrity
    assert other in why.error and deep in why.error


def test_a_source_that_somebody_moved_to_another_commit_is_checked_out_again(work: Path, sources: tuple[Path, str, Path, str]) -> None:
    one = build_plan(work, sources)
    execute(one)
    repository(work / "src/outer", {"main.c": "int main(void) { return 7; }\n"})
    ran = execute(one)
    assert ran.outcome == "done" and ran.steps[4].name == "checkout-outer" and ran.steps[4].status == "done"
    assert "return 0" in (work / "src/outer/main.c").read_text()


def test_a_damaged_source_never_has_the_repository_around_it_changed(tmp_path: Path, sources: tuple[Path, str, Path, str]) -> None:
    mine = tmp_path / "mine"
    git(tmp_path, "clone", "-q", str(sources[0]), "mine")
    (mine / "main.c").write_text("unsaved work\n")
    work = mine / "work"
    one = build_plan(work, sources)
    execute(one)
    shutil.rmtree(work / "src/outer/.git")
    assert failure(execute(plan(work, one.steps[4:6]))).integrity
    assert (mine / "main.c").read_text() == "unsaved work\n"


def test_locks_that_a_killed_git_left_do_not_matter(work: Path, sources: tuple[Path, str, Path, str]) -> None:
    one = build_plan(work, sources)
    execute(one)
    for name in ("index.lock", "shallow.lock", "HEAD.lock"):
        (work / "src/outer/.git" / name).touch()
    assert execute(build_plan(work, sources, PATCH.replace("return 0", "return 1 - 1"))).outcome == "done"


def archive(path: Path, **members: bytes) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(f"top/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def archived(work: Path, url: str, pinned: str) -> Plan:
    downloads, folder = work / "downloads", work / "src/a"
    sums = file(work / "files/a.sha256", f"{pinned}  a.tar.gz\n")
    unpack = ("tar", "-xf", f"{downloads}/a.tar.gz", "-C", str(folder), "--strip-components=1")
    return plan(work, [
        step("fetch", "curl", "-fL", "-o", f"{downloads}/a.tar.gz", url, cwd=downloads, stage="fetch", act="download", pinned=pinned),
        step("verify", "sha256sum", "--check", "--strict", sums.path, cwd=downloads, stage="fetch", pinned=pinned),
        step("unpack", *unpack, cwd=folder, stage="fetch", act="unpack"),
    ], [sums])  # fmt: skip


def test_an_archive_is_fetched_compared_and_unpacked(work: Path, tmp_path: Path) -> None:
    digest = archive(tmp_path / "a.tar.gz", one=b"1")
    one = archived(work, (tmp_path / "a.tar.gz").as_uri(), digest)
    assert execute(one).outcome == "done" and (work / "src/a/one").read_bytes() == b"1"
    (work / "downloads/a.tar.gz").unlink()  # it is fetched again
    assert statuses(execute(one)) == ["done"] * 3


def test_a_wrong_checksum_says_what_was_expected_and_what_came(work: Path, tmp_path: Path) -> None:
    digest = archive(tmp_path / "a.tar.gz", one=b"1")
    why = failure(execute(archived(work, (tmp_path / "a.tar.gz").as_uri(), "0" * 64)))
    assert why.integrity and why.step == "fetch" and f"expected SHA-256 {'0' * 64}, got {digest}" in why.error
    assert list((work / "downloads").iterdir()) == []
    one = plan(work, archived(work, "", "0" * 64).steps[1:], archived(work, "", "0" * 64).files)
    shutil.copy(tmp_path / "a.tar.gz", work / "downloads")
    why = failure(execute(one))
    assert why.integrity and why.step == "verify" and f"expected SHA-256 {'0' * 64}, got {digest}" in why.error


@pytest.mark.parametrize("hostile", ["../../../../evil", "/evil"])
def test_an_archive_that_leaves_its_folder_is_refused(work: Path, tmp_path: Path, hostile: str) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("top/fine"))
        tar.addfile(tarfile.TarInfo(hostile))
    digest = hashlib.sha256((tmp_path / "a.tar.gz").read_bytes()).hexdigest()
    why = failure(execute(archived(work, (tmp_path / "a.tar.gz").as_uri(), digest)))
    assert why.step == "unpack" and f"{hostile!r} leads out" in why.error and why.integrity
    assert "leads out" in (work / "logs/03-unpack.log").read_text()


@pytest.mark.parametrize("place", ["src", "src/outer", "files", "logs", "dist", "build"])
def test_a_planted_link_that_leads_out_is_refused(work: Path, tmp_path: Path, sources: tuple[Path, str, Path, str], place: str) -> None:
    execute(plan(work, counting(work, "a")))
    target = tmp_path / "home"
    target.mkdir()
    (target / "letter").write_text("dear")
    shutil.rmtree(work / place, ignore_errors=True)
    (work / place).parent.mkdir(exist_ok=True)
    (work / place).symlink_to(target)
    with pytest.raises(UsageError, match="leads out of the work folder"):
        execute(build_plan(work, sources))
    assert os.listdir(target) == ["letter"]


def test_a_link_that_a_step_makes_leads_no_later_step_out(work: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    steps = [shell("link", f"ln -s {tmp_path}/home {work}/build", cwd=work), shell("write", "touch x", cwd=work / "build/in")]
    with pytest.raises(UsageError, match="leads out of the work folder"):
        execute(plan(work, steps))
    assert os.listdir(tmp_path / "home") == []


# Failing programs


def test_a_compiler_error_is_found_behind_warnings_and_before_what_comes_of_it(work: Path) -> None:
    files = [
        file(work / "files/ok.c", '#warning "error: this is none"\nint f(int error) { int unused; return 0; }\n'),
        file(work / "files/bad.c", '#include "bad.h"\nint g(void) { return h; }\n'),
        file(work / "files/bad.h", "struct s { undefined_type member; };\n"),
        file(work / "files/build.ninja", "rule cc\n  command = gcc -Wall -c $in -o $out\nbuild a.o: cc ok.c\nbuild b.o: cc bad.c\n"),
    ]
    why = failure(execute(plan(work, [step("build", "ninja", "-j1", "-k0", "-C", f"{work}/files", cwd=work)], files)))
    assert why.error == "bad.h:1:12: error: unknown type name ‘undefined_type’"
    assert why.lines[0].startswith("In file included from bad.c:1") and (why.exit, why.signal) == (1, None)


def test_a_program_that_is_not_there(work: Path) -> None:
    why = failure(execute(plan(work, [step("configure", "cmake-of-nobody", "-S", ".", cwd=work)])))
    assert why.error == "cmake-of-nobody cannot be started: No such file or directory" and why.exit is None


def test_a_step_that_is_killed_for_want_of_memory(work: Path) -> None:
    why = failure(execute(plan(work, [shell("build", "echo compiling; kill -KILL $$", cwd=work)])))
    assert (why.exit, why.signal, why.code) == (None, "SIGKILL", "RK622")
    assert why.error == "bash was ended by SIGKILL" and "--jobs" in why.fix


def test_a_compiler_that_is_killed_for_want_of_memory(work: Path) -> None:
    ninja = file(work / "files/build.ninja", "rule cc\n  command = sh -c 'kill -KILL $$$$'; exit 137\nbuild a.o: cc\n")
    why = failure(execute(plan(work, [step("build", "ninja", "-C", f"{work}/files", cwd=work)], [ninja])))
    assert why.code == "RK622" and "Killed" in why.error


def test_a_log_of_any_bytes(work: Path) -> None:
    text = r"printf '\377\376 \x00\x1b[31mcaf\xe9\n/x.c:1:2: \x1b[1merror: \xffodd\x1b[0m\n'; exit 3"
    why = failure(execute(plan(work, [shell("build", text, cwd=work)])))
    assert why.error == "/x.c:1:2: error: \ufffdodd" and why.exit == 3


def test_a_gigabyte_of_output(work: Path) -> None:
    """All of it is in the log; little of it is in memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = "x" * 119
    text = f"echo 'a.c:1:1: error: the first'; yes {line} | head -c {1 << 30}; echo 'b.c:1:1: error: the last'; exit 1"
    why = failure(execute(plan(work, [shell("build", text, cwd=work)])))
    size = (work / "logs/01-build.log").stat().st_size
    (work / "logs/01-build.log").unlink()
    assert size > 1 << 30 and why.error == "a.c:1:1: error: the first"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10


def test_progress_is_told_from_the_counters_of_ninja(work: Path) -> None:
    builds = "".join(f"build {number}: wait\n" for number in range(20))
    ninja = file(work / "files/build.ninja", f"rule wait\n  command = sleep 0.1 && touch $out\n{builds}")
    told: list[Any] = []
    begin = time.monotonic()
    execute(plan(work, [step("build", "ninja", "-j1", "-C", f"{work}/files", cwd=work, progress=True)], [ninja]), tell=told.append)
    counts = [one.done for one in told if one.done is not None]
    assert counts == sorted(counts) and len(set(counts)) >= 3 and {one.total for one in told[2:]} == {20}
    assert len(told) <= 2 + (time.monotonic() - begin) / 0.4


# Interruptions


SLEEPER = "trap '' HUP; setsid sleep 1000 & (sleep 1000 &) ; touch {work}/prefix/begun; sleep 1000"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_step_leaves_nothing_and_is_done_the_next_time(work: Path, number: signal.Signals) -> None:
    steps = [*counting(work, "a"), shell("hang", f"test -e {work}/prefix/may || {{ {SLEEPER.format(work=work)}; }}", cwd=work)]
    away = Away(plan(work, steps))
    away.wait_for(work / "prefix/begun")
    assert len(alive(work)) >= 3
    away.send(number)
    ran, _ = away.ended()
    assert ran["outcome"] == "interrupted" and [one["status"] for one in ran["steps"]] == ["done", "interrupted"]
    assert alive(work) == []
    assert json.loads((work / "state.json").read_text())["outcome"] == "interrupted"
    (work / "prefix/may").touch()
    assert statuses(execute(plan(work, steps))) == ["kept", "done"]


def test_a_step_that_ignores_sigterm_is_killed(work: Path) -> None:
    away = Away(plan(work, [shell("hang", f"trap '' TERM; touch {work}/prefix/begun; while true; do sleep 1; done", cwd=work)]))
    away.wait_for(work / "prefix/begun")
    begin = time.monotonic()
    away.send(signal.SIGINT)
    assert away.ended()[0]["outcome"] == "interrupted"
    assert alive(work) == [] and time.monotonic() - begin < 8


def test_a_second_ctrl_c_gives_no_time(work: Path) -> None:
    away = Away(plan(work, [shell("hang", f"trap '' TERM; touch {work}/prefix/begun; while true; do sleep 1; done", cwd=work)]))
    away.wait_for(work / "prefix/begun")
    begin = time.monotonic()
    away.send(signal.SIGINT)
    time.sleep(0.3)
    away.send(signal.SIGINT)
    time.sleep(0.1)
    away.send(signal.SIGINT)
    away.ended()
    assert alive(work) == [] and time.monotonic() - begin < 2


def test_ninja_takes_away_what_it_was_making(work: Path) -> None:
    rule = f"rule cc\n  command = echo half > $out; touch {work}/prefix/begun; sleep 1000\nbuild a.o: cc\n"
    away = Away(plan(work, [step("build", "ninja", "-C", f"{work}/files", cwd=work)], [file(work / "files/build.ninja", rule)]))
    away.wait_for(work / "prefix/begun")
    away.killed()
    assert gone(work)
    assert not (work / "files/a.o").exists()


def test_what_a_step_leaves_in_the_background_ends_with_it(work: Path) -> None:
    ran = execute(plan(work, [shell("a", "(setsid sleep 1000 >/dev/null 2>&1 &); sleep 1000 & echo done", cwd=work)]))
    assert ran.outcome == "done" and alive(work) == []


def test_what_stands_between_is_killed(work: Path) -> None:
    away = Away(plan(work, [shell("hang", SLEEPER.format(work=work), cwd=work)]))
    away.wait_for(work / "prefix/begun")
    (supervisor,) = Path(f"/proc/{away.process.pid}/task/{away.process.pid}/children").read_text().split()
    os.kill(int(supervisor), signal.SIGKILL)
    ran, _ = away.ended()
    assert ran["failure"]["signal"] == "SIGKILL" and alive(work) == []


def test_killed_in_every_step_and_resumed(work: Path, sources: tuple[Path, str, Path, str], tmp_path: Path) -> None:
    """SIGKILL while each step runs; each time the next run goes on. In the end it is as if nothing had happened."""
    plain = tmp_path / "plain/work"
    execute(build_plan(plain, sources))
    one = build_plan(work, sources, slow=True)
    killed = []
    for number, what in enumerate(one.steps, start=1):
        away = Away(one)
        log = next(iter(work.glob(f"logs/{number:02}-*")), work / f"logs/{number:02}-{what.name}.log")
        log.unlink(missing_ok=True)
        end = time.monotonic() + 20
        while not log.exists() and away.process.poll() is None and time.monotonic() < end:
            time.sleep(0.0005)
        if away.process.poll() is None:
            killed.append(what.name)
        away.killed()
        assert gone(work), alive(work)
        assert json.loads((work / "state.json").read_text())["schema"] == "rocmkit.build-state/1"
    assert len(killed) >= len(one.steps) - 2, killed
    ran = execute(one)
    assert ran.outcome == "done", ran.failure
    for folder in ("prefix", "dist", "src"):
        assert tree(work / folder) == tree(plain / folder)


def test_killed_at_any_time_and_resumed(work: Path, sources: tuple[Path, str, Path, str]) -> None:
    one, rng = build_plan(work, sources), random.Random(906)
    for _ in range(12):
        away = Away(one, *(("fresh",) if rng.random() < 0.3 else ()))
        time.sleep(0.15 + rng.random() * 0.8)
        away.killed()
        assert gone(work)
    ran = execute(one)
    assert ran.outcome == "done", ran.failure
    assert (work / "dist/tiny.whl").read_text() == "wheel\n" and "return 0" in (work / "src/outer/main.c").read_text()


def test_two_builds_in_one_folder(work: Path) -> None:
    away = Away(plan(work, [shell("hang", f"touch {work}/prefix/begun; sleep 1000", cwd=work)]))
    away.wait_for(work / "prefix/begun")
    begin = time.monotonic()
    for fresh in (False, True):
        with pytest.raises(UsageError, match=rf"process {away.process.pid}, which builds since 20"):
            execute(plan(work, counting(work, "a")), fresh=fresh)
    assert time.monotonic() - begin < 2
    assert "holds the work folder" in Away(plan(work, counting(work, "a"))).refused()
    away.killed()
    assert statuses(execute(plan(work, counting(work, "a")))) == ["done"]  # waits for what the killed one leaves


# Room


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount; test_no_room_for_files stands for it")


@needs_root
def test_a_full_disk_and_then_room(small: Path) -> None:
    work = small / "work"
    fill = f"test -e {work}/prefix/may || dd if=/dev/zero of={work}/build/big bs=1M count=64"
    steps = [*counting(work, "a"), shell("fill", fill, cwd=work / "build"), *counting(work, "c")]
    why = failure(execute(plan(work, steps)))
    # Not even its complaint has room.
    assert why.step == "fill" and why.code == "RK623" and "the disk is full" in why.error and not why.integrity
    with pytest.raises(UsageError, match="No space left on device"):
        execute(plan(work, [*counting(work, "a"), shell("fill", fill + "#" * 9000, cwd=work / "build")]))
    (work / "build/big").unlink()
    (work / "prefix/may").touch()
    assert statuses(execute(plan(work, steps))) == ["kept", "done", "done"]


@needs_root
def test_a_disk_that_is_full_of_the_log(small: Path) -> None:
    work = small / "work"
    why = failure(execute(plan(work, [*counting(work, "a"), shell("talk", "yes | head -c 20000000", cwd=work)])))
    assert why.code == "RK623"
    (work / "logs/02-talk.log").unlink()
    assert statuses(execute(plan(work, counting(work, "a")))) == ["kept"]


@needs_root
def test_a_download_for_which_there_is_no_room(small: Path, tmp_path: Path) -> None:
    digest = archive(tmp_path / "a.tar.gz", big=random.Random(1).randbytes(8 << 20))
    why = failure(execute(archived(small / "work", (tmp_path / "a.tar.gz").as_uri(), digest)))
    assert "No space left on device" in why.error and why.code == "RK623" and not why.integrity


def test_no_room_for_files(work: Path) -> None:
    """A limit of the size of files, which needs no root."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    away = Away(
        plan(work, [*counting(work, "a"), shell("b", "trap '' XFSZ; head -c 2000000 /dev/zero > big", cwd=work / "build")]), before=limit
    )
    ran, _ = away.ended()
    assert ran["failure"]["step"] == "b" and "File too large" in ran["failure"]["error"] and ran["failure"]["code"] == "RK623"


@needs_root
def test_a_work_folder_that_cannot_be_written(small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    with pytest.raises(UsageError, match="Read-only file system"):
        execute(plan(small / "work", counting(small / "work", "a")))


@pytest.mark.parametrize("place", ["/proc/self/tiny", "/sys/kernel/tiny"])
def test_a_work_folder_that_nobody_can_make(place: str) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        execute(plan(Path(place), counting(Path(place), "a")))


def test_a_file_where_the_work_folder_should_be(work: Path) -> None:
    work.write_text("x")
    with pytest.raises(UsageError, match="cannot be used"):
        execute(plan(work, counting(work, "a")))


def test_the_overhead_of_a_step_is_small(work: Path) -> None:
    begin = time.monotonic()
    ran = execute(plan(work, [step(f"s{number}", "true", cwd=work) for number in range(10)]))
    assert ran.outcome == "done" and time.monotonic() - begin < 10
