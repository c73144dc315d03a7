"""What programs and start-up files print: the kernel log, rocminfo, versions, shell lines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from rocmkit.facts import Agent, EnvLine, Gap, KernelLog, Runtime
from rocmkit.host.base import Identity
from rocmkit.host.recording import Ended
from rocmkit.probe import kernel_log as log
from rocmkit.probe import runtime as rocminfo
from rocmkit.probe.env import assignments, env, env_files
from rocmkit.probe.gaps import field
from rocmkit.probe.tools import VERSIONS, parse_version, tools
from tests.unit.probe.hosts import printing, whole

#: Lines as kernels print them, from the public threads that the catalogue of failures cites.
LINES = {
    "firmware-missing": (
        "amdgpu 0000:03:00.0: Direct firmware load for amdgpu/vega20_mec.bin failed with error -2",
        "[drm:gmc_v9_0_sw_init [amdgpu]] *ERROR* Failed to load mc firmware!",
    ),
    "probe-failed": (
        "amdgpu: probe of 0000:09:00.0 failed with error -12",
        "[    5.408789] amdgpu 0000:03:00.0: probe with driver amdgpu failed with error -12",
        "[    5.408757] amdgpu 0000:03:00.0: amdgpu: Fatal error during GPU init",
    ),
    "bar": (
        "pci 0000:03:00.0: BAR 0: no space for [mem size 0x400000000 64bit pref]",
        "pci 0000:03:00.0: BAR 0 [mem size 0x400000000 64bit pref]: can't assign; no space",
        "pci 0000:03:00.0: BAR 2: failed to assign [mem size 0x00200000 64bit pref]",
    ),
    "atomics": ("kfd kfd: amdgpu: skipped device 1002:67df, PCI rejects atomics 730<0",),
    "kfd-unsupported": ("[    3.548555] kfd kfd: amdgpu: PITCAIRN  not supported in kfd",),
    "kfd-added": ("[   27.730294] kfd kfd: amdgpu: added device 1002:66a1", "kfd kfd: added device 1002:66a1"),
    "gpu-reset": ("amdgpu 0000:03:00.0: amdgpu: GPU reset begin!", "amdgpu 0000:03:00.0: amdgpu: GPU reset(2) succeeded!"),
    "ring-timeout": (
        "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring sdma0 timeout, signaled seq=1, emitted seq=3",
        "amdgpu: qcm fence wait loop timeout expired",
        "amdgpu 0000:03:00.0: amdgpu: MES failed to respond to msg=REMOVE_QUEUE",
    ),
    "hw-exception": ("amdgpu: HWS hang detected", "amdgpu 0000:03:00.0: amdgpu: sq_intr: error, se 0, data 0x0"),
    "ras": (
        "amdgpu 0000:03:00.0: amdgpu: uncorrectable hardware error(ERREVENT_ATHUB_INTERRUPT) detected!",
        "amdgpu 0000:03:00.0: amdgpu: 2 uncorrectable hardware errors detected in umc block",
        "amdgpu 0000:03:00.0: amdgpu: {3} socket: 0, die: 1, 2 new correctable hardware errors detected in umc block",
        "[Hardware Error]: Accelerator Check Architecture events logged",
    ),
    "page-fault": (
        "amdgpu 0000:03:00.0: amdgpu: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process python pid 1)",
        "amdgpu 0000:65:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:88 vmid:8 pasid:32787)",
        "amdgpu 0000:65:00.0: amdgpu:  Process darktable pid 70131 thread worker 0 pid 70175",
        "amdgpu 0000:65:00.0: amdgpu:  in process python3 pid 70131 thread python3 pid 70175",
        "amdgpu 0000:c6:00.0: amdgpu:  for process pt_main_thread pid 12924 thread pt_main_thread pid 12924)",
        "amdgpu 0000:01:00.0: VM fault (0x14, vmid 8, pasid 32783) at page 5276672, write from 'TC6' (0x54433600) (136)",
    ),
    "segfault": (
        "python3[4242]: segfault at 20 ip 00007f1 sp 00007ff error 4 in libhsa-runtime64.so.1.13.60304[7f1+2f000]",
        "traps: pt_main_thread[7] general protection fault ip:7f sp:7f error:0 in libamdhip64.so.6.3.60304[7f+1]",
    ),
    "mailbox-vf": ("amdgpu 0000:08:00.0: amdgpu: trn=2 ACK should not assert! wait again !",),
    "module-signature": (
        "amdgpu: module verification failed: signature and/or required key missing - tainting kernel",
        "Loading of unsigned module is rejected",
        "[    4.2] Loading of module with unavailable key is rejected",
        "Loading of module with unsupported crypto is rejected",
    ),
    "selinux": (
        'audit: type=1400 audit(1694192866.178:142): avc:  denied  { read write } for  pid=2741395 comm="clinfo" name="renderD128"'
        " scontext=system_u:system_r:container_t:s0:c17,c28 tcontext=system_u:object_r:dri_device_t:s0 tclass=chr_file permissive=0",
    ),
    "oom": ("Out of memory: Killed process 4242 (python3) total-vm:1kB, anon-rss:1kB",),
    "iommu": (
        "[    0.412345] iommu: Default domain type: Translated",
        "iommu: Default domain type: Passthrough (set via kernel command line)",
    ),
}

INNOCENT = (
    "[drm] amdgpu kernel modesetting enabled.",
    "amdgpu 0000:03:00.0: amdgpu: MEM ECC is active.",
    "amdgpu 0000:03:00.0: amdgpu: 0 uncorrectable hardware errors detected in total",
    "amdgpu 0000:03:00.0: BAR 2: releasing [mem 0x1-0x2 64bit pref]",
    "pci 0000:03:00.0: BAR 0 [mem 0x6000000000-0x63ffffffff 64bit pref]",
    "nvidia: module verification failed: signature and/or required key missing - tainting kernel",
    "firefox[77]: segfault at 0 ip 1 sp 2 error 4 in libxul.so[1+2]",
    "usb 1-1: reset high-speed USB device number 2",
    "[    1.1] amdgpu 0000:03:00.0: Adding to iommu group 25",
    "amdgpu 0000:03:00.0: amdgpu: Process information: process Xorg pid 1 thread Xorg:cs0 pid 2",
    "Loading compiled-in module X.509 certificates",
    "wlan0: SerialNumber: 00112233",
)


def test_every_kind_has_a_line_here() -> None:
    assert set(LINES) == set(log.KINDS)


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in LINES.items() for line in lines])
def test_a_line_of_each_kind_is_found(kind: str, line: str) -> None:
    assert log.kind_of(line.encode()) == kind


@pytest.mark.parametrize("line", INNOCENT)
def test_other_lines_are_left(line: str) -> None:
    assert log.kind_of(line.encode()) is None


def test_the_real_logs(shared_machines: Path) -> None:
    kinds = {
        path.name: [line.kind for line in log.parse(log.keep(path.read_bytes()))]
        for path in sorted((shared_machines / "text").glob("dmesg-*"))
    }
    assert kinds["dmesg-gfx906-mi50-16gb.txt"] == ["kfd-added"]
    assert kinds["dmesg-gfx906-mi50-32gb.txt"] == ["kfd-added"]
    assert kinds["dmesg-gfx906-init-fail-enomem.txt"] == ["probe-failed", "probe-failed"]
    assert kinds["dmesg-kfd-unsupported.txt"] == ["kfd-unsupported"]


def test_a_host_name_stays_behind_and_floods_are_cut_in_the_middle() -> None:
    line = b"Oct 12 00:18:40 vega20-ebd-11 kernel: [   27.730294] kfd kfd: amdgpu: added device 1002:66a1"
    assert log.keep(line) == b"[   27.730294] kfd kfd: amdgpu: added device 1002:66a1"
    flood = [b"amdgpu: GPU reset begin! %d" % number for number in range(1000)]
    kept = log.keep(b"\n".join([*LINES["bar"][0].encode().split(b"\n"), *flood])).split(b"\n")
    assert len(kept) == 41
    assert (kept[0], kept[1], kept[-1]) == (LINES["bar"][0].encode(), flood[0], flood[-1])


def test_twenty_thousand_lines_take_no_time() -> None:
    ordinary = b"[  123.456789] systemd[1]: Started Session 4 of User somebody with a fairly long line of text behind it, as usual."
    driver = b"[    8.488733] amdgpu 0000:c5:00.0: amdgpu: ring comp_1.0.0 uses VM inv eng 1 on hub 0"
    data = b"\n".join([ordinary] * 19000 + [driver] * 1000)
    start = time.perf_counter()
    log.keep(data)
    assert time.perf_counter() - start < 1.0


DMESG, JOURNAL = ("/usr/bin/dmesg",), ("/usr/bin/journalctl", *log.JOURNAL)


def logs(*ended: Ended) -> KernelLog | Gap:
    identity = Identity(uid=1000, groups=(1000,), promised=(), group_names={})
    which = {run.argv[0].rpartition("/")[2]: run.argv[0] for run in ended}
    return log.kernel_log(whole(which=which, commands=ended, identity=identity))


def test_dmesg_comes_first() -> None:
    found = logs(Ended(argv=DMESG, exit=0, stdout="\n".join(LINES["gpu-reset"])), Ended(argv=JOURNAL, exit=0))
    assert isinstance(found, KernelLog)
    assert (found.source, [line.kind for line in found.lines]) == ("dmesg", ["gpu-reset", "gpu-reset"])


REFUSED = Ended(argv=DMESG, exit=1, stderr="dmesg: read kernel buffer failed: Operation not permitted\n")
BUSYBOX = Ended(argv=DMESG, exit=1, stderr="dmesg: klogctl: Operation not permitted\n")
HINT = "Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm' can see all messages.\n"


@pytest.mark.parametrize("dmesg", [REFUSED, BUSYBOX])
def test_the_journal_stands_in(dmesg: Ended) -> None:
    found = logs(dmesg, Ended(argv=JOURNAL, exit=0, stdout=LINES["ras"][0]))
    assert isinstance(found, KernelLog)
    assert (found.source, len(found.lines)) == ("journalctl", 1)


@pytest.mark.parametrize(
    "journal",
    [
        Ended(argv=JOURNAL, exit=0, stdout="-- No entries --\n", stderr=HINT),
        Ended(argv=JOURNAL, exit=1, stderr="No journal files were opened due to insufficient permissions.\n"),
        Ended(argv=JOURNAL, outcome="timeout"),
    ],
)
def test_denied_is_a_gap_that_says_what_to_do(journal: Ended) -> None:
    found = logs(REFUSED, journal)
    assert isinstance(found, Gap)
    assert found.reason == "denied"
    assert "Operation not permitted" in found.detail
    assert "adm" in found.detail


def test_logs_that_are_not_there() -> None:
    found = logs()
    assert isinstance(found, Gap)
    assert found.reason == "absent"
    found = logs(Ended(argv=JOURNAL, exit=1, stderr="No journal files were found.\n"))
    assert isinstance(found, Gap)
    assert found.reason == "absent"
    hanging = logs(Ended(argv=DMESG, outcome="timeout"))
    assert isinstance(hanging, Gap)
    assert hanging.reason == "timeout"


ROCMINFO = """ROCk module is loaded
igor is member of render group
=====================
HSA System Attributes
=====================
Runtime Version:         1.14
System Timestamp Freq.:  1000.000000MHz
Mwaitx:                  DISABLED
==========
HSA Agents
==========
*******
Agent 1
*******
  Name:                    AMD Ryzen 7 5800X 8-Core Processor
  Uuid:                    CPU-XX
  Marketing Name:          AMD Ryzen 7 5800X 8-Core Processor
  Device Type:             CPU
  Pool Info:
    Pool 1
      Segment:                 GLOBAL; FLAGS: FINE GRAINED
  ISA Info:
*******
Agent 2
*******
  Name:                    gfx906
  Uuid:                    GPU-2490210172fc1a88
  Marketing Name:          AMD Instinct MI50/MI60
  Vendor Name:             AMD
  Device Type:             GPU
  ISA Info:
    ISA 1
      Name:                    amdgcn-amd-amdhsa--gfx906:sramecc+:xnack-
      Machine Models:          HSA_MACHINE_MODEL_LARGE
    ISA 2
      Name:                    amdgcn-amd-amdhsa--gfx9-generic:xnack-
*** Done ***
"""
MI50 = Agent(name="gfx906", marketing_name="AMD Instinct MI50/MI60", isa="gfx906:sramecc+:xnack-")
PATH = ("/opt/rocm/bin/rocminfo",)


def run_rocminfo(**ended: Any) -> Runtime | Gap:
    found = field(rocminfo.runtime, printing(PATH, **ended))
    assert isinstance(found, (Runtime, Gap))
    return found


def test_the_agents() -> None:
    assert run_rocminfo(exit=0, stdout=ROCMINFO) == Runtime(agents=(MI50,), error=None)


def test_neither_serial_number_nor_user_is_kept() -> None:
    kept = rocminfo.keep(ROCMINFO.encode() + b"\nrocminfo: cannot open /home/igor/x\n")
    assert b"2490210172fc1a88" not in kept
    assert b"igor" not in kept


def test_the_real_agent(shared_machines: Path) -> None:
    text = (shared_machines / "text" / "rocminfo-gfx906-agent.txt").read_text()
    assert run_rocminfo(exit=0, stdout=text) == Runtime(
        agents=(Agent(name="gfx906", marketing_name="AMD Instinct MI50/MI60", isa=None),), error=None
    )


def test_the_real_failures(shared_machines: Path) -> None:
    text = (shared_machines / "text" / "rocminfo-errors.txt").read_text()
    blocks = [block.partition("\n")[2] for block in text.split("--- ")[1:]]
    assert len(blocks) == 4
    for block, words in zip(blocks, ("Permission denied", "not permitted", "Invalid argument", "Cannot allocate memory"), strict=True):
        found = run_rocminfo(exit=1, stdout=block)
        assert isinstance(found, Runtime)
        assert found.agents == ()
        assert found.error is not None
        assert words in found.error
        assert "igor" not in found.error
        assert run_rocminfo(exit=0, stdout=block) == found


def test_colours_are_no_words() -> None:
    """The bytes are those of Debian's rocminfo of ROCm 6.4, into a pipe: with a /dev/kfd that is none, and without the driver."""
    failed = "\x1b[31mhsa api call failure at: ./rocminfo.cc:1329\n\x1b[31mCall returned HSA_STATUS_ERROR_OUT_OF_RESOURCES: no \n\x1b[0m"
    assert run_rocminfo(exit=8, stdout=failed) == Runtime(
        agents=(), error="hsa api call failure at: ./rocminfo.cc:1329\nCall returned HSA_STATUS_ERROR_OUT_OF_RESOURCES: no"
    )
    absent = "\x1b[31mROCk module is NOT loaded, possibly no GPU devices\x1b[0m\n"
    assert run_rocminfo(exit=1, stdout=absent) == Runtime(agents=(), error="ROCk module is NOT loaded, possibly no GPU devices")
    assert b"\x1b" not in rocminfo.keep(failed.encode())
    assert run_rocminfo(exit=0, stdout=f"\x1b[37mROCk module is loaded\x1b[0m\n{ROCMINFO}") == Runtime(agents=(MI50,), error=None)


def test_a_machine_without_gpu_and_other_ends() -> None:
    assert run_rocminfo(exit=0, stdout=ROCMINFO[: ROCMINFO.index("*******\nAgent 2")]) == Runtime(agents=(), error=None)
    silent = run_rocminfo(exit=3)
    assert isinstance(silent, Runtime)
    assert silent.error == "exit status 3, without a word"
    for ended, reason in (
        ({"outcome": "timeout"}, "timeout"),
        ({"outcome": "signal", "signal": "SIGABRT", "stderr": "terminate called"}, "crashed"),
        ({"exit": 0, "stdout": "hello"}, "unparsable"),
        ({"error": "EACCES"}, "denied"),
    ):
        found = run_rocminfo(**ended)
        assert isinstance(found, Gap)
        assert found.reason == reason
    absent = rocminfo.runtime(printing(("/usr/bin/other",)))
    assert isinstance(absent, Gap)
    assert absent.reason == "absent"


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        ("amd-smi", "AMDSMI Tool: 24.6.3+9578815 | AMDSMI Library version: 24.6.3.0 | ROCm version: 6.2.2", "24.6.3+9578815"),
        ("rocm-smi", "ROCM-SMI version: 3.0.0+8e78352\nROCM-SMI-LIB version: 7.3.0", "3.0.0+8e78352"),
        ("hipcc", "HIP version: 6.3.42131-fa1d09cbd\nAMD clang version 18.0.0git", "6.3.42131-fa1d09cbd"),
        ("cmake", "cmake version 3.25.1\n\nCMake suite maintained", "3.25.1"),
        ("ninja", "1.11.1.git.kitware.jobserver-1\n", "1.11.1.git.kitware.jobserver-1"),
        ("ccache", "ccache version 4.8\nFeatures: http", "4.8"),
        ("git", "git version 2.39.5 (Apple Git-154)", "2.39.5"),
        ("ffmpeg", "ffmpeg version 5.1.6-0+deb12u1 Copyright (c) 2000-2024", "5.1.6-0+deb12u1"),
        ("ffmpeg", "ffmpeg version n6.1 Copyright", "6.1"),
        ("ffmpeg", "ffmpeg version N-109542-gba5dcb0 Copyright", "N-109542-gba5dcb0"),
        ("docker", "Docker version 26.1.3, build b72abbb", "26.1.3"),
        ("docker", "podman version 4.3.1", "4.3.1"),
        ("podman", "podman version 4.3.1", "4.3.1"),
        ("git", "rubbish", None),
    ],
)
def test_versions(name: str, output: str, expected: str | None) -> None:
    how = VERSIONS[name]
    assert how is not None
    assert parse_version(how[1], output) == expected


def test_tools_found_missing_and_broken() -> None:
    which = {"git": "/usr/bin/git", "cmake": "/usr/bin/cmake", "ninja": "/usr/bin/ninja", "ffmpeg": "/usr/bin/ffmpeg"}
    commands = (
        Ended(argv=("/usr/bin/git", "--version"), exit=0, stdout="git version 2.39.5\n"),
        Ended(argv=("/usr/bin/cmake", "--version"), outcome="timeout"),
        Ended(argv=("/usr/bin/ninja", "--version"), outcome="signal", signal="SIGSEGV"),
        Ended(argv=("/usr/bin/ffmpeg", "-version"), exit=127, stderr="ffmpeg: symbol lookup error\n"),
        Ended(argv=("/opt/rocm-6.3.4/bin/hipcc", "--version"), exit=0, stdout="HIP version: 6.3.4\n"),
    )
    host = whole({"/opt/rocm-6.3.4/bin/hipcc": "", "/opt/rocm-6.3.4/bin/rocminfo": ""}, which=which, commands=commands)
    found = {tool.name: tool for tool in tools(host)}
    assert set(found) == set(VERSIONS)
    assert (found["git"].path, found["git"].version) == ("/usr/bin/git", "2.39.5")
    assert (found["hipcc"].path, found["hipcc"].version) == ("/opt/rocm-6.3.4/bin/hipcc", "6.3.4")
    assert (found["rocminfo"].path, found["rocminfo"].version) == ("/opt/rocm-6.3.4/bin/rocminfo", None)
    assert (found["podman"].path, found["podman"].version) == (None, None)
    reasons = {name: tool.version.reason for name, tool in found.items() if isinstance(tool.version, Gap)}
    assert reasons == {"cmake": "timeout", "ninja": "crashed", "ffmpeg": "unparsable"}


def test_start_up_files() -> None:
    script = '# export HSA_OVERRIDE_GFX_VERSION=9.0.0\nexport HF_TOKEN=hf_secret; export HSA_OVERRIDE_GFX_VERSION="10.3.0" # why not\n'
    host = whole(
        {
            "~/.bashrc": script,
            "/etc/environment": "HIP_VISIBLE_DEVICES=0\nPATH=/usr/bin\n",
            "/etc/profile.d/rocm.sh": "export LD_LIBRARY_PATH='/opt/rocm/lib':$LD_LIBRARY_PATH\n",
            "/etc/profile.d/rocm.csh": "setenv LD_PRELOAD x\n",
        }
    )
    assert env_files(host) == (
        EnvLine(file="~/.bashrc", name="HSA_OVERRIDE_GFX_VERSION", value="10.3.0"),
        EnvLine(file="/etc/environment", name="HIP_VISIBLE_DEVICES", value="0"),
        EnvLine(file="/etc/profile.d/rocm.sh", name="LD_LIBRARY_PATH", value="/opt/rocm/lib:$LD_LIBRARY_PATH"),
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("HSA_OVERRIDE_GFX_VERSION=10.3.0 python x.py", []),
        ("export HSA_OVERRIDE_GFX_VERSION_1=11.0.0", ["HSA_OVERRIDE_GFX_VERSION_1=11.0.0"]),
        ("  export A=1 ROCR_VISIBLE_DEVICES=0,1  LD_PRELOAD=", ["ROCR_VISIBLE_DEVICES=0,1", "LD_PRELOAD="]),
        ("[ -d /opt/rocm ] && export LD_LIBRARY_PATH=/opt/rocm/lib", ["LD_LIBRARY_PATH=/opt/rocm/lib"]),
        ("if true; then export LD_PRELOAD=a.so; fi", ["LD_PRELOAD=a.so"]),
        ("declare -x CUDA_VISIBLE_DEVICES='-1'", ["CUDA_VISIBLE_DEVICES='-1'"]),
        ('alias gpu="HSA_OVERRIDE_GFX_VERSION=10.3.0 python"', []),
        ("echo LD_PRELOAD=x", []),
        ("export MY_HSA_OVERRIDE_GFX_VERSION=1", []),
        ("unset LD_PRELOAD", []),
    ],
)
def test_shell_lines(line: str, expected: list[str]) -> None:
    assert [f"{name}={value}" for name, value in assignments(line)] == expected


def test_a_nasty_line_takes_no_time() -> None:
    start = time.perf_counter()
    for line in ("A=" + "a=" * 50000 + "\x00 y", "export " + "A=1 " * 20000 + "y", "A='" * 30000, ";" * 50000, "\t" * 50000 + "x"):
        assignments(line)
    assert time.perf_counter() - start < 1.0


def test_variables() -> None:
    host = whole(environ={"HSA_OVERRIDE_GFX_VERSION": "10.3.0", "HOME": "/root", "OMP_NUM_THREADS": "4", "HF_TOKEN": "<set>"})
    assert env(host) == {"HF_TOKEN": "<set>", "HSA_OVERRIDE_GFX_VERSION": "10.3.0", "OMP_NUM_THREADS": "4"}
