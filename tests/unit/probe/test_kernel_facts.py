"""Secure Boot, the builds of DKMS, dpkg's word for amdgpu-dkms, and what a card counted."""

from __future__ import annotations

import base64
import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.facts import Gap, KernelPackage, Ras
from rocmkit.host.base import LIMIT_BYTES
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe.driver import build_log, driver, package_state, stanza
from rocmkit.probe.pci import devices
from rocmkit.probe.ras import counts, ras
from rocmkit.probe.system import EFI_VARIABLES, SECURE_BOOT, system
from rocmkit.probe.topology import topology
from tests.unit.probe.hosts import Refusing, Stuck, whole

ORDER = f"{EFI_VARIABLES}/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def variable(*value: int) -> dict[str, str]:
    return {"base64": base64.b64encode(bytes([6, 0, 0, 0, *value])).decode()}


def secure_boot(files: dict[str, object]) -> object:
    return system(whole(files)).secure_boot  # type: ignore[arg-type]


def test_secure_boot() -> None:
    assert secure_boot({SECURE_BOOT: variable(1), ORDER: ""}) is True
    assert secure_boot({SECURE_BOOT: variable(0), ORDER: ""}) is False
    assert secure_boot({ORDER: ""}) is False, "firmware that knows no Secure Boot"
    assert secure_boot({"/sys/firmware/acpi/tables/DSDT": ""}) is None, "started by a BIOS"


@pytest.mark.parametrize(
    "files",
    [{}, {SECURE_BOOT: variable()}, {SECURE_BOOT: variable(1, 1)}, {"/sys/firmware/efi/runtime": ""}],
    ids=["no /sys/firmware", "empty", "too long", "no efivarfs"],
)
def test_secure_boot_that_cannot_be_read_is_not_known(files: dict[str, object]) -> None:
    assert isinstance(secure_boot(files), Gap)


def test_the_empty_folder_that_docker_lays_over_it_says_nothing() -> None:
    found = system(whole(folders={"/sys/firmware": ()})).secure_boot
    assert isinstance(found, Gap)
    assert found.reason == "absent"


def test_a_recording_and_a_refusal_are_no_answer(tmp_path: Path) -> None:
    assert isinstance(system(ReplayHost(Recording(rocmkit_recording=1, about="test"))).secure_boot, Gap)
    place = tmp_path / SECURE_BOOT.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"\6\0\0\0\1")
    assert system(SysrootHost(tmp_path)).secure_boot is True
    refused = system(Refusing(tmp_path, {SECURE_BOOT: errno.EACCES})).secure_boot
    assert isinstance(refused, Gap)
    assert refused.reason == "denied"


def test_a_replay_gives_the_same(tmp_path: Path) -> None:
    for path, data in {
        SECURE_BOOT: b"\6\0\0\0\1",
        "/var/lib/dpkg/status": STATUS.encode(),
        "/var/lib/dpkg/info/amdgpu-dkms.list": b"",
        f"{TREE}/build/make.log": LOG.encode(),
        f"{CARD}/vendor": b"0x1002",
        f"{CARD}/device": b"0x66a1",
        f"{CARD}/class": b"0x030000",
        f"{CARD}/ras/umc_err_count": b"ue: 1\nce: 2\nde: 0\n",
        f"{CARD}/ras/gpu_vram_bad_pages": b"0x00000010 : 0x00001000 : R\n",
        f"{CARD}/mem_info_vram_used": b"12103680\n",
        f"{CARD}/mem_info_gtt_total": b"16777216\n",
    }.items():
        (tmp_path / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.lstrip("/")).write_bytes(data)
    recorder = RecordingHost(SysrootHost(tmp_path))
    first = (system(recorder).secure_boot, driver(recorder), topology(recorder))
    replay = ReplayHost(recorder.recording("test"))
    assert (system(replay).secure_boot, driver(replay), topology(replay)) == first
    assert (first[0], first[1].dkms_state, first[1].dkms[0].failed) == (True, "half-configured", "6.8.0-44-generic")
    assert "amdgpu-core" not in str(recorder.recording("test").files["/var/lib/dpkg/status"])
    (gpu,) = devices(replay)
    assert gpu.ras == Ras(uncorrectable={"umc": 1}, correctable={"umc": 2}, bad_pages=1)
    assert (gpu.vram_used_bytes, gpu.gtt_bytes) == (12103680, 16777216)


TREE = "/var/lib/dkms/amdgpu/6.8.5-2009582.22.04"
LOG = """DKMS make.log for amdgpu-6.8.5-2009582.22.04 for kernel 6.8.0-44-generic (x86_64)
Tue Sep  3 10:00:00 UTC 2024
make: Entering directory '/usr/src/linux-headers-6.8.0-44-generic'
  CC [M]  /var/lib/dkms/amdgpu/6.8.5-2009582.22.04/build/amd/amdgpu/amdgpu_error.o
  gcc -Werror=strict-prototypes -c amdgpu_drv.c
/var/lib/dkms/amdgpu/6.8.5/build/amd/amdgpu/amdgpu_drv.c:12:10: error: too few arguments to function 'f'
make[3]: *** [scripts/Makefile.build:243: amdgpu_drv.o] Error 1
"""


def test_the_log_of_a_build_that_failed() -> None:
    files = {f"{TREE}/build/make.log": LOG, f"{TREE}/6.5.0-41-generic/x86_64/log/make.log": "", "/usr/src/amdgpu-6.10.5-1/dkms.conf": ""}
    found = driver(whole(files)).dkms
    assert found == (
        KernelPackage(version="6.10.5-1", kernels=()),
        KernelPackage(
            version="6.8.5-2009582.22.04",
            kernels=("6.5.0-41-generic",),
            failed="6.8.0-44-generic",
            errors=(
                "/var/lib/dkms/amdgpu/6.8.5/build/amd/amdgpu/amdgpu_drv.c:12:10: error: too few arguments to function 'f'",
                "make[3]: *** [scripts/Makefile.build:243: amdgpu_drv.o] Error 1",
            ),
        ),
    )
    newer = LOG.replace("DKMS make.log for amdgpu-6.8.5-2009582.22.04", "DKMS (dkms-3.2.1) make.log for amdgpu/6.8.5")
    assert driver(whole({f"{TREE}/build/make.log": newer})).dkms[0].failed == "6.8.0-44-generic"


def test_a_log_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    assert isinstance(driver(whole({f"{TREE}/build/make.log": "something else"})).dkms[0].failed, Gap)
    place = tmp_path / TREE.lstrip("/") / "build"
    place.mkdir(parents=True)
    (place / "make.log").write_text(LOG)
    (package,) = driver(Refusing(tmp_path, {f"{TREE}/build/make.log": errno.EACCES})).dkms
    assert isinstance(package.failed, Gap)
    assert package.failed.reason == "denied"
    assert driver(whole({f"{TREE}/source/dkms.conf": ""})).dkms[0].failed is None


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([line.encode() for line in LOG.splitlines()])), max_size=20))
def test_any_log_of_a_build(lines: list[bytes]) -> None:
    kept = build_log(b"\n".join(lines))
    assert build_log(kept) == kept
    assert len(kept.splitlines()) <= 6


STATUS = """Package: amdgpu-core
Status: install ok installed
Version: 1:6.1.60103

Package: amdgpu-dkms
Status: install ok half-configured
Maintainer: Somebody
Version: 1:6.8.5.60103-1
Description: amdgpu driver in DKMS format
 Package: not a field

Package: amdgpu-dkms-firmware
Status: install ok installed
"""


def state(status: str | None, **files: str) -> object:
    listed = {"/var/lib/dpkg/info/amdgpu-dkms.list": "/."}
    return driver(whole({**listed, **({} if status is None else {"/var/lib/dpkg/status": status}), **files})).dkms_state


def test_dpkg_s_word() -> None:
    assert state(STATUS) == "half-configured"
    assert state(STATUS.replace("half-configured", "installed")) == "installed"
    assert state(STATUS.replace("install ok half-configured", "deinstall ok config-files")) == "config-files"
    assert driver(whole({"/var/lib/dpkg/status": STATUS})).dkms_state is None, "no list of its files: not installed"
    assert driver(whole({"/var/lib/rpm/rpmdb.sqlite": ""})).dkms_state is None, "a machine without dpkg"


def test_dpkg_s_word_that_cannot_be_read_is_not_known() -> None:
    for found in (state(None), state(""), state("Package: amdgpu-dkms\n"), driver(whole()).dkms_state):
        assert isinstance(found, Gap)
    assert isinstance(driver(ReplayHost(Recording(rocmkit_recording=1, about="test"))).dkms_state, Gap)


def test_a_list_that_is_longer_than_is_read() -> None:
    long = "Package: x\nStatus: install ok installed\n\n" * (LIMIT_BYTES // 30)
    found = state(long + STATUS)
    assert isinstance(found, Gap)
    assert "longer than is read" in found.detail
    assert state(STATUS + "\n" + long) == "half-configured"


@given(st.one_of(st.binary(max_size=300), st.text(alphabet="Pacgedmu:-Stk \n", max_size=200).map(lambda text: (STATUS + text).encode())))
def test_any_list_of_packages(data: bytes) -> None:
    kept = stanza(data)
    assert stanza(kept) == kept
    assert package_state(kept.decode("utf-8", "replace")) in {None, "half-configured"} or b"Status: " in data


CARD = "/sys/bus/pci/devices/0000:03:00.0"
UMC = f"{CARD}/ras/umc_err_count"


def counted(files: dict[str, str]) -> object:
    return ras(whole(files), {"card": CARD})["card"]


def test_what_a_card_counted() -> None:
    assert counted({UMC: "ue: 3\nce: 17\nde: 0\n", f"{CARD}/ras/sdma_err_count": "ue: 0\nce: 0\n", f"{CARD}/ras/features": "x"}) == Ras(
        uncorrectable={"sdma": 0, "umc": 3}, correctable={"sdma": 0, "umc": 17}, bad_pages=None
    )
    pages = "0x00000a10 : 0x00001000 : R\n0x00000b10 : 0x00001000 : P\n"
    assert counted({f"{CARD}/ras/aca_umc": "ue: 0\nce: 1\nde: 0", f"{CARD}/ras/gpu_vram_bad_pages": pages}) == Ras(
        uncorrectable={"umc": 0}, correctable={"umc": 1}, bad_pages=2
    )
    assert counted({UMC: "ue: 0\nce: 0", f"{CARD}/ras/gpu_vram_bad_pages": ""}) == Ras(
        uncorrectable={"umc": 0}, correctable={"umc": 0}, bad_pages=0
    )
    assert counted({f"{CARD}/vendor": "0x1002"}) is None, "a card that counts nothing"


def test_a_card_that_does_not_say() -> None:
    assert isinstance(counted({UMC: "Query currently inaccessible"}), Gap)
    asleep = counted({UMC: "ue: 1048560\nce: 1048560", f"{CARD}/power/runtime_status": "suspended\n"})
    assert isinstance(asleep, Gap)
    assert "sleeps" in asleep.detail
    assert counted({UMC: "ue: 0\nce: 0", f"{CARD}/ras/gfx_err_count": "Query", f"{CARD}/power/runtime_status": "active"}) == Ras(
        uncorrectable={"umc": 0}, correctable={"umc": 0}, bad_pages=None
    )


def test_a_card_that_never_answers_costs_only_its_counts() -> None:
    host = Stuck(UMC, {UMC: "", f"{CARD}/vendor": "0x1002", f"{CARD}/device": "0x66a1", f"{CARD}/class": "0x030000"})
    try:
        (found,) = devices(host)
    finally:
        host.release.set()
    assert found.device_id == "66a1"
    assert isinstance(found.ras, Gap)
    assert found.ras.reason == "timeout"


@given(st.text(max_size=60))
def test_any_file_of_counts(listing: str) -> None:
    try:
        found = counts(listing)
    except ValueError:
        return
    assert set(found) == {"ue", "ce"}
