"""Recordings that people send: nothing private is in them, nothing else is missing, and nobody comes to harm who judges one."""

# ruff: noqa: E501 - lines as programs and files have them
from __future__ import annotations

import contextlib
import difflib
import io
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit import entry
from rocmkit.cli import cli
from rocmkit.doctor.check import all_checks
from rocmkit.facts import Facts
from rocmkit.host.base import Host
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import dump, load
from rocmkit.host.replay import ReplayHost
from rocmkit.model import load_yaml, to_json
from rocmkit.probe import collect
from rocmkit.report import json, markdown, preview, text
from rocmkit.report.published import Report, publish
from tests.support.command import ROOT, rocmkit, script
from tests.support.planted import Secrets, plant

#: What stands for something private, and the harmless words of a machine without secrets.
STANDS = re.compile(r"<[a-z]+(-\d+)?>|\$USER|\$HOSTNAME|plain\d+")


class Looked:
    """One look at a machine: its facts, its recording, and all that is printed of both."""

    def __init__(self, host: Host, python: str | None) -> None:
        recorder = RecordingHost(host)
        self.facts: Facts = collect(recorder, python=python, deadline_s=30)
        self.kept = recorder.recording("test")
        self.recording = dump(self.kept)
        self.report: Report = publish(self.facts, all_checks(), source="test")

    def printed(self) -> Iterator[tuple[str, str]]:
        yield "recording", self.recording
        yield "json", json.render(self.report)
        yield "text", text.render(self.report, color=False, unicode=True)
        yield "markdown", markdown.render(self.report)
        yield "preview", preview.text(preview.preview(self.kept, source="test"))

    def again(self) -> Looked:
        return Looked(ReplayHost(load(self.recording, source="test")), None)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def look(secrets: Secrets) -> Looked:
        host, variables, python = plant(tmp_path / ("plain" if secrets.plain else "machine"), secrets)
        with monkeypatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in variables.items():
                patch.setenv(name, value)
            return Looked(host, python)

    return look


def test_none_of_ninety_secrets_of_ten_kinds_leaks_and_nothing_else_is_lost(planted: Any) -> None:
    secrets = Secrets()
    looked: Looked = planted(secrets)
    assert len(secrets.made) == 10
    assert all(len(values) >= 4 for values in secrets.made.values())
    assert len(set(secrets.all)) == len(secrets.all) >= 50
    again = looked.again()
    for where, printed in itertools.chain(looked.printed(), again.printed()):
        for kind, values in secrets.made.items():
            for value in values:
                assert value.lower() not in printed.lower(), (where, kind, value)
        assert "41943" not in printed, where  # the numbers of processes
    # The same findings live, from the recording, and from the recording of that.
    assert to_json(again.report.results) == to_json(looked.report.results)
    assert to_json(again.facts) == to_json(looked.facts)
    assert again.again().recording == again.recording

    plain: Looked = planted(Secrets(plain=True))
    ours, theirs = (without_disks(one) for one in (looked, plain))
    assert ours == theirs, "\n".join(difflib.unified_diff(ours, theirs, lineterm="", n=0))
    assert [(one.code, one.outcome) for one in looked.report.results] == [(one.code, one.outcome) for one in plain.report.results]


def without_disks(looked: Looked) -> list[str]:
    """The facts in lines, but for free room, which changes; what stands for something is one sign."""
    lines = STANDS.sub("*", to_json(looked.facts)).splitlines()
    return [line for line in lines if "free_bytes" not in line]


def test_what_the_planted_machine_still_tells(planted: Any) -> None:
    """That nothing leaks is easy where nothing is kept: here is what must be."""
    facts = planted(Secrets()).facts
    assert [gpu.gfx for gpu in facts.gpus] == ["gfx906"]
    assert facts.system.container == "kubernetes"
    assert facts.memory.cgroup_limit_bytes == 68719476736  # its path was asked with the names hidden
    assert facts.python.packages == {"mine": "1.0", "odd": "2.0+$USER"}
    assert facts.env["HSA_OVERRIDE_GFX_VERSION"] == "9.0.6"
    assert facts.system.kernel_parameters[0] == "amdgpu.noretry=0"
    lines = [line.text for line in facts.kernel_log.lines]
    assert "[   27.730294] kfd kfd: amdgpu: added device 1002:66a1" in lines
    assert any(
        line.endswith(
            "<program>[<pid>]: segfault at 34 ip 00007f1234567890 sp 00007ffd12345678 error 4 in libamdhip64.so.6[7f1234000000+1000]"
        )
        for line in lines
    )
    assert any("python3[<pid>]: segfault at 8" in line for line in lines)
    assert any("process <program> pid <pid> thread python3:cs0 pid <pid>" in line for line in lines)
    assert {tool.name: tool.version for tool in facts.tools if tool.path} == {"git": "2.39.2", "ffmpeg": "6.1.1", "rocminfo": None}


def test_a_live_run_hides_the_same_in_every_format(tmp_path: Path) -> None:
    """Through the command itself: another home, other variables, programs that tell too much."""
    secrets = Secrets()
    user, token, address, password = secrets("user"), secrets("token", "ghp_"), secrets("address"), secrets("password")
    home = tmp_path / user
    site = home / "venv/lib/python3.10/site-packages"
    site.mkdir(parents=True)
    (site / f"{user}.pth").write_text(f"/home/{secrets('home')}/x\n")
    (home / ".bashrc").write_text(f"export LD_LIBRARY_PATH=/data/{user}/{secrets('uuid')}:/home/{secrets('home')}/lib\n")
    folder = tmp_path / "bin"
    script(
        folder, "dmesg", f"echo '[ 1.0] amdgpu: GPU reset begin! {user} {address} {token} serial={secrets('serial')} {secrets('mac')}'\n"
    )
    script(folder, "rocminfo", f"echo 'failed for {user}: https://{password}@x' >&2; exit 1\n")
    env = {"HOME": str(home), "USER": user, "PATH": f"{folder}:/usr/bin:/bin", "HIP_A": f"{token} {address}", "HIP_TOKEN": password}
    shown = {"HF_HOME": f"/home/{secrets('home')}/hf", "NCCL_COMM_ID": f"{address}:1", "TMPDIR": str(tmp_path)}
    record = tmp_path / "machine.yaml"
    arguments = ("doctor", "--python", str(site))
    printed = [rocmkit(*arguments, "--format", form, env={**env, **shown}).out for form in ("text", "markdown", "json")]
    ran = rocmkit(*arguments, "--json", "--record", str(record), env={**env, **shown})
    previews = [rocmkit("doctor", "--preview", "--python", str(site), *json_, env={**env, **shown}).out for json_ in ((), ("--json",))]
    for text_ in (*printed, ran.out, ran.err, record.read_text(), *previews):
        assert text_
        for value in secrets.all:
            assert value not in text_
    assert "GPU reset begin! * * * serial=* *" in STANDS.sub("*", record.read_text())
    assert "variables  HF_HOME, HIP_A, HIP_TOKEN" in ran.err
    assert rocmkit("doctor", "--json", "--from", str(record)).json["results"] == ran.json["results"]


def test_preview_of_a_recording_obeys_its_schema_and_makes_no_checks() -> None:
    from tools.schema import schema

    machine = str(ROOT / "tests/machines/the-user.yaml")
    ran = rocmkit("doctor", "--from", machine, "--preview", "--json")
    jsonschema.validate(ran.json, schema(preview.Preview, title="preview"))
    assert ran.code == 0
    plain = rocmkit("doctor", "--from", machine, "--preview")
    assert (plain.code, plain.err) == (0, "")
    for row in (*ran.json["files"], *ran.json["folders"]):
        assert row["path"] in plain.out
    for arguments in (("--only", "RK101"), ("--strict",), ("--format", "markdown"), ("--from", machine)):
        assert rocmkit("doctor", "--from", machine, "--preview", *arguments).code == 2


def test_preview_writes_no_recording(tmp_path: Path) -> None:
    ran = rocmkit("doctor", "--preview", "--record", str(tmp_path / "m.yaml"))
    assert ran.code == 0
    assert ran.out.startswith("What a recording of this machine holds: ")
    assert list(tmp_path.iterdir()) == []


HEAD = "rocmkit_recording: 1\nabout: x\n"
NOISE = "\x1b]0;owned\x07\x1b[2J\u202ecod\u2066\u200b\u2028"
YAML_NOISE = r'"\e]0;owned\a\e[2J\u202ecod\u2066\u200b\u2028 ![x](http://e/x.png) <img src=x> | `a`"'


class Judged:
    """How a run in a process of its own ended, how long it kept a processor busy, and the most memory it held."""

    def __init__(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> None:
        command = [sys.executable, "-m", "rocmkit", "doctor", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        measured = [sys.executable, "-c", MEASURE, *command]
        process = subprocess.Popen(measured, env=environment, cwd=cwd, **pipe)  # type: ignore[call-overload]
        out, err = process.communicate(stdin, timeout=60)
        err, _, used = err.rpartition(b"\n\0")
        self.code, self.out, self.err = process.returncode, out.decode(), err.decode()
        self.seconds, self.megabytes = float(used.split()[0]), int(used.split()[1]) // 1024


MEASURE = """import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], check=False).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stderr.write(f"\\n\\0{used.ru_utime + used.ru_stime} {used.ru_maxrss}")
sys.exit(code)"""


HOSTILE: dict[str, str | bytes] = {
    "empty": b"",
    "truncated": (HEAD + 'files: {"/a": "b').encode(),
    "latin-1": HEAD.encode() + b"python: \xe9\n",
    "utf-16": (HEAD + "python: x\n").encode("utf-16"),
    "nul": HEAD.encode() + b"python: a\0b\n",
    "object": HEAD + "python: !!python/object/apply:os.getcwd []\n",
    "own tag": HEAD + "python: !x y\n",
    "laughs": HEAD + "a: &a [x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n" for i in range(20)),
    "merge": HEAD + "files:\n  <<: {/etc/os-release: ID=x}\n  /a: b\n",
    "merge of nothing": HEAD + "files:\n  <<: [1]\n",
    "twice": HEAD + "python: a\npython: b\n",
    "number": HEAD + "about2: " + "9" * 1_000_000 + "\n",
    "big": HEAD + "whole: true\nstats:\n  /dev/kfd: {kind: character, mode: '0660', uid: 100000000000000000000000, gid: 1}\n",
    "small": HEAD + "identity: {uid: -1, groups: [-5], promised: [], group_names: {a: 99999999999999999999}}\n",
    "code": HEAD
    + "whole: true\ngpu_code:\n  /usr/lib/libstdc++.so.6: {size_bytes: -1, gpu_api: hip, gfx: [], sm: [], soname: null, needs: [], rpath: [], "
    "rpath_kind: null, bundles: 18446744073709551616, compressed: 0, unreadable: [], glibc: null, glibcxx: null, glibcxx_provided: null, "
    "executable_stack: null}\n",
    "time": HEAD + "whole: true\nfiles: {/etc/os-release: 2020-01-01, /proc/cmdline: 2020-01-01 10:00:00}\n",
    "binary": HEAD + "whole: true\nfiles: {/etc/os-release: !!binary aGVsbG8=, /proc/cmdline: {base64: '%%%'}}\n",
    "set": HEAD + "whole: true\nfiles: {/etc/os-release: !!set {a, b}, /proc/cmdline: [.nan, .inf, -0.0]}\n",
    "keys": HEAD + "files: {1: a, true: b, null: c, 2020-01-01: d}\n",
    "half a letter": HEAD + r'python: "\ud800"' + "\n",
    "paths": HEAD
    + "whole: true\npython: '~root/../../etc'\nfiles: {'': a, '..': b, '../../etc/os-release': c, 'a': d, \"/a\\0b\": e, '//': f, '~': g, '~root/x': h}\n"
    "links: {'/opt': '../../../../..', '/opt/rocm': '/opt/rocm/../rocm', '': '', '/': '/'}\nfolders: {'/opt': ['..', '/', '', 'rocm/../..', 'rocm-\\n']}\n",
    "growing link": HEAD + "whole: true\nlinks: {/opt: /opt" + "/a" * 1900 + "}\npython: /opt/bin/python\n",
    "long link": HEAD + "whole: true\nlinks: {/opt: " + "/a" * 1_000_000 + "}\n",
    "deep": HEAD + "files: " + "{a: " * 100 + "}" * 100,
    "megabytes": HEAD + "whole: true\nfiles: {/proc/cmdline: '" + "amdgpu.a=1 " * 900_000 + "'}\n",
    "arguments": HEAD + "commands: [{argv: [" + "a," * 1_000_000 + "]}]\n",
    "unknown field": HEAD + f'"{"x" * 100_000}": 1\n',
    "escapes": HEAD
    + f"whole: true\npython: {YAML_NOISE}\nenviron: {{HIP_X: {YAML_NOISE}, ROCR_VISIBLE_DEVICES: {YAML_NOISE}, {YAML_NOISE}: a}}\n"
    f"files: {{/etc/os-release: {YAML_NOISE}, /proc/sys/kernel/osrelease: {YAML_NOISE}, /proc/cmdline: {YAML_NOISE}}}\n"
    f"which: {{dmesg: /d, rocminfo: /r}}\nidentity: {{uid: 0, groups: [], promised: [], group_names: {{}}}}\nmachine: {YAML_NOISE}\n"
    f"commands: [{{argv: [/r], exit: 1, stderr: {YAML_NOISE}}}, {{argv: [/d], exit: 0, stdout: {YAML_NOISE}}}]\n",
    "escaped field": HEAD + f"{YAML_NOISE}: 1\n",
    "dmesg of nothing but suspects": HEAD
    + "whole: true\nidentity: {uid: 0, groups: [], promised: [], group_names: {}}\nwhich: {dmesg: /d}\ncommands:\n- argv: [/d]\n  exit: 0\n  stdout: |\n"
    + "    amd\n" * 1_000_000,
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_recording_is_refused_or_judged_in_time_and_room(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    content = HOSTILE[name]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for arguments in ((), ("--format", "markdown"), ("--json",), ("--preview",)):
        ran = Judged("--from", str(path), *arguments)
        assert ran.code in {0, 1, 2, 3, 4}, ran.err
        assert "Traceback" not in ran.err
        assert len(ran.err) < 3000
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x9b\u200b\u2028\u202a-\u202e\u2066-\u2069]", ran.out + ran.err)
        assert ran.seconds < 3
        assert ran.megabytes < 300


def test_markdown_of_others_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(HOSTILE["escapes"])  # type: ignore[arg-type]
    out = Judged("--from", str(path), "--format", "markdown").out
    assert "<img" not in out
    assert "](http" not in out


def test_what_is_no_file_is_refused_and_standard_input_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        ran = Judged("--from", str(path))
        assert (ran.code, ran.out) == (2, "")
        assert "not a regular file" in ran.err
    machine = (ROOT / "tests/machines/no-access.yaml").read_bytes()
    for name in ("-", "/dev/stdin"):
        assert Judged("--from", name, stdin=machine).out.splitlines()[-1].startswith("BLOCKED: ")
    assert "larger than" in Judged("--from", "-", stdin=b"#" * (17 << 20)).err


def test_no_path_of_this_machine_is_read_for_a_recording(tmp_path: Path) -> None:
    """Every open, listing and start of a program is watched while a recording that points at this machine is judged."""
    canary = tmp_path / "canary"
    site = canary / "venv/lib/python3.10/site-packages"
    site.mkdir(parents=True)
    (site / "secret.pth").write_text("/x\n")
    recording = tmp_path / "m.yaml"
    for whole in ("true", "false"):
        recording.write_text(
            HEAD
            + f"whole: {whole}\npython: {canary}/venv\nwhich: {{dmesg: {canary}/dmesg}}\nlinks: {{/opt/rocm: {canary}, '=/opt/rocm': {canary}}}\n"
            f"environ: {{ROCM_PATH: {canary}, TMPDIR: {canary}, VIRTUAL_ENV: {canary}/venv}}\nidentity: {{uid: 0, groups: [], promised: [], group_names: {{}}}}\n"
        )
        watch = (
            "import sys\nfrom pathlib import Path\nseen = []\nsys.addaudithook(lambda name, given: seen.append((name, str(given))))\n"
            "from rocmkit.cli import cli\n"
            f"cli.main(['doctor', '--json', '--from', {str(recording)!r}, '-o', {str(tmp_path / 'out')!r}], standalone_mode=False)\n"
            f"bad = [one for one in seen if {str(canary)!r} in one[1] or one[0].startswith(('subprocess', 'os.exec', 'os.posix_spawn', 'socket'))]\n"
            "bad += [one for one in seen if one[0] in {'open', 'os.listdir', 'os.scandir'} and any(place in one[1] for place in ('/sys/', '/proc/', '/opt/', '/dev/'))]\n"
            "print(bad)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", watch], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
        )
        assert (done.stdout, done.stderr) == ("[]\n", "")


MACHINES = {path.stem: path.read_text() for path in sorted((ROOT / "tests/machines").glob("*.yaml"))}
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["~", "/", "..", "\0", "\x1b[2J", "9" * 40, "EPERM"])
)
JUNK = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5)


def mutated(data: st.DataObject, value: Any) -> Any:
    """`value` with something in it replaced, taken out or put in twice."""
    if isinstance(value, (dict, list)) and value and data.draw(st.integers(0, 5)):
        keys = sorted(value, key=str) if isinstance(value, dict) else range(len(value))
        key = data.draw(st.sampled_from(keys))
        changed = value.copy()
        if data.draw(st.integers(0, 5)):
            changed[key] = mutated(data, value[key])
        elif isinstance(changed, dict):
            changed[data.draw(st.text(max_size=9))] = changed.pop(key)
        else:
            changed.append(changed.pop(key))
        return changed
    return data.draw(JUNK)


def judged(content: bytes, *arguments: str) -> int:
    """The exit code of doctor over a file with this content, in this process."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(content)
        file.flush()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return entry._guarded(lambda: cli.main(["doctor", "--from", file.name, *arguments], standalone_mode=False))


WAYS = st.sampled_from([(), ("--json",), ("--format", "markdown"), ("--preview",), ("--preview", "--json")])


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(MACHINES)), how=WAYS)
def test_a_recording_with_wrong_values_is_refused_or_judged(data: st.DataObject, name: str, how: tuple[str, ...]) -> None:
    value = load_yaml(MACHINES[name], source=name)
    for _ in range(data.draw(st.integers(1, 4))):
        value = mutated(data, value)
    content = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)).encode("utf-8", "surrogatepass")
    assert judged(content, *how) in {0, 1, 2, 3, 4}


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(MACHINES)), how=WAYS)
def test_a_recording_with_wrong_bytes_is_refused_or_judged(data: st.DataObject, name: str, how: tuple[str, ...]) -> None:
    content = bytearray(MACHINES[name].encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.sampled_from([0, 0, 1, 100]))] = data.draw(
            st.sampled_from([b"", b"\xff", b"\0", b": ", b"\n", b"- ", b"&a *a", b"{", b"!!binary "])
        )
    assert judged(bytes(content), *how) in {0, 1, 2, 3, 4}
