"""A machine whose every corner holds something private: real files and programs below a folder, asked as a live machine is."""

# ruff: noqa: E501 - lines as programs and files have them
from __future__ import annotations

import json
import os
import random
import string
from collections.abc import Callable
from pathlib import Path

from rocmkit.host.live import LiveHost
from rocmkit.host.names import Names
from tests.support.command import script

SEED = 66


class Secrets:
    """Private words of ten kinds, the same ones in every run. With `plain` each is a harmless word instead."""

    def __init__(self, *, plain: bool = False) -> None:
        self.random = random.Random(SEED)
        self.plain = plain
        self.made: dict[str, list[str]] = {}

    def _of(self, alphabet: str, length: int) -> str:
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def _hex(self, *lengths: int, sign: str = "-") -> str:
        return sign.join(self._of("0123456789abcdef", length) for length in lengths)

    def _make(self, kind: str, form: str) -> str:
        letters = string.ascii_lowercase
        if kind in {"user", "host", "home", "process"}:
            return "q" + self._of(letters, 8)
        if kind == "serial":
            return self._of("123456789", 19) if form == "decimal" else self._hex(16)
        if kind == "token":
            return form + self._of(string.ascii_letters + string.digits, 30) + "7"
        if kind == "mac":
            return self._hex(2, 2, 2, 2, 2, 2, sign=form or ":")
        if kind == "address":
            return (
                f"2001:db8:{self._hex(4, 4, sign=':')}::{self._of('123456789', 3)}"
                if form == "6"
                else f"10.{'.'.join(self._of('12', 2) for _ in 'abc')}"
            )
        if kind == "uuid":
            return self._hex(8, 4, 4, 4, 12)
        assert kind == "password"
        return self._of(letters, 12)

    def __call__(self, kind: str, form: str = "") -> str:
        made = self.made.setdefault(kind, [])
        value = self._make(kind, form)
        if self.plain:
            value = f"plain{sum(map(len, self.made.values())) + 10}"
        made.append(value)
        return value

    @property
    def all(self) -> list[str]:
        return [value for values in self.made.values() for value in values]


class PlantedHost(LiveHost):
    """A live machine whose root is a folder. Programs are run, variables are this process's."""

    def __init__(self, root: Path, names: Names) -> None:
        self.root = os.path.realpath(root)
        self.private = names

    def _real(self, path: str) -> str:
        return self.root + self.private.reveal(path)

    def realpath(self, path: str) -> str:
        return self.private.hide(os.path.realpath(self._real(path)).removeprefix(self.root) or "/")

    def which(self, name: str) -> str | None:
        place = f"{self.root}/usr/bin/{name}"
        return f"/usr/bin/{name}" if os.path.exists(place) else None


def plant(root: Path, secret: Callable[..., str]) -> tuple[PlantedHost, dict[str, str], str]:
    """The machine, the variables that it has, and its Python environment."""
    user, host, pod = secret("user"), secret("host"), secret("uuid")
    container, other = secret("host"), secret("home")
    home = f"/home/{user}"

    def write(path: str, text: str | bytes) -> None:
        place = Path(root / path.lstrip("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())

    write(
        "/proc/cmdline",
        f"BOOT_IMAGE=/vmlinuz root=UUID={secret('uuid')} amdgpu.noretry=0 drm.edid_firmware=DP-1:edid/{host}.bin "
        f"amdgpu.note=http://{secret('password')}:{secret('password')}@x/ ip={secret('address')} rd.luks.uuid={secret('uuid')} iommu=pt",
    )
    groups = f"4:memory:/kubepods/pod{pod}/{container}\n1:name=systemd:/user.slice/user-1000.slice/{container}.scope\n"
    write("/proc/self/cgroup", groups)
    write("/proc/1/cgroup", groups)
    write(f"/sys/fs/cgroup/memory/kubepods/pod{pod}/{container}/memory.limit_in_bytes", "68719476736\n")
    write("/proc/self/uid_map", "0 0 4294967295\n")
    write("/proc/self/gid_map", "0 0 4294967295\n")
    write("/proc/self/status", f"Name:\t{secret('process')}\nState:\tR (running)\nSeccomp:\t0\n")
    write("/proc/sys/kernel/osrelease", "6.8.0-45-generic\n")
    write("/proc/meminfo", "MemTotal: 65000000 kB\nMemAvailable: 60000000 kB\n")
    write("/proc/cpuinfo", f"model name\t: AMD Ryzen 7 5800X\nserial\t: {secret('serial')}\n")
    write("/etc/os-release", 'ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04"\nHOME_URL="https://{secret}"\n')
    write("/sys/class/dmi/id/sys_vendor", f"Box of {secret('user')}\n")
    write("/sys/class/dmi/id/product_name", f"{secret('serial')}\n")
    write("/sys/class/dmi/id/product_serial", f"{secret('serial')}\n")
    write("/run/systemd/container", f"{secret('host')}-lxc\n")
    nodes = "/sys/class/kfd/kfd/topology/nodes"
    write(f"{nodes}/1/gpu_id", "51887\n")
    write(f"{nodes}/1/name", "vega20\n")
    write(
        f"{nodes}/1/properties",
        "simd_count 240\nsimd_per_cu 4\ngfx_target_version 90006\nlocation_id 768\ndomain 0\ndevice_id 26273\ncapability 0\n"
        f"unique_id {secret('serial', 'decimal')}\nhive_id {secret('serial', 'decimal')}\ncard_serial {secret('serial', 'decimal')}\n",
    )
    write(f"{nodes}/1/mem_banks/0/properties", f"heap_type 1\nsize_in_bytes 17163091968\nserial {secret('serial', 'decimal')}\n")
    card = "/sys/bus/pci/devices/0000:03:00.0"
    for name, text in {
        "vendor": "0x1002",
        "device": "0x66a1",
        "class": "0x038000",
        "unique_id": secret("serial"),
        "serial_number": secret("serial"),
    }.items():
        write(f"{card}/{name}", text + "\n")
    (root / "sys/bus/pci/drivers" / "amdgpu").mkdir(parents=True)
    (root / card.lstrip("/") / "driver").symlink_to("../../../../bus/pci/drivers/amdgpu")
    write("/sys/module/amdgpu/version", "6.8.5\n")
    write("/sys/module/amdgpu/parameters/noretry", "0\n")
    write(
        "/etc/modprobe.d/gpu.conf",
        f"blacklist amdgpu # {secret('user')} with {secret('token', 'hf_')}\noptions x key={secret('token', 'npm_')}\n",
    )
    write(
        "/var/lib/dkms/amdgpu/6.8.5/build/make.log",
        "DKMS make.log for amdgpu-6.8.5 for kernel 6.8.0-45-generic (x86_64)\n"
        f"/home/{secret('home')}/kernel/a.c:1: error: built by {user}@{host} password={secret('password')} from https://{secret('password')}@git/x\n"
        f"make: *** [{secret('address', '6')}: {secret('mac', '-')} {secret('uuid')}] Error 2\n",
    )
    write(
        "/etc/profile.d/rocm.sh",
        f"export LD_LIBRARY_PATH=/opt/rocm/lib:/home/{secret('home')}/lib:/data/{user}/lib; export AWS={secret('token', 'AKIA')}\n",
    )
    write(
        f"{home}/.bashrc",
        f"export HF_TOKEN={secret('token', 'hf_')}\nexport ROCR_VISIBLE_DEVICES=GPU-{secret('serial')}\n"
        f"export LD_PRELOAD=/mnt/{secret('token', 'ghp_')}/lib.so:/media/{secret('home')}/{secret('uuid')}/x.so\n",
    )
    site = f"{home}/venv/lib/python3.10/site-packages"
    write(f"{site}/own.pth", f"/home/{secret('home')}/src\nimport os; os.environ['X'] = '{secret('password')}'\n# {secret('user')}\n")
    write(f"{site}/mine-1.0.dist-info/METADATA", f"Name: mine\nVersion: 1.0\nAuthor: {secret('user')} <{user}@{host}>\n")
    write(f"{site}/odd.egg-info/PKG-INFO", f"Name: odd\nVersion: 2.0+{user}\nHome-page: https://{secret('password')}@x\n")
    write(
        f"{site}/torch/version.py", f"__version__ = '2.6.0+rocm6.1'\nhip = '6.1.40091'\ncuda = None\ngit = '{secret('token', 'glpat-')}'\n"
    )
    (root / site.lstrip("/") / os.fsdecode(b"\xff" + user.encode() + b".pth")).write_text("/opt/odd\n")
    write(f"/home/{other}/real/lib.txt", "x")
    (root / "opt").mkdir(exist_ok=True)
    (root / "opt/rocm").symlink_to(f"../home/{other}/real")
    answer = {
        "version": "3.10.12",
        "implementation": "cpython",
        "executable": f"{home}/venv/bin/python",
        "prefix": f"{home}/venv",
        "base_prefix": f"/home/{secret('home')}/pyenv",
        "venv": True,
        "conda": False,
        "paths": [site, f"/net/{host}/{user}/site"],
        "externally_managed": False,
        "soabi": "cpython-310-x86_64-linux-gnu",
        "bits": 64,
    }
    script(
        root / f"home/{user}/venv/bin",
        "python",
        f"echo 'Hello {secret('user')}'\ncat <<'END'\n<rocmkit-python>{json.dumps(answer)}</rocmkit-python>\nEND\n",
    )
    log = (
        f"Oct 12 00:18:40 {secret('host')} kernel: [   27.730294] kfd kfd: amdgpu: added device 1002:66a1",
        f"[   30.000001] {secret('process')}[4194301]: segfault at 34 ip 00007f1234567890 sp 00007ffd12345678 error 4 in libamdhip64.so.6[7f1234000000+1000]",
        "[   30.000002] python3[4194302]: segfault at 8 ip 00007f1234567890 sp 00007ffd12345678 error 6 in libtorch_hip.so[7f1234000000+1000]",
        f"[   31.000000] traps: {secret('process')} x[4194303] trap invalid opcode ip:7f1234567890 sp:7ffd12345678 error:0 in librocblas.so.4[7f00+10]",
        f"[   32.000000] amdgpu 0000:03:00.0: amdgpu: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32771, for process {secret('process')} pid 4194304 thread {secret('process')} pid 4194305)",
        f"[   33.000000] Out of memory: Killed process 4194306 ({secret('process')}) total-vm:1kB, anon-rss:1kB, UID:4194307 pgtables:1kB",
        f"[   34.000000] [drm:amdgpu_job_timedout [amdgpu]] *ERROR* Process information: process {secret('process')} pid 4194308 thread python3:cs0 pid 4194309",
        f"[   35.000000] amdgpu 0000:03:00.0: amdgpu: GPU reset begin! asked by {secret('mac')} {secret('address')} {secret('address', '6')} {secret('uuid')}",
        f"[   36.000000] amdgpu 0000:03:00.0: amdgpu: ring sdma0 timeout, serial number: {secret('serial')} --api-key {secret('password')} token {secret('token', 'eyJ')}",
        f"[   37.000000] amdgpu 0000:03:00.0: Direct firmware load for amdgpu/vega20_sos.bin failed, tried /home/{secret('home')}/fw on {host}",
        f"[   38.000000] usb 1-1: SerialNumber: {secret('serial')}",
    )
    script(root / "usr/bin", "dmesg", "cat <<'END'\n" + "\n".join(log) + "\nEND\n")
    script(
        root / "usr/bin",
        "rocminfo",
        f"cat <<'END'\n{secret('user')} is member of render group\n  Uuid:  GPU-{secret('serial')}\nEND\n"
        f"echo 'hsa failed: unable to open /home/{secret('home')}/x for {user} at {secret('address')} {secret('mac')} secret={secret('password')}' >&2; exit 1\n",
    )
    script(root / "usr/bin", "git", f"echo 'git version 2.39.2 built for {secret('user')} at /home/{secret('home')}/src'\n")
    script(
        root / "usr/bin",
        "ffmpeg",
        f"echo 'ffmpeg version 6.1.1 Copyright {secret('user')}'; echo 'configuration: --prefix=/home/{secret('home')}/version'\n",
    )
    variables = {
        "HOME": home,
        "USER": user,
        "LOGNAME": user,
        "PATH": "/usr/bin:/bin",
        "HF_TOKEN": secret("token", "hf_"),
        "HSA_OVERRIDE_GFX_VERSION": "9.0.6",
        "NCCL_COMM_ID": f"{secret('address')}:1234",
        "NCCL_SOCKET_IFNAME": f"eth0,{secret('mac')}",
        "HF_HOME": f"/home/{secret('home')}/hf",
        "TORCH_EXTENSIONS_DIR": f"https://{secret('password')}:{secret('password')}@mirror/x",
        "HIP_NOTE": secret("token", "sk-ant-a1"),
        "MIOPEN_USER_DB_PATH": f"/run/media/{user}/{secret('uuid')}/db",
        "TMPDIR": f"/mnt/{secret('address')}/tmp",
        "ROCM_API_KEY": secret("password"),
        "AMD_HOST": host,
        "GPU_PROXY": f"socks://{secret('password')}@[{secret('address', '6')}]:1080",
        "HF_ENDPOINT": secret("host"),
        "PIP_INDEX_URL": f"https://{secret('password')}@x/simple",
        "LD_LIBRARY_PATH": f"{home}/lib:/home/{secret('home')}/lib:/opt/rocm/lib",
    }
    names = Names(home, user=[user], machine=[f"{host}.lan", host], containers=[f"pod{pod}", container], others=True)
    return PlantedHost(root, names), variables, f"{home}/venv"
