#!/usr/bin/env bash
# CTranslate2 with GPU code for AMD cards: ctranslate2 4.8.1+rocm6.3.gfx906
#
# For gfx906.
# With ROCm 6.3.4 in /opt/rocm-6.3.4, and Python 3.10 (/usr/bin/python3).
# Written by rocmkit out of a recipe with SHA-256 57c978f730a47fd9b3f2bde05aa85a4e9e2091a87eb4a2a1b5866989a8d6caea.
#
# Has to be installed:
#   git: fetches pinned sources and applies patches
#   cmake>=3.21: configures the build; HIP as a language of its own needs 3.21
#   ninja: runs the compilers and counts what is done
#   c++-compiler: compiles for the processor, and brings the C++ library that ROCm's clang uses too
#   strip: takes debug information out of libraries
#   python-headers: headers of the interpreter that the wheel is for
#   python-venv: makes environments of their own to build and to try in
#   hip-compiler: compiles for the GPU
#   rocm-openmp: the OpenMP library of ROCm's clang, which the wheel brings along
#   hipblas: matrix products, as programs call them
#   hipblas-common: types that hipBLAS and hipBLASLt share
#   rocblas: matrix products below hipBLAS
#   hiprand: random numbers, as programs call them
#   rocrand: random numbers on the GPU
#   hipcub: building blocks of kernels, as programs call them
#   rocprim: building blocks of kernels
#   rocthrust: algorithms over vectors
#
# What is fetched, and what it is held to:
#   ctranslate2: https://github.com/OpenNMT/CTranslate2.git at 0d8bcd362ac75ef860ef161d6f0efad0ae439ff0
#   ctranslate2/third_party/cpu_features: https://github.com/google/cpu_features.git at 8a494eb1e158ec2050e5f699a504fbc9b896a43b
#   ctranslate2/third_party/spdlog: https://github.com/gabime/spdlog.git at 76fb40d95455f249bd70824ecfcae7a8f0930fa3
#   onednn: https://github.com/uxlfoundation/oneDNN.git at 64f6bcbcbab628e96f33a62c3e975f8535a7bde4
#
# Note: For gfx906 it was built whole and imported with Debian's ROCm 6.4, its hardest parts were compiled with 7.2, and on 6.1 against that ROCm's headers alone, by a newer clang. None of that ran on a GPU.
# Note: The list of compute types names bfloat16 and int8 for every GPU that HIP calls 8 or newer: on gfx906 take float16; int8 saves memory and no time there, bfloat16 is emulated.
# Note: AWQ models and FlashAttention are not in the HIP build.

set -euo pipefail
# What changes builds without a word.
for name in $(compgen -e); do
  case "$name" in
    AR|ARCHFLAGS|AS|ASMFLAGS|BASH_ENV|CC|CCC_OVERRIDE_OPTIONS|CDPATH|CFLAGS|CLICOLOR_FORCE|COMPILER_PATH|CONFIG_SITE|CPATH|CPLUS_INCLUDE_PATH|CPP|CPPFLAGS|CUDACXX|CUDAFLAGS|CXX|CXXFLAGS|C_INCLUDE_PATH|DESTDIR|DEVICE_LIB_PATH|ENV|FORCE_COLOR|GCC_EXEC_PREFIX|GNUMAKEFLAGS|HCC_AMDGPU_TARGET|LANG|LANGUAGE|LD|LDFLAGS|LD_AUDIT|LD_LIBRARY_PATH|LD_PRELOAD|LD_RUN_PATH|LIBRARY_PATH|MAKEFILES|MAKEFLAGS|MAKELEVEL|MFLAGS|NINJA_STATUS|NM|PYTHONHOME|PYTHONINSPECT|PYTHONOPTIMIZE|PYTHONPATH|PYTHONSTARTUP|PYTORCH_ROCM_ARCH|RANLIB|SSH_ASKPASS|TAR_OPTIONS|CMAKE_*|HIP*|ROCM*|HSA_*|GIT_*|LC_*|CLANG_CONFIG*) unset "$name" ;;
  esac
done
export LC_ALL=C.UTF-8
export GIT_TERMINAL_PROMPT=0
export GIT_CEILING_DIRECTORIES=/build:/build/src
export GIT_CONFIG_COUNT=5
export GIT_CONFIG_KEY_0=core.autocrlf
export GIT_CONFIG_VALUE_0=false
export GIT_CONFIG_KEY_1=core.hooksPath
export GIT_CONFIG_VALUE_1=/dev/null
export GIT_CONFIG_KEY_2=core.fsmonitor
export GIT_CONFIG_VALUE_2=false
export GIT_CONFIG_KEY_3=gc.auto
export GIT_CONFIG_VALUE_3=0
export GIT_CONFIG_KEY_4=maintenance.auto
export GIT_CONFIG_VALUE_4=false
export ROCM_PATH=/opt/rocm-6.3.4
export HIPCXX=/opt/rocm-6.3.4/llvm/bin/clang++
for folder in /opt/rocm-6.3.4/bin /opt/rocm-6.3.4/llvm/bin; do
  case ":$PATH:" in *":$folder:"*) ;; *) PATH="$folder:$PATH" ;; esac
done
export PATH

mkdir -p -- /build/prefix /build/dist

mkdir -p -- /build/files/compat
cat > /build/files/compat/defaults.c <<'ROCMKIT_END'
// Linked into libctranslate2 so that its allocator on the GPU is the caching one unless the user asks for another:
// hipMallocAsync, which it takes otherwise, corrupts memory without an error (OpenNMT/CTranslate2#2090, OpenNMT/CTranslate2#2012).
#include <stdlib.h>

// It runs when the library is loaded, before anything in it can read the variable; a value that is already there stays.
__attribute__((constructor)) static void prefer_the_caching_allocator(void) {
  setenv("CT2_CUDA_ALLOCATOR", "cub_caching", 0);
}
ROCMKIT_END

mkdir -p -- /build/files/compat
cat > /build/files/compat/hip6.h <<'ROCMKIT_END'
// What CTranslate2 4.8 takes from HIP 7, for HIP 6. Force-included (-include) into every C++ and HIP compile; on HIP 7 it adds nothing.
#pragma once

#if defined(__HIP__) && defined(__cplusplus)
#include <hip/hip_version.h>

#if HIP_VERSION_MAJOR < 7
// hipBLAS 2 has the signatures that hipBLAS 3 made the only ones (hipDataType, hipblasComputeType_t), behind this macro.
#ifndef HIPBLAS_V2
#define HIPBLAS_V2
#endif

// The lanes of a wavefront run in step, and its accesses to shared memory stay in order: what is left to do is to keep the compiler
// from moving them across this point. No lane waits, so a mask of any width is honoured, and divergent callers cannot deadlock as they
// would in __syncthreads(). A template, so that a function of the same name, should a header have one, is preferred.
template <typename Mask = unsigned long long>
__attribute__((device)) inline void __syncwarp(Mask = ~Mask(0)) {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront");
  __builtin_amdgcn_wave_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront");
}
#endif

#endif
ROCMKIT_END

# 1/28 fetch-ctranslate2-init: an empty repository for ctranslate2
echo '== 1/28 fetch-ctranslate2-init'
mkdir -p -- /build/src/ctranslate2
cd -- /build/src/ctranslate2
env git init -q /build/src/ctranslate2

# 2/28 fetch-ctranslate2: what is built; of its submodules these two serve a HIP build
echo '== 2/28 fetch-ctranslate2'
mkdir -p -- /build/src/ctranslate2
cd -- /build/src/ctranslate2
env git -C /build/src/ctranslate2 fetch --depth 1 https://github.com/OpenNMT/CTranslate2.git 0d8bcd362ac75ef860ef161d6f0efad0ae439ff0

# 3/28 fetch-ctranslate2-third_party-cpu_features-init: an empty repository for ctranslate2/third_party/cpu_features
echo '== 3/28 fetch-ctranslate2-third_party-cpu_features-init'
mkdir -p -- /build/src/ctranslate2/third_party/cpu_features
cd -- /build/src/ctranslate2/third_party/cpu_features
env GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party git init -q /build/src/ctranslate2/third_party/cpu_features

# 4/28 fetch-ctranslate2-third_party-cpu_features: a submodule of ctranslate2
echo '== 4/28 fetch-ctranslate2-third_party-cpu_features'
mkdir -p -- /build/src/ctranslate2/third_party/cpu_features
cd -- /build/src/ctranslate2/third_party/cpu_features
run=(
  env
  GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party
  git
  -C
  /build/src/ctranslate2/third_party/cpu_features
  fetch
  --depth
  1
  https://github.com/google/cpu_features.git
  8a494eb1e158ec2050e5f699a504fbc9b896a43b
)
"${run[@]}"

# 5/28 fetch-ctranslate2-third_party-spdlog-init: an empty repository for ctranslate2/third_party/spdlog
echo '== 5/28 fetch-ctranslate2-third_party-spdlog-init'
mkdir -p -- /build/src/ctranslate2/third_party/spdlog
cd -- /build/src/ctranslate2/third_party/spdlog
env GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party git init -q /build/src/ctranslate2/third_party/spdlog

# 6/28 fetch-ctranslate2-third_party-spdlog: a submodule of ctranslate2
echo '== 6/28 fetch-ctranslate2-third_party-spdlog'
mkdir -p -- /build/src/ctranslate2/third_party/spdlog
cd -- /build/src/ctranslate2/third_party/spdlog
run=(
  env
  GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party
  git
  -C
  /build/src/ctranslate2/third_party/spdlog
  fetch
  --depth
  1
  https://github.com/gabime/spdlog.git
  76fb40d95455f249bd70824ecfcae7a8f0930fa3
)
"${run[@]}"

# 7/28 fetch-onednn-init: an empty repository for onednn
echo '== 7/28 fetch-onednn-init'
mkdir -p -- /build/src/onednn
cd -- /build/src/onednn
env git init -q /build/src/onednn

# 8/28 fetch-onednn: matrix products on the processor, int8 among them; the version that upstream's own CUDA wheels hold
echo '== 8/28 fetch-onednn'
mkdir -p -- /build/src/onednn
cd -- /build/src/onednn
env git -C /build/src/onednn fetch --depth 1 https://github.com/uxlfoundation/oneDNN.git 64f6bcbcbab628e96f33a62c3e975f8535a7bde4

# 9/28 checkout-ctranslate2: ctranslate2 as it is pinned
echo '== 9/28 checkout-ctranslate2'
mkdir -p -- /build/src/ctranslate2
cd -- /build/src/ctranslate2
env git -C /build/src/ctranslate2 -c advice.detachedHead=false checkout --force --detach 0d8bcd362ac75ef860ef161d6f0efad0ae439ff0

# 10/28 clean-ctranslate2: nothing of an earlier run stays
echo '== 10/28 clean-ctranslate2'
mkdir -p -- /build/src/ctranslate2
cd -- /build/src/ctranslate2
env git -C /build/src/ctranslate2 clean -ffdqx

# 11/28 checkout-ctranslate2-third_party-cpu_features: ctranslate2/third_party/cpu_features as it is pinned
echo '== 11/28 checkout-ctranslate2-third_party-cpu_features'
mkdir -p -- /build/src/ctranslate2/third_party/cpu_features
cd -- /build/src/ctranslate2/third_party/cpu_features
run=(
  env
  GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party
  git
  -C
  /build/src/ctranslate2/third_party/cpu_features
  -c
  advice.detachedHead=false
  checkout
  --force
  --detach
  8a494eb1e158ec2050e5f699a504fbc9b896a43b
)
"${run[@]}"

# 12/28 clean-ctranslate2-third_party-cpu_features: nothing of an earlier run stays
echo '== 12/28 clean-ctranslate2-third_party-cpu_features'
mkdir -p -- /build/src/ctranslate2/third_party/cpu_features
cd -- /build/src/ctranslate2/third_party/cpu_features
env GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party git -C /build/src/ctranslate2/third_party/cpu_features clean -ffdqx

# 13/28 checkout-ctranslate2-third_party-spdlog: ctranslate2/third_party/spdlog as it is pinned
echo '== 13/28 checkout-ctranslate2-third_party-spdlog'
mkdir -p -- /build/src/ctranslate2/third_party/spdlog
cd -- /build/src/ctranslate2/third_party/spdlog
run=(
  env
  GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party
  git
  -C
  /build/src/ctranslate2/third_party/spdlog
  -c
  advice.detachedHead=false
  checkout
  --force
  --detach
  76fb40d95455f249bd70824ecfcae7a8f0930fa3
)
"${run[@]}"

# 14/28 clean-ctranslate2-third_party-spdlog: nothing of an earlier run stays
echo '== 14/28 clean-ctranslate2-third_party-spdlog'
mkdir -p -- /build/src/ctranslate2/third_party/spdlog
cd -- /build/src/ctranslate2/third_party/spdlog
env GIT_CEILING_DIRECTORIES=/build/src/ctranslate2/third_party git -C /build/src/ctranslate2/third_party/spdlog clean -ffdqx

# 15/28 checkout-onednn: onednn as it is pinned
echo '== 15/28 checkout-onednn'
mkdir -p -- /build/src/onednn
cd -- /build/src/onednn
env git -C /build/src/onednn -c advice.detachedHead=false checkout --force --detach 64f6bcbcbab628e96f33a62c3e975f8535a7bde4

# 16/28 clean-onednn: nothing of an earlier run stays
echo '== 16/28 clean-onednn'
mkdir -p -- /build/src/onednn
cd -- /build/src/onednn
env git -C /build/src/onednn clean -ffdqx

# 17/28 onednn-configure: oneDNN as a static library, by ROCm's own clang, so that one OpenMP runtime serves the whole wheel
echo '== 17/28 onednn-configure'
mkdir -p -- /build
cd -- /build
run=(
  env
  cmake
  -G
  Ninja
  -S
  /build/src/onednn
  -B
  /build/build/onednn
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_POLICY_VERSION_MINIMUM=3.5
  -DCMAKE_INSTALL_PREFIX=/build/prefix/onednn
  -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_C_COMPILER=/opt/rocm-6.3.4/llvm/bin/clang
  -DCMAKE_CXX_COMPILER=/opt/rocm-6.3.4/llvm/bin/clang++
  -DCMAKE_C_FLAGS=-ffile-prefix-map=/build=.
  -DCMAKE_CXX_FLAGS=-ffile-prefix-map=/build=.
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON
  -DONEDNN_LIBRARY_TYPE=STATIC
  -DONEDNN_BUILD_EXAMPLES=OFF
  -DONEDNN_BUILD_TESTS=OFF
  -DONEDNN_BUILD_GRAPH=OFF
  -DONEDNN_ENABLE_WORKLOAD=INFERENCE
  '-DONEDNN_ENABLE_PRIMITIVE=CONVOLUTION;REORDER'
  -DONEDNN_ENABLE_JIT_PROFILING=OFF
  -DONEDNN_ENABLE_ITT_TASKS=OFF
  -DONEDNN_CPU_RUNTIME=OMP
  -DONEDNN_GPU_RUNTIME=NONE
)
"${run[@]}"

# 18/28 library-configure: CTranslate2 for HIP; its .cc files hold no kernels, so their pass for the GPU is left out. oneDNN and the object are there by the time it links
echo '== 18/28 library-configure'
mkdir -p -- /build
cd -- /build
run=(
  env
  cmake
  -G
  Ninja
  -S
  /build/src/ctranslate2
  -B
  /build/build/ctranslate2
  -DCMAKE_POLICY_VERSION_MINIMUM=3.5
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_INSTALL_PREFIX=/build/prefix/ctranslate2
  -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_C_COMPILER=/opt/rocm-6.3.4/llvm/bin/clang
  -DCMAKE_CXX_COMPILER=/opt/rocm-6.3.4/llvm/bin/clang++
  -DCMAKE_C_FLAGS=-ffile-prefix-map=/build=.
  '-DCMAKE_CXX_FLAGS=--cuda-host-only -Wno-unused-command-line-argument -msse4.1 -ffile-prefix-map=/build=. -Wno-deprecated-literal-operator -include /build/files/compat/hip6.h'
  '-DCMAKE_HIP_FLAGS=-ffile-prefix-map=/build=. -Wno-deprecated-literal-operator -include /build/files/compat/hip6.h'
  -DCMAKE_SHARED_LINKER_FLAGS=/build/build/defaults.o
  '-DCMAKE_INSTALL_RPATH=$ORIGIN;/opt/rocm-6.3.4/lib;/opt/rocm/lib'
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON
  -DCMAKE_INSTALL_RPATH_USE_LINK_PATH=OFF
  -DCMAKE_HIP_ARCHITECTURES=gfx906
  -DGPU_TARGETS=gfx906
  -DAMDGPU_TARGETS=gfx906
  -DWITH_HIP=ON
  -DWITH_MKL=OFF
  -DWITH_OPENBLAS=OFF
  -DWITH_DNNL=ON
  -DDNNL_INCLUDE_DIR=/build/prefix/onednn/include
  -DDNNL_LIBRARY=/build/prefix/onednn/lib/libdnnl.a
  -DOPENMP_RUNTIME=COMP
  -DBUILD_CLI=OFF
  -DBUILD_TESTS=OFF
)
"${run[@]}"

# 19/28 onednn-build: compiles oneDNN; three of its files take clang minutes each
echo '== 19/28 onednn-build'
mkdir -p -- /build
cd -- /build
env cmake --build /build/build/onednn --target install

# 20/28 defaults: the object that makes the caching allocator the default
echo '== 20/28 defaults'
mkdir -p -- /build/build
cd -- /build/build
env /opt/rocm-6.3.4/llvm/bin/clang -O2 -fPIC -c /build/files/compat/defaults.c -o /build/build/defaults.o

# 21/28 library-build: compiles CTranslate2 for the processor and for every GPU that is asked for
echo '== 21/28 library-build'
mkdir -p -- /build
cd -- /build
env cmake --build /build/build/ctranslate2 --target install

# 22/28 wheel-venv: tools for the wheel, apart from the user's own
echo '== 22/28 wheel-venv'
mkdir -p -- /build
cd -- /build
env /usr/bin/python3 -m venv --clear /build/build/venv

# 23/28 wheel-tools: upstream's pybind11, and tools that still run setup.py
echo '== 23/28 wheel-tools'
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/python -m pip install pybind11==2.11.1 setuptools==80.9.0 wheel==0.45.1

# 24/28 wheel-build: the Python module, which finds the library beside itself; the local version says what the wheel is for
echo '== 24/28 wheel-build'
mkdir -p -- /build/src/ctranslate2/python
cd -- /build/src/ctranslate2/python
run=(
  env
  CTRANSLATE2_ROOT=/build/prefix/ctranslate2
  'CXXFLAGS=-O2 -DNDEBUG -ffile-prefix-map=/build=.'
  'LDFLAGS=-Wl,-rpath,$ORIGIN'
  /build/build/venv/bin/python
  setup.py
  egg_info
  --egg-base
  /build/build
  --tag-build=+rocm6.3.gfx906
  build
  --build-base
  /build/build/python
  bdist_wheel
  --dist-dir
  /build/build/wheel
)
"${run[@]}"

# 25/28 wheel-unpack: upstream's wheel lacks the library
echo '== 25/28 wheel-unpack'
mkdir -p -- /build
cd -- /build
run=(
  env
  /build/build/venv/bin/python
  -m
  wheel
  unpack
  --dest
  /build/build/repair
  /build/build/wheel/ctranslate2-4.8.1+rocm6.3.gfx906-cp310-cp310-linux_x86_64.whl
)
"${run[@]}"

# 26/28 wheel-library: the library, and the OpenMP runtime of ROCm's clang, which machines that only run it do not have
echo '== 26/28 wheel-library'
mkdir -p -- /build
cd -- /build
run=(
  env
  cp
  --dereference
  /build/prefix/ctranslate2/lib/libctranslate2.so.4
  /opt/rocm-6.3.4/llvm/lib/libomp.so
  /build/build/repair/ctranslate2-4.8.1+rocm6.3.gfx906/ctranslate2/
)
"${run[@]}"

# 27/28 wheel-strip: names that only a debugger wants
echo '== 27/28 wheel-strip'
mkdir -p -- /build
cd -- /build
run=(
  env
  strip
  --strip-unneeded
  /build/build/repair/ctranslate2-4.8.1+rocm6.3.gfx906/ctranslate2/_ext.cpython-310-x86_64-linux-gnu.so
  /build/build/repair/ctranslate2-4.8.1+rocm6.3.gfx906/ctranslate2/libctranslate2.so.4
  /build/build/repair/ctranslate2-4.8.1+rocm6.3.gfx906/ctranslate2/libomp.so
)
"${run[@]}"

# 28/28 wheel-pack: writes the wheel with the record of what is in it now
echo '== 28/28 wheel-pack'
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/python -m wheel pack --dest-dir /build/dist /build/build/repair/ctranslate2-4.8.1+rocm6.3.gfx906

echo '== done: /build/dist/ctranslate2-4.8.1+rocm6.3.gfx906-cp310-cp310-linux_x86_64.whl'
