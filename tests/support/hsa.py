"""The stand-in for the HSA runtime (hsa_runtime.c), compiled and driven; and a kernel for the real one (pretended_kfd.c)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rocmkit.smoke.hook import SOURCE

_FOLDER = Path(__file__).parent
STRICT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g")


def program(target: Path, *options: str) -> Path:
    """The stand-in as a program that obeys lines."""
    source = _FOLDER / "hsa_runtime.c"
    subprocess.run(["gcc", *STRICT, "-O1", *options, "-pthread", f"-I{SOURCE}", str(source), "-o", str(target), "-ldl"], check=True)
    return target


def library(target: Path, *options: str) -> Path:
    """The hook with other options than its own."""
    sources = sorted(map(str, SOURCE.glob("*.c")))
    shared = ("-fPIC", "-shared", "-fvisibility=hidden", "-pthread", "-Wl,-z,nodelete")
    subprocess.run(["gcc", *STRICT, "-O1", *options, *shared, *sources, "-o", str(target), "-ldl"], check=True)
    return target


def by_header(target: Path, headers: Path) -> Path:
    """The program that is laid out by ROCm's own headers. It does not compile where a place differs."""
    source = _FOLDER / "hsa_header.cc"
    options = ("-std=c++14", "-Wall", "-Werror", "-DAMD_INTERNAL_BUILD", f"-isystem{headers}", f"-I{SOURCE}")
    subprocess.run(["g++", *options, str(source), "-o", str(target), "-ldl"], check=True)
    return target


#: What ROCm's runtime reads of a node before it takes it for a gfx906.
_GPU = """cpu_cores_count 0
simd_count 240
mem_banks_count 1
caches_count 1
io_links_count 1
p2p_links_count 0
cpu_core_id_base 0
simd_id_base 2147487744
max_waves_per_simd 10
lds_size_in_kb 64
gds_size_in_kb 0
num_gws 64
wave_front_size 64
array_count 4
simd_arrays_per_engine 1
cu_per_simd_array 16
simd_per_cu 4
max_slots_scratch_cu 32
gfx_target_version 90006
vendor_id 4098
device_id 26273
location_id {location}
domain 0
drm_render_minor {minor}
hive_id 0
num_sdma_engines 2
num_sdma_xgmi_engines 0
num_sdma_queues_per_engine 2
num_cp_queues 24
max_engine_clk_fcompute 1725
local_mem_size 0
fw_version 472
capability 238592
debug_prop 0
sdma_fw_version 145
unique_id {location}
num_xcc 1
max_engine_clk_ccompute 3000
"""
_CPU = """cpu_cores_count 2
simd_count 0
mem_banks_count 1
caches_count 0
io_links_count 0
p2p_links_count 0
max_engine_clk_ccompute 3000
"""
_BANK = "heap_type {heap}\nsize_in_bytes 17163091968\nflags 0\nwidth 4096\nmem_clk_max 1000\n"
_CACHE = "processor_id_low 2147487744\nlevel 2\nsize 4096\ncache_line_size 64\nassociation 16\ntype 9\nsibling_map 1\n"
_LINK = "type 2\nversion_major 0\nversion_minor 0\nnode_from {node}\nnode_to 0\nweight 20\nflags 1\n"


def pretended(folder: Path, gpus: int) -> dict[str, str]:
    """A kernel with a processor and so many GPUs. The variables with which ROCm's runtime finds it."""
    topology = folder / "topology"
    for node in range(1 + gpus):
        there = topology / "nodes" / str(node)
        for name in ("mem_banks/0", "caches", "io_links", "p2p_links"):
            (there / name).mkdir(parents=True)
        (there / "gpu_id").write_text(f"{node * 1000}\n")
        (there / "name").write_text("vega20\n" if node else "\n")
        (there / "properties").write_text(_GPU.format(location=node << 8, minor=127 + node) if node else _CPU)
        (there / "mem_banks" / "0" / "properties").write_text(_BANK.format(heap=1 if node else 0))
        if node:
            (there / "io_links" / "0").mkdir()
            (there / "caches" / "0").mkdir()
            (there / "caches" / "0" / "properties").write_text(_CACHE)
            (there / "io_links" / "0" / "properties").write_text(_LINK.format(node=node))
    (topology / "generation_id").write_text("1\n")
    (topology / "system_properties").write_text("platform_oem 0\nplatform_id 0\nplatform_rev 0\n")
    (folder / "device").touch()
    kernel = folder / "pretended_kfd.so"
    source = _FOLDER / "pretended_kfd.c"
    subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", str(source), "-o", str(kernel), "-ldl"], check=True)
    return {"LD_PRELOAD": str(kernel), "PRETENDED_KFD": str(folder), "HSA_ENABLE_INTERRUPT": "0"}


def real(target: Path) -> Path:
    """The program that drives ROCm's own runtime, Debian's libhsa-runtime64-1."""
    subprocess.run(["gcc", *STRICT, str(_FOLDER / "hsa_real.c"), "-o", str(target), "-lhsa-runtime64"], check=True)
    return target


class Runtime:
    """The program, running."""

    def __init__(self, program: Path, hook: Path | str, env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **env, "HOOK": str(hook)}
        )

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def do(self, line: str) -> int:
        """Have it obey, and hear its answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def last(self, line: str) -> int:
        """Have it obey what ends it. Its return code."""
        self.process.communicate(f"{line}\n", timeout=30)
        return self.process.returncode
