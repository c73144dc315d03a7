"""The Python probe against real interpreters, real environments and programs that misbehave."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rocmkit.facts import Gap, Python, TorchBuild
from rocmkit.gpucode import read_file
from rocmkit.host.base import ProcessDied
from rocmkit.host.live import LiveHost
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import dump, load
from rocmkit.host.replay import ReplayHost
from rocmkit.model import to_json
from rocmkit.probe.interpreter import OPTIONS, TIMEOUT_S
from rocmkit.probe.python import python

SHOW_PATH = "import json, sys, sysconfig; print(json.dumps([sys.version.split()[0], sys.path, sysconfig.get_paths()['stdlib']]))"


def interpreters() -> list[str]:
    """This interpreter and all others that PATH, and pyenv's folder where there is one, offer. One for each real file."""
    names = ["python3", *(f"python3.{minor}" for minor in range(8, 16))]
    found = [sys.executable, *filter(None, map(shutil.which, names)), "/usr/bin/python3"]
    found += map(str, sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python")))
    real: dict[str, str] = {}
    for path in found:
        try:
            answer = subprocess.run(
                [path, "-c", "import os, sys; print(os.path.realpath(sys.executable), sys.prefix)"],
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        real.setdefault(answer.stdout, path)
    return list(real.values())


@pytest.fixture(autouse=True)
def no_python_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """A virtual environment of this interpreter, without pip."""
    place = tmp_path / "env"
    venv.create(place, with_pip=False, symlinks=True)
    return place


def site(env: Path) -> Path:
    (found,) = env.glob("lib/python3*/site-packages")
    return found


def true_paths(executable: str) -> tuple[str, list[str]]:
    """What the interpreter itself says when it starts as usual: its version, and the folders of packages on its path."""
    run = subprocess.run([executable, "-c", SHOW_PATH], capture_output=True, text=True, check=True, cwd="/")
    version, path, library = json.loads(run.stdout)
    standard = (library, f"{library}/lib-dynload")
    return version, [p for p in path if p and p not in standard and os.path.isdir(p)]


def resolved(found: Python) -> list[str]:
    return [os.path.expanduser(path) for path in found.paths]


@pytest.mark.parametrize("executable", interpreters())
def test_the_paths_are_those_of_an_ordinary_start(executable: str) -> None:
    found = python(LiveHost(), executable)
    assert (found.version, resolved(found)) == true_paths(executable)
    assert found.bits == (64 if sys.maxsize > 2**32 else 32)
    assert found.soabi


@pytest.mark.parametrize("executable", interpreters())
@pytest.mark.parametrize("system", [True, False])
def test_and_so_in_a_virtual_environment_of_it(executable: str, system: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["relative", str(tmp_path), "/missing"]))
    options = ["--without-pip", *(["--system-site-packages"] if system else [])]
    made = subprocess.run(
        [executable, "-m", "venv", *options, str(tmp_path / "env")], capture_output=True, text=True, timeout=60, check=False
    )
    if made.returncode:
        pytest.skip(f"{executable} cannot make one: {made.stderr[-200:]}")
    own = site(tmp_path / "env")
    (tmp_path / "added").mkdir()
    (own / "added.pth").write_text(f"{tmp_path}/added\n# comment\n/missing\nimport sys\n")
    for choice in (tmp_path / "env", tmp_path / "env/bin/python"):
        found = python(LiveHost(), str(choice))
        # Python puts what a .pth file adds right after its folder, here it comes last.
        assert sorted(resolved(found)) == sorted(true_paths(str(tmp_path / "env/bin/python"))[1])
        assert resolved(found)[:2] == [str(tmp_path), str(own)]
        assert (found.kind, found.externally_managed, found.prefix) == ("venv", False, str(tmp_path / "env"))


def test_the_user_site_is_found_where_python_would_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = os.path.realpath(sys.executable)
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path))
    user = tmp_path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (user / "whisper-1.0.dist-info").mkdir(parents=True)
    assert resolved(python(LiveHost(), base)) == true_paths(base)[1]
    assert python(LiveHost(), base).packages["whisper"] == "1.0"
    monkeypatch.setenv("PYTHONNOUSERSITE", "1")
    assert str(user) not in resolved(python(LiveHost(), base))


def test_nothing_of_the_environment_runs(env: Path, tmp_path: Path) -> None:
    """sitecustomize, a .pth file and torch itself would all kill the interpreter, and leave a file behind."""
    trace = tmp_path / "ran"
    murder = f"import os, pathlib; pathlib.Path({str(trace)!r}).touch(); os.kill(os.getpid(), 9)\n"
    own = site(env)
    for name in ("sitecustomize.py", "usercustomize.py", "json.py", "site.py"):
        (own / name).write_text(murder)
    (own / "evil.pth").write_text(murder.replace("\n", ""))
    torch = own / "torch"
    (torch / "lib").mkdir(parents=True)
    (torch / "__init__.py").write_text(murder)
    (torch / "version.py").write_text(f"{murder}__version__ = '2.9.1+rocm6.3'\ncuda = None\nhip: Optional[str] = '6.3.42134-a9a80e791'\n")
    (own / "torch-2.9.1+rocm6.3.dist-info").mkdir()
    shutil.copy(sys.executable, torch / "lib/libtorch_hip.so")
    (torch / "lib/libc10_hip.so").write_text("not a library")
    found = python(LiveHost(), str(env))
    assert not trace.exists()
    assert found.packages == {"torch": "2.9.1+rocm6.3"}
    assert found.torch == TorchBuild(version="2.9.1+rocm6.3", hip="6.3.42134-a9a80e791", cuda=None)
    broken, hip = found.libraries
    assert isinstance(broken.code, Gap)
    assert (broken.code.reason, broken.gpu_api) == ("unparsable", "unknown")
    expected = read_file(sys.executable)
    assert hip.code == replace(expected, rpath=tuple(map(LiveHost().private.hide, expected.rpath)))


def test_broken_metadata(env: Path) -> None:
    own = site(env)
    for name in ("~orch", "~orch-2.9.1.dist-info", "empty.dist-info", "numpy-2.2.6.dist-info", "numpy-2.3.0.dist-info"):
        (own / name).mkdir()
    (own / "rubbish.dist-info").mkdir()
    (own / "rubbish.dist-info/METADATA").write_bytes(os.urandom(5000))
    (own / "loop.dist-info").symlink_to("loop.dist-info")
    os.mkfifo(own / "fifo.egg-info")
    found = python(LiveHost(), str(env))
    assert found.packages == {"numpy": "2.3.0"}
    assert found.duplicates == {"numpy": ("2.2.6", "2.3.0")}
    assert [Path(path).name for path in found.broken] == [
        "empty.dist-info",
        "fifo.egg-info",
        "loop.dist-info",
        "rubbish.dist-info",
        "~orch",
        "~orch-2.9.1.dist-info",
    ]
    to_json(found)


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("sleep 60", TimeoutError, "gave no answer within 3 s"),
        ("trap '' TERM; while :; do :; done", TimeoutError, "gave no answer"),
        ("exec yes rubbish", ValueError, "printed without end"),
        ("head -c 3000000 /dev/urandom", ValueError, "gave no answer"),
        ("exit 1", ValueError, "exit code 1"),
        ("echo 'ModuleNotFoundError: No module named secret' >&2; exit 1", ValueError, "(ModuleNotFoundError)"),
        ("echo '<rocmkit-python>{}</rocmkit-python>'", ValueError, "gave no answer"),
        ("cat", ValueError, "gave no answer"),
        ("kill -SEGV $$", ProcessDied, "SIGSEGV"),
        ("kill -KILL $$", ProcessDied, "SIGKILL"),
    ],
)
def test_an_interpreter_that_misbehaves(text: str, error: type[Exception], words: str, tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(error) as caught:
        python(LiveHost(), script(tmp_path / "python", text))
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert time.monotonic() - begin < TIMEOUT_S + 3


def test_noise_around_the_answer_does_not_matter(env: Path, tmp_path: Path) -> None:
    noisy = script(tmp_path / "noisy", f'head -c 100000 /dev/urandom; {env}/bin/python "$@"; echo bye; echo oops >&2; exit 3')
    assert python(LiveHost(), noisy).prefix == str(env)


def test_an_interpreter_that_is_gone(env: Path, tmp_path: Path) -> None:
    for link in (env / "bin").glob("python*"):
        link.unlink()
    (env / "bin/python").symlink_to(tmp_path / "python3.99")
    for choice in (env, env / "bin/python"):
        with pytest.raises(FileNotFoundError, match=r"bin/python is a link to .*/python3\.99, which is not there"):
            python(LiveHost(), str(choice))
    # The folder of packages can still be read, and says that 2.9.1 would be there.
    (site(env) / "torch-2.9.1.dist-info").mkdir()
    found = python(LiveHost(), str(site(env)))
    assert found.packages == {"torch": "2.9.1"}
    assert found.version == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("choice", ["missing", "folder", "text"])
def test_what_is_no_interpreter(choice: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o644)
    with pytest.raises(OSError, match=choice) as caught:
        python(LiveHost(), str(tmp_path / choice))
    assert isinstance(caught.value, PermissionError if choice == "text" else FileNotFoundError)


def test_packages_that_may_not_be_read(env: Path, tmp_path: Path) -> None:
    """Not an empty environment: an error. But a folder that others add is only named."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (site(env) / "closed.pth").write_text(str(closed))
    assert as_nobody(tmp_path, closed, site(env)).endswith(f"{closed}: Permission denied")
    assert as_nobody(tmp_path, site(env), site(env)).startswith("PermissionError")


def as_nobody(root: Path, closed: Path, choice: Path) -> str:
    """What the probe says of `choice` to a user who may not read `closed`. In a child, because root may read everything."""
    for folder in (root, *root.parents):
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o005:
            folder.chmod(0o755)
    closed.chmod(0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            try:
                said = "|".join(python(LiveHost(), str(choice)).broken)
            except OSError as error:
                said = f"{type(error).__name__}: {error}"
            os.write(writing, said.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    closed.chmod(0o755)
    return said


def test_a_recording_gives_the_same_facts_and_names_no_user(env: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own = site(env)
    (tmp_path / "src").mkdir()
    (own / "mine.pth").write_text(f"{tmp_path}/src\n")
    (own / "torch/lib").mkdir(parents=True)
    (own / "torch/version.py").write_text("__version__ = '2.9.1'\nsecret = 1\n")
    shutil.copy(sys.executable, own / "torch/lib/libtorch_cpu.so")
    (own / "torch/lib/rocblas/library").mkdir(parents=True)
    (own / "torch/lib/rocblas/library/TensileLibrary_lazy_gfx906.dat").touch()
    (own / "private_project").mkdir()
    for choice, variables in (
        (str(env / "bin/python"), {}),
        (str(own), {}),
        (None, {"VIRTUAL_ENV": str(env)}),
        (None, {"PATH": "/nowhere"}),
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        host = RecordingHost(LiveHost())
        host.identity()  # another probe asks: a recording without it is one of a folder, where nothing runs
        live = python(host, choice)
        text = dump(host.recording("test"))
        for name in variables:
            monkeypatch.undo() if name == "PATH" else monkeypatch.delenv(name)
        assert python(ReplayHost(load(text, source="test")), None) == live
        if live.prefix.startswith("~"):
            assert live.paths[:2] == (f"~/env/lib/{own.parent.name}/site-packages", "~/src")
            assert [item.kernels.targets for item in live.kernels if not isinstance(item.kernels, Gap)] == [{"gfx906": 1}]
            for word in (str(tmp_path), "secret", "private_project"):
                assert word not in text


def test_the_script_runs_as_it_is_sent(env: Path) -> None:
    """One line of JSON between the marks, nothing on stderr, whatever the locale."""
    text = Path(sys.modules["rocmkit.probe.interpreter"].__file__ or "").with_name("ask_python.py").read_bytes()
    run = subprocess.run([env / "bin/python", *OPTIONS], input=text, capture_output=True, check=True, env={"LC_ALL": "C"}, cwd="/")
    assert run.stderr == b""
    answer: dict[str, Any] = json.loads(run.stdout.strip().removeprefix(b"<rocmkit-python>").removesuffix(b"</rocmkit-python>"))
    assert answer["venv"] is True
