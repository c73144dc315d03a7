"""The project's own machines: up to date, loadable, and true to what they say of themselves."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from rocmkit.facts import Facts, Gap
from rocmkit.host.recording import Recording, load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.probe import collect
from tools.machine_parts.builder import HOW
from tools.machine_parts.cards import CARDS
from tools.machines import FOLDER, generated

PATHS = sorted(FOLDER.glob("*.yaml"))
OWN = [path for path in PATHS if path in generated()]
NODE = re.compile(r"/sys/devices/virtual/kfd/kfd/topology/nodes/(\d+)/(\w+)")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "machines"


@cache
def recording(path: Path) -> Recording:
    return load_file(path)


@cache
def facts(name: str) -> Facts:
    return collect(ReplayHost(recording(FOLDER / f"{name}.yaml")), deadline_s=60)


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def test_the_files_are_as_generated() -> None:
    different = [path.name for path, text in generated().items() if not path.is_file() or path.read_text() != text]
    assert not different, "run `python -m tools.machines`"


@each(OWN)
def test_each_says_how_it_was_made(path: Path) -> None:
    found = recording(path)
    assert found.whole
    assert found.about.endswith(HOW)
    assert len(found.about) > len(HOW) + 10


@each(OWN)
def test_each_kfd_node_is_complete(path: Path) -> None:
    held: dict[str, set[str]] = {}
    for name in recording(path).files:
        if match := NODE.match(name):
            held.setdefault(match[1], set()).add(match[2])
    for node, names in held.items():
        assert {"gpu_id", "name", "properties", "mem_banks"} <= names, node


@each(OWN)
def test_no_serial_number_and_no_name_is_in_it(path: Path) -> None:
    text = path.read_text()
    assert set(re.findall(r"(?:unique_id|hive_id) (\d+)", text)) <= {"0"}
    assert not re.search(r"/home/|GPU-[0-9a-f]{16}", text)


@each(OWN)
def test_nothing_is_copied_off_the_real_machines(path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip("no shared folder here")
    ours = {name.rpartition("/nodes/")[2]: text for name, text in recording(path).files.items() if "/nodes/" in name}
    # A memory bank has nothing but published figures, so the same card's is the same; a whole node's properties are not.
    real = {file.read_text().strip() for file in SHARED.rglob("nodes/*/properties")} - {""}
    assert not {text.strip() for name, text in ours.items() if isinstance(text, str) and name.count("/") == 1} & real


@each(OWN)
def test_every_question_has_an_answer(path: Path) -> None:
    found = collect(ReplayHost(recording(path)), deadline_s=60)
    for name in ("system", "driver", "gpus", "access", "rocm", "python", "env", "env_files", "memory", "tools"):
        assert not isinstance(getattr(found, name), Gap), (name, getattr(found, name))


#: name: (gfx, compute units, GiB of the card, card's key) for each GPU
GPUS: dict[str, list[str]] = {
    "mi50-16gb-healthy": ["MI50"],
    "mi60-32gb": ["MI60"],
    "radeon-vii": ["RADEON_VII"],
    "mi210": ["MI210"],
    "mi300x": ["MI300X"],
    "rx6800": ["RX6800"],
    "rx7900xtx": ["RX7900XTX"],
    "rx9070": ["RX9070"],
    "apu-780m": ["R780M"],
    "apu-raven-old": ["RAVEN"],
    "mi25": ["MI25"],
    "igpu-plus-dgpu": ["RX7900XTX", "RAPHAEL"],
    "two-mi50": ["MI50", "MI50"],
    "no-access": ["MI50"],
    "relogin-pending": ["MI50"],
    "the-user": ["RADEON_VII"],
}


@pytest.mark.parametrize("name", GPUS)
def test_the_probes_see_the_cards(name: str) -> None:
    gpus = facts(name).gpus
    assert not isinstance(gpus, Gap)
    cards = [CARDS[card] for card in GPUS[name]]
    assert [gpu.gfx for gpu in gpus] == [card.gfx for card in cards]
    assert [gpu.compute_units for gpu in gpus] == [card.units for card in cards]
    assert [gpu.vram_bytes for gpu in gpus] == [card.vram_bytes for card in cards]
    assert [gpu.device_id for gpu in gpus] == [card.device for card in cards]
    assert [gpu.integrated for gpu in gpus] == [card.apu for card in cards]
    assert {gpu.pci_driver for gpu in gpus} == {"amdgpu"}


def test_a_split_card_is_eight_gpus() -> None:
    gpus = facts("mi300x-cpx").gpus
    assert not isinstance(gpus, Gap)
    assert [gpu.partition.index for gpu in gpus if gpu.partition] == list(range(8))
    assert {gpu.compute_units for gpu in gpus} == {38}
    assert len({gpu.render_node for gpu in gpus}) == 8
    assert {gpu.pci for gpu in gpus} == {"0000:05:00.0"}


@pytest.mark.parametrize(("name", "opened"), [("no-access", "EACCES"), ("relogin-pending", "EACCES"), ("mi50-16gb-healthy", "ok")])
def test_device_nodes_open_as_they_should(name: str, opened: str) -> None:
    access = facts(name).access
    assert not isinstance(access, Gap)
    assert [node.open for node in access.nodes] == [opened, opened]


def test_the_cgroup_hides_the_card() -> None:
    kfd = facts("masked-by-cgroup").kfd
    assert not isinstance(kfd, Gap)
    assert (kfd.masked_nodes, kfd.gpu_nodes) == ((1,), ())


def test_the_users_ctranslate2_is_the_cuda_build() -> None:
    python = facts("the-user").python
    assert not isinstance(python, Gap)
    assert {lib.gpu_api for lib in python.libraries if lib.package == "ctranslate2"} == {"cuda", "none"}
    assert python.packages["torch"] == "2.6.0+rocm6.1"


def test_the_trap_lists_gfx906_and_has_no_kernels_for_it() -> None:
    python = facts("mi50-torch-rocm72").python
    assert not isinstance(python, Gap)
    assert any("gfx906" in (lib.gfx or ()) for lib in python.libraries if lib.file.endswith("libtorch_hip.so"))
    tensile = [row.kernels for row in python.kernels if not isinstance(row.kernels, Gap) and row.kernels.library == "rocblas"]
    assert tensile
    assert all("gfx906" not in kernels.targets and "gfx90a" in kernels.targets for kernels in tensile)
