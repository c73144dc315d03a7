"""A small upstream project as people publish them, written when a test runs, and the recipe that builds it for HIP.

It is CUDA in upstream's hands: a library of two kernels, a repository of its own for what both share, and a Python package with a C
extension. The recipe makes it HIP with a patch, with a header that is included by force, and with a default of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rocmkit.build.recipe import Loaded
from rocmkit.build.toolchain import BuildPython, Distribution, Toolchain

NAME = "toytone"
VERSION = "1.2.0"
ARCHS = ("gfx906", "gfx90a", "gfx1030")
_LLVM = "/usr/lib/llvm-15/bin"
_LIB = "/usr/lib/x86_64-linux-gnu"
#: What has to be there, and Debian's package for it: `run` installs them.
NEEDED = {
    f"{_LLVM}/clang++": "clang-15",
    f"{_LLVM}/clang-offload-bundler": "clang-tools-15",
    f"{_LLVM}/ld.lld": "lld-15",
    f"{_LIB}/cmake/hip-lang/hip-lang-config.cmake": "libamdhip64-dev",
    f"{_LIB}/amdgcn/bitcode/ockl.bc": "rocm-device-libs",
    "/usr/bin/cmake": "cmake",
    "/usr/bin/ninja": "ninja-build",
    "/usr/bin/git": "git",
    f"{sysconfig.get_paths()['include']}/Python.h": "python3-dev",
}

SHARED = {
    "numbers.h": """
#pragma once
#define NUMBERS_BLOCK 64
""",
}
PROJECT = {
    "CMakeLists.txt": """\
cmake_minimum_required(VERSION 3.21)
project(toytone LANGUAGES CXX CUDA)
set(KERNELS src/scale.cu src/sum.cu)
add_library(toytone SHARED src/toytone.cpp ${KERNELS})
target_include_directories(toytone PUBLIC include PRIVATE third_party/numbers)
set_target_properties(toytone PROPERTIES VERSION ${TOYTONE_VERSION} SOVERSION 1)
install(TARGETS toytone LIBRARY DESTINATION lib)
install(FILES include/toytone.h DESTINATION include)
""",
    "include/toytone.h": """\
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
int toytone_block(void);
int toytone_scale(float* values, int count, float by);
int toytone_sum(const float* values, int count, float* into);
#ifdef __cplusplus
}
#endif
""",
    "src/toytone.cpp": """\
#include "toytone.h"
#include "numbers.h"
#include <string>
std::string where() { return __FILE__; }
int toytone_block(void) { return where().empty() ? 0 : NUMBERS_BLOCK; }
""",
    "src/scale.cu": """\
#include "toytone.h"
#include "numbers.h"
#include <cuda_runtime.h>
__global__ void scale(float* values, int count, float by) {
    int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < count) values[at] *= by;
}
int toytone_scale(float* values, int count, float by) {
    scale<<<(count + NUMBERS_BLOCK - 1) / NUMBERS_BLOCK, NUMBERS_BLOCK>>>(values, count, by);
    return cudaDeviceSynchronize();
}
""",
    "src/sum.cu": """\
#include "toytone.h"
#include "numbers.h"
#include <cuda_runtime.h>
__global__ void sum(const float* values, int count, float* into) {
    __shared__ float parts[NUMBERS_BLOCK];
    float own = 0;
    for (int at = threadIdx.x; at < count; at += NUMBERS_BLOCK) own += values[at];
    parts[threadIdx.x] = own;
    __syncthreads();
    __syncwarp();
    if (threadIdx.x == 0) {
        float all = 0;
        for (int at = 0; at < NUMBERS_BLOCK; at++) all += parts[at];
        *into = all;
    }
}
int toytone_sum(const float* values, int count, float* into) {
    sum<<<1, NUMBERS_BLOCK>>>(values, count, into);
    return cudaDeviceSynchronize();
}
""",
    "python/setup.py": """\
import os
from setuptools import Extension, setup

prefix = os.environ["TOYTONE_PREFIX"]
setup(
    name="toytone",
    version=os.environ["TOYTONE_VERSION"],
    packages=["toytone"],
    package_data={"toytone": ["*.so*"]},
    ext_modules=[
        Extension(
            "toytone._toytone",
            ["toytone/_toytone.c"],
            include_dirs=[prefix + "/include"],
            library_dirs=[prefix + "/lib"],
            libraries=["toytone"],
            extra_link_args=["-Wl,-rpath,$ORIGIN"],
        )
    ],
)
""",
    "python/toytone/__init__.py": """\
from toytone._toytone import block

__all__ = ["block"]
""",
    "python/toytone/_toytone.c": """\
#include <Python.h>
#include <toytone.h>
static PyObject* block(PyObject* self, PyObject* none) { return PyLong_FromLong(toytone_block()); }
static PyMethodDef methods[] = {{"block", block, METH_NOARGS, ""}, {0, 0, 0, 0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_toytone", "", -1, methods, 0, 0, 0, 0};
PyMODINIT_FUNC PyInit__toytone(void) { return PyModule_Create(&module); }
""",
}
PATCH = """\
--- a/CMakeLists.txt
+++ b/CMakeLists.txt
@@ -1,6 +1,7 @@
 cmake_minimum_required(VERSION 3.21)
-project(toytone LANGUAGES CXX CUDA)
+project(toytone LANGUAGES CXX HIP)
 set(KERNELS src/scale.cu src/sum.cu)
+set_source_files_properties(${KERNELS} PROPERTIES LANGUAGE HIP)
 add_library(toytone SHARED src/toytone.cpp ${KERNELS})
 target_include_directories(toytone PUBLIC include PRIVATE third_party/numbers)
 set_target_properties(toytone PROPERTIES VERSION ${TOYTONE_VERSION} SOVERSION 1)
"""
BROUGHT = {
    "compat/cuda_runtime.h": """\
#include <hip/hip_runtime.h>
#define cudaDeviceSynchronize hipDeviceSynchronize
""",
    # HIP has __syncwarp from ROCm 7 on.
    "compat/warp.h": """\
#if defined(__HIPCC__)
#define __syncwarp() __builtin_amdgcn_wave_barrier()
#endif
""",
    "compat/defaults.c": """\
#include <stdlib.h>
__attribute__((constructor)) static void defaults(void) { setenv("TOYTONE_ALLOCATOR", "cached", 0); }
""",
}
_WHY = {"why": "the tests want it", "link": "https://llvm.org/docs/AMDGPUUsage.html"}


def missing() -> str | None:
    """What to install before this can be built; None: nothing."""
    packages = sorted({package for place, package in NEEDED.items() if not Path(place).exists()})
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}" if packages else None


def toolchain(python: str = sys.executable) -> Toolchain:
    """Debian 12's HIP, and a Python."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX").removeprefix(".").removesuffix(".so")
    return Toolchain(
        layout="debian",
        version="5.2.3",
        root="/usr",
        lib=_LIB,
        llvm=_LLVM,
        openmp="/usr/lib/llvm-15/lib/libomp.so.5",
        device_lib=f"{_LIB}/amdgcn/bitcode",
        compiler="15.0.6",
        machine="x86_64",
        python=BuildPython(
            executable=python,
            version="{}.{}.{}".format(*sys.version_info),
            tag=f"cp{sys.version_info[0]}{sys.version_info[1]}",
            suffix=suffix,
        ),
        distribution=Distribution(id="debian", version="12", manager="apt"),
        supposed=False,
    )


def _git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "a"), ("EMAIL", "a@example.org"))}
    dates = {f"GIT_{role}_DATE": "2024-05-01T12:00:00Z" for role in ("AUTHOR", "COMMITTER")}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who, **dates}
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, env=env, timeout=60)
    return done.stdout.strip()


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def repository(folder: Path, files: dict[str, str]) -> str:
    """A git repository with these files, and its commit."""
    _write(folder, files)
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "one")
    return _git(folder, "rev-parse", "HEAD")


@dataclass
class Upstream:
    """The project's repositories, and their commits."""

    folder: Path
    commit: str = ""
    shared: str = ""

    def __post_init__(self) -> None:
        self.shared = repository(self.folder / "numbers", SHARED)
        place = self.folder / NAME
        _write(place, {".gitmodules": f'[submodule "third_party/numbers"]\n\tpath = third_party/numbers\n\turl = {self.folder}/numbers\n'})
        _write(place, PROJECT)
        _git(place, "init", "-q", "-b", "main")
        _git(place, "add", "-A")
        _git(place, "update-index", "--add", "--cacheinfo", f"160000,{self.shared},third_party/numbers")
        _git(place, "commit", "-q", "-m", "one")
        self.commit = _git(place, "rev-parse", "HEAD")

    def recipe(self, **changes: Any) -> Recipe:
        """Its recipe, changed as a test wants it."""
        return Recipe(self, **changes)


@dataclass
class Recipe:
    """A recipe for the project. What a test changes of it makes the faults."""

    upstream: Upstream
    arch: str = "{arch}"  # what the compiler is told
    version: str = "{local_version}"  # of the wheel
    map_paths: bool = True  # the compiler leaves the work folder out of what it writes
    bundle: bool = True  # the library is put into the wheel
    cuda: bool = False  # it is linked with a library of CUDA's name
    default: bool = True  # the library sets its variable
    rpath: str = "$ORIGIN;{rocm_lib}"
    expect: dict[str, Any] = field(default_factory=dict)
    patch: str = PATCH

    def write(self, root: Path) -> Path:
        """The recipe's folder, with all that it brings."""
        folder = root / NAME
        _write(folder, {**BROUGHT, "patches/hip.patch": self.patch, "recipe.yaml": json.dumps(self.data(), indent=1)})
        return folder

    def load(self, root: Path) -> Loaded:
        """The recipe as rocmkit reads it."""
        from rocmkit.build.load import load

        return load(self.write(root))

    def data(self) -> dict[str, Any]:
        source = {
            "git": str(self.upstream.folder / NAME),
            "commit": self.upstream.commit,
            "ref": "main",
            "submodules": [{"path": "third_party/numbers", "git": str(self.upstream.folder / "numbers"), "commit": self.upstream.shared}],
            "why": "the project",
        }
        expect = {
            "imports": [NAME],
            "bundled": ["libtoytone.so"],
            "rocm": ["libamdhip64.so"],
            "env": {"TOYTONE_ALLOCATOR": "cached"},
            "files": ["lib/libtoytone.so.*", "include/toytone.h"],
            **self.expect,
        }
        release = {
            "version": VERSION,
            "rocm": ">=5.2,<6",
            "known": "measured",
            "why": "the only one there is",
            "links": [_WHY["link"]],
            "fetch": {NAME: source},
            "patches": [{"to": NAME, "file": "patches/hip.patch", "sha256": hashlib.sha256(self.patch.encode()).hexdigest(), **_WHY}],
            "files": [{"file": name, **_WHY} for name in BROUGHT],
            "needs": [],
            "cost": {"core_minutes": 0.2, "memory_per_job_gib": 0.5, "disk_gib": 0.1, "measured": "on two cores"},
            "steps": [{"why": "the project wants it", **step} for step in self.steps()],
            "expect": expect,
        }
        return {
            "name": NAME,
            "title": "Toytone for AMD cards",
            "summary": "A small project that the tests build.",
            "package": NAME,
            "licence": "MIT",
            "releases": [release],
        }

    def steps(self) -> list[dict[str, Any]]:
        shorter = "-ffile-prefix-map={work}=." if self.map_paths else "-g"
        include = f"{shorter} -I{{files}}/compat -include {{files}}/compat/warp.h"
        linked = "{build}/defaults.o" if self.default else ""
        fake = []
        if self.cuda:
            linked += " -Wl,--no-as-needed {build}/libcudart.so"
            shape = ["-shared", "-Wl,-soname,libcudart.so.12", "-x", "c", "/dev/null", "-o", "{build}/libcudart.so"]
            fake = [{"name": "fake-cuda", "stage": "build", "run": ["{clang}", *shape], "cwd": "{build}"}]
        configure = [
            *("cmake", "-G", "Ninja", "-S", "{src}/toytone", "-B", "{build}/library", "-DCMAKE_BUILD_TYPE=Release"),
            *("-DCMAKE_INSTALL_PREFIX={prefix}", f"-DCMAKE_HIP_ARCHITECTURES={self.arch}", "-DCMAKE_CXX_COMPILER={clangxx}"),
            # Debian keeps CMake's files for HIP where CMake 3.25 does not look.
            *("-DCMAKE_HIP_COMPILER_ROCM_ROOT={build}/rocm", "-DCMAKE_PREFIX_PATH={build}/rocm", "-DTOYTONE_VERSION={version}"),
            *(f"-DCMAKE_CXX_FLAGS={shorter}", f"-DCMAKE_HIP_FLAGS={include}", f"-DCMAKE_SHARED_LINKER_FLAGS={linked}"),
            *(f"-DCMAKE_INSTALL_RPATH={self.rpath}", "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON"),
        ]
        env = {"TOYTONE_PREFIX": "{prefix}", "TOYTONE_VERSION": self.version, "CFLAGS": shorter, "SOURCE_DATE_EPOCH": "1714564800"}
        wheel = ["{python}", "setup.py", "-q", "bdist_wheel", "-d", "{dist}"]
        steps: list[dict[str, Any]] = [
            {"name": "rocm-folder", "stage": "configure", "run": ["cmake", "-E", "make_directory", "{build}/rocm"]},
            {"name": "rocm-link", "stage": "configure", "run": ["cmake", "-E", "create_symlink", "{rocm_lib}", "{build}/rocm/lib"]},
            {
                "name": "defaults",
                "stage": "build",
                "run": ["{clang}", "-O2", "-fPIC", "-c", "{files}/compat/defaults.c", "-o", "{build}/defaults.o"],
            },
            *fake,
            {
                "name": "configure",
                "stage": "configure",
                "run": configure,
                # The test of the compiler is a project of its own, which knows none of the above.
                "env": {"CMAKE_PREFIX_PATH": "{build}/rocm"},
            },
            {"name": "compile", "stage": "build", "run": ["ninja", "-C", "{build}/library", "install"], "progress": True},
            {"name": "wheel", "stage": "wheel", "run": wheel, "cwd": "{src}/toytone/python", "env": env},
        ]
        if self.bundle:
            copy = ["cp", "{prefix}/lib/libtoytone.so.1", "{src}/toytone/python/toytone/"]
            steps.insert(-1, {"name": "bundle", "stage": "wheel", "run": copy})
        order = ["configure", "build", "wheel"]
        return sorted(steps, key=lambda step: order.index("build" if step["name"] == "configure" else step["stage"]))
