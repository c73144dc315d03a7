"""What is changed inside a program, by real interpreters and a package that stands for torch."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest

from tests.support.hooks import run, say, written

#: A package that looks like torch from outside, and says when it was asked.
TORCH = {
    "torch/__init__.py": "import torch.backends\nloaded = True\n",
    "torch/backends/__init__.py": "import torch.backends.cudnn\nimport torch.backends.cuda\n",
    "torch/backends/cudnn.py": "enabled = True\n",
    "torch/backends/cuda.py": "said = []\ndef enable_math_sdp(on): said.append(('math', on))\n"
    "def enable_flash_sdp(on): said.append(('flash', on))\n"
    "def enable_mem_efficient_sdp(on): said.append(('efficient', on))\n",
}


def test_a_module_is_hidden(tmp_path: Path) -> None:
    written(tmp_path, {"smoke/__init__.py": "", "smoke/fire.py": "", "smokestack.py": "print('still there')\n"})
    code = say(
        "import importlib, importlib.util, smokestack\n"
        "for name in ('smoke', 'smoke.fire'):\n"
        " try: importlib.import_module(name)\n except ModuleNotFoundError as error: print(error.name.partition('.')[0])\n"
        "try: from smoke import fire\nexcept ModuleNotFoundError as error: print(error.name)\n"
        "print(importlib.util.find_spec('smoke'))"
    )
    plain = run("-c", code, path=[tmp_path])
    assert plain.out.startswith("still there\nModuleSpec(name='smoke'")
    ran = run("-c", code, path=[tmp_path], actions=["hide:smoke"])
    assert (ran.code, ran.out, ran.err) == (0, "still there\nsmoke\nsmoke\nsmoke\nNone\n", "")


def test_a_module_comes_first_behind_the_other_sitecustomize(tmp_path: Path) -> None:
    written(
        tmp_path,
        {"smoke.py": "print('smoke')\n", "ash.py": "raise SystemExit(5)\n", "fire.py": "1 / 0\n", "sitecustomize.py": "print('site')\n"},
    )
    actions = ["first:ash", "first:fire", "first:not_there", "first:smoke"]
    ran = run("-c", "print('program'); import smoke", path=[tmp_path], actions=actions)
    assert (ran.code, ran.out, ran.err) == (0, "site\nsmoke\nprogram\n", "")


def test_threads_get_a_large_stack() -> None:
    code = "import threading; print(threading.stack_size())"
    assert run("-c", code).out == "0\n"
    assert run("-c", code, actions=["thread-stack"]).out == f"{64 << 20}\n"


IMPORTS = {
    "statement": "import torch",
    "of a part": "import torch.backends.cudnn",
    "importlib": "import importlib; torch = importlib.import_module('torch')",
    "in a thread": "import threading\ndef work():\n global torch\n import torch\nt = threading.Thread(target=work); t.start(); t.join()",
    "behind another finder": "import sys\nclass Other:\n @staticmethod\n def find_spec(*_): return None\n"
    "sys.meta_path.insert(0, Other)\nimport torch",
    "asked for before": "import importlib.util; importlib.util.find_spec('torch'); import torch",
}


@pytest.mark.parametrize("how", IMPORTS)
def test_miopen_is_off_however_torch_is_imported(how: str, tmp_path: Path) -> None:
    written(tmp_path, TORCH)
    code = f"{IMPORTS[how]}\nloader = torch.__spec__.loader\n"
    code += "print(torch.backends.cudnn.enabled, torch.loaded, type(loader).__name__, torch.__loader__ is loader)"
    assert run("-c", code, path=[tmp_path]).out == "True True SourceFileLoader True\n"
    ran = run("-c", code, path=[tmp_path], actions=["miopen-off"])
    assert (ran.code, ran.out, ran.err) == (0, "False True SourceFileLoader True\n", "")
    assert ran.told("import").count("torch") == 1


def test_what_the_program_then_sets_stays(tmp_path: Path) -> None:
    written(tmp_path, TORCH)
    code = "import torch; torch.backends.cudnn.enabled = True\nimport torch.backends.cudnn, importlib; print(torch.backends.cudnn.enabled)"
    assert run("-c", code, path=[tmp_path], actions=["miopen-off"]).out == "True\n"


def test_attention_by_plain_products(tmp_path: Path) -> None:
    written(tmp_path, TORCH)
    ran = run("-c", "import torch; print(torch.backends.cuda.said)", path=[tmp_path], actions=["sdpa-math"])
    assert (ran.out, ran.err) == ("[('math', True), ('flash', False), ('efficient', False)]\n", "")


@pytest.mark.parametrize("text", ["raise RuntimeError('smoke')\n", "loaded = True\n", "import not_there_at_all\n"])
def test_a_torch_that_fails_or_is_something_else_fails_as_it_would(text: str, tmp_path: Path) -> None:
    written(tmp_path, {"torch.py": text})
    code = "try: import torch\nexcept Exception as error: print(type(error).__name__, error)\n"
    code += "else: print(torch.loaded, dir(torch))"
    plain = run("-c", code, path=[tmp_path])
    ran = run("-c", code, path=[tmp_path], actions=["miopen-off", "float32", "sdpa-math", "unheard-of"])
    assert (ran.code, ran.out, ran.err) == (0, plain.out, "")


def test_no_torch_at_all(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", symlinks=True)
    code = "try: import torch\nexcept ModuleNotFoundError as error: print(error)"
    ran = run("-c", code, python=tmp_path / "env/bin/python", actions=["miopen-off"])
    assert (ran.code, ran.out, ran.err) == (0, "No module named 'torch'\n", "")
