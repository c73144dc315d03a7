"""Files below a folder: nothing leads out of it, nothing is executed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rocmkit.host.base import NotAsked, whole
from rocmkit.host.sysroot import SysrootHost


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inside = tmp_path / "root"
    (inside / "etc").mkdir(parents=True)
    (inside / "etc/os-release").write_text("ID=debian\n")
    (tmp_path / "secret").write_text("outside")
    return inside


def test_files_folders_and_links_are_read(root: Path) -> None:
    (root / "opt/rocm-6.3.4/.info").mkdir(parents=True)
    (root / "opt/rocm-6.3.4/.info/version").write_text("6.3.4-76\n")
    (root / "opt/rocm").symlink_to("/opt/rocm-6.3.4")
    host = SysrootHost(root)
    assert host.read_text("/opt/rocm/.info/version") == "6.3.4-76"
    assert host.realpath("/opt/rocm") == "/opt/rocm-6.3.4"
    assert host.readlink("/opt/rocm") == "/opt/rocm-6.3.4"
    assert host.list("/opt") == ("rocm", "rocm-6.3.4")
    assert host.stat("/opt/rocm").kind == "folder"
    assert not host.exists("/opt/nothing")


@pytest.mark.parametrize("target", ["/secret", "../secret", "../../secret", "/../secret", "etc/../../secret"])
def test_no_link_leads_out(root: Path, target: str) -> None:
    (root / "link").symlink_to(target)
    host = SysrootHost(root)
    with pytest.raises(FileNotFoundError):
        host.read("/link", whole)


def test_a_link_to_an_absolute_folder_outside_stays_inside(root: Path) -> None:
    (root / "up").symlink_to("/")
    assert SysrootHost(root).read_text("/up/up/etc/os-release") == "ID=debian"


def test_dots_do_not_lead_out(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SysrootHost(root).read("/../secret", whole)
    assert SysrootHost(root).read_text("/../../etc/os-release") == "ID=debian"


def test_a_circle_of_links_is_an_error(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        SysrootHost(root).read("/a", whole)


def test_a_small_file_may_stand_for_a_device_link(root: Path) -> None:
    (root / "sys/devices/gpu").mkdir(parents=True)
    (root / "sys/devices/gpu/vendor").write_text("0x1002\n")
    (root / "sys/class/drm/card0").mkdir(parents=True)
    (root / "sys/class/drm/card0/device").write_text("../../../../sys/devices/gpu")
    host = SysrootHost(root)
    assert host.read_text("/sys/class/drm/card0/device/vendor") == "0x1002"
    assert host.readlink("/sys/class/drm/card0/device") == "../../../../sys/devices/gpu"


def test_a_pipe_in_an_unexpected_place_does_not_block(root: Path) -> None:
    import os

    os.mkfifo(root / "etc/fifo")
    with pytest.raises(OSError, match="not a regular file"):
        SysrootHost(root).read("/etc/fifo", whole)


def test_what_only_a_live_machine_can_tell_is_not_asked(root: Path) -> None:
    host = SysrootHost(root)
    (root / "dev").mkdir()
    (root / "dev/kfd").touch()
    for ask in (
        lambda: host.run(("rocminfo",), whole, timeout_s=1),
        lambda: host.which("rocminfo"),
        lambda: host.environ(lambda _: True),
        host.identity,
        lambda: host.try_open("/dev/kfd"),
    ):
        with pytest.raises(NotAsked):
            ask()
    with pytest.raises(FileNotFoundError):
        host.try_open("/dev/none")


@pytest.mark.parametrize("target", ["/secret", "//secret", "///secret", "../../../../secret", "/..//secret", "//../secret"])
def test_no_spelling_of_a_link_leads_out(tmp_path: Path, target: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(target.replace("secret", f"{tmp_path}/secret"))
    (root / "plain").symlink_to(target)
    (tmp_path / "secret").write_text("outside")
    host = SysrootHost(root)
    for path in ("/link", "//link", "/plain", f"/{tmp_path}/secret", f"//{tmp_path}/secret"):
        with pytest.raises(FileNotFoundError):
            host.read(path, whole)
    assert host.realpath("//link").startswith(("/secret", str(tmp_path)))


def test_what_the_kernel_makes_up_is_read() -> None:
    """Of /proc/sys the kernel hands out no more than a few hundred kilobytes at a time, and an error for a larger wish."""
    assert SysrootHost(Path("/")).read_text("/proc/sys/kernel/osrelease").strip() == os.uname().release
