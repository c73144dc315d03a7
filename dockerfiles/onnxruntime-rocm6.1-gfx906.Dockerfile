# syntax=docker/dockerfile:1
#
# ONNX Runtime with the ROCm provider: onnxruntime 1.19.2+rocm6.1.gfx906
#
# For gfx906.
# With ROCm 6.1.2 in /opt/rocm-6.1.2, and Python 3.10 (/usr/bin/python3).
# Written by rocmkit out of a recipe with SHA-256 3b1abc4081ea68b925cc3a98a89de079a2f0075bca7878a6d17642ec770c4704.
#
# Has to be installed:
#   git: fetches pinned sources and applies patches
#   ninja: runs the compilers and counts what is done
#   c++-compiler>=9: compiles for the processor, and brings the C++ library that ROCm's clang uses too
#   strip: takes debug information out of libraries
#   python-headers: headers of the interpreter that the wheel is for
#   python-venv: makes environments of their own to build and to try in
#   hip-compiler: compiles for the GPU
#   hipify-perl: turns CUDA sources into HIP ones
#   hipblas: matrix products, as programs call them
#   rocblas: matrix products below hipBLAS
#   hiprand: random numbers, as programs call them
#   rocrand: random numbers on the GPU
#   hipfft: Fourier transforms, as programs call them
#   hipsparse: sparse matrices, as programs call them
#   hipcub: building blocks of kernels, as programs call them
#   rocprim: building blocks of kernels
#   rocthrust: algorithms over vectors
#   miopen: convolutions
#   rocm-smi: tells how much memory a GPU has left
#
# What is fetched, and what it is held to:
#   onnxruntime: https://github.com/microsoft/onnxruntime.git at ffceed9d44f2f3efb9dd69fa75fea51163c91d91
#   abseil: https://github.com/abseil/abseil-cpp.git at f46495ea96f68fc3f6c394f099b2992743f6ff7f
#   re2: https://github.com/google/re2.git at 6dcd83d60f7944926bfd308cc13979fc53dd69ca
#   protobuf: https://github.com/protocolbuffers/protobuf.git at f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
#   date: https://github.com/HowardHinnant/date.git at 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
#   mp11: https://github.com/boostorg/mp11.git at 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
#   json: https://github.com/nlohmann/json.git at 4f8fba14066156b73f1189a2b8bd568bde5284c5
#   cpuinfo: https://github.com/pytorch/cpuinfo.git at ca678952a9a8eaa6de112d154e8e104b22f9ab3f
#   gsl: https://github.com/microsoft/GSL.git at a3534567187d2edc428efd3f13466ff75fe5805c
#   safeint: https://github.com/dcleblanc/SafeInt.git at 4cafc9196c4da9c817992b20f5253ef967685bf8
#   flatbuffers: https://github.com/google/flatbuffers.git at 0100f6a5779831fa7a651e4b67ef389a8752bd9b
#   pybind11: https://github.com/pybind/pybind11.git at 941f45bcb51457884fa1afd6e24a67377d70f75c
#   onnx: https://github.com/onnx/onnx.git at 595228d99e3977ac27cb79d5963adda262af99ad
#   eigen: https://github.com/eigen-mirror/eigen.git at e7248b26a1ed53fa030c5c459f7ea095dfd276ac
#   utf8_range: https://github.com/protocolbuffers/utf8_range.git at 72c943dea2b9240cd09efde15191e144bc7c7d38
#   nsync: https://github.com/google/nsync.git at 13de152c2a1cd73ff4df97bd2c406b6d15d34af3
#
# Note: It was configured against Debian's ROCm 6.4 alone, and 7 of its 106 GPU units were compiled for gfx906 there, by a newer clang and headers than those of 6.0 and 6.1. It was not linked, and none of it ran on a GPU.
# Note: Take float32 models: of int8 ones the products of matrices (MatMulInteger) run on the processor, with copies to and from the card around each.
# Note: composable_kernel is left out, since it has no code for cards such as gfx906 and takes hours: fused MultiHeadAttention, which ONNX Runtime's transformer optimiser makes, then fails on more than one position at a time, and fewer ways to multiply matrices are tried. ReazonSpeech k2 has neither.
# Note: MIOpen looks for its kernels at every new length of the input, which takes seconds: pad to a few lengths, and set MIOPEN_FIND_MODE=FAST.
# Note: A library that is missing where it runs makes the provider vanish, mostly without an exception: get_available_providers() names it all the same. Where ROCm sees no card at all, loading it ends the process with SIGABRT.
# Note: RCCL and roctracer are not linked: training on several cards and the GPU's own part of profiles are left out.
#
# Builds into the folder out, with BuildKit: docker build --output out -f FILE .
#
# WARNING: rocm/dev-ubuntu-22.04:6.1.2-complete is not pinned: no public source tells its digest.

FROM rocm/dev-ubuntu-22.04:6.1.2-complete AS build

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git ninja-build g++ binutils python3.10-dev python3.10-venv rocm-hip-runtime-dev hipify-clang hipblas-dev rocblas-dev hiprand-dev rocrand-dev hipfft-dev hipsparse-dev hipcub-dev rocprim-dev rocthrust-dev miopen-hip-dev rocm-smi-lib
rm -rf /var/lib/apt/lists/*
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/environment.sh
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
export ROCM_PATH=/opt/rocm-6.1.2
export HIPCXX=/opt/rocm-6.1.2/llvm/bin/clang++
for folder in /opt/rocm-6.1.2/bin /opt/rocm-6.1.2/llvm/bin; do
  case ":$PATH:" in *":$folder:"*) ;; *) PATH="$folder:$PATH" ;; esac
done
export PATH
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/files/patch-protobuf-1.sha256
15c25dc027cdae5fabe907d1ca9d9372c654277e82c50c3c706d4f5946a6933d  cmake/patches/protobuf/protobuf_cmake.patch
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/files/patch-flatbuffers-1.sha256
9c597b79b3b35302a19b31a42b4680c4e36f9c3934a5b1b988ddd5a36c68ee33  cmake/patches/flatbuffers/flatbuffers.patch
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/files/patch-onnx-1.sha256
e449e3747c1cf01350d7bdb23c286d26102be6a0cf5c38d7afd52859d19c7fbb  cmake/patches/onnx/onnx.patch
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/files/compat/rocm.cmake
# Read by CMake right behind ONNX Runtime's project(), so that no file of it has to be changed.
# ROCMKIT_ROCM is the ROCm that is built with, ROCMKIT_ROCM_VERSION its release, ROCMKIT_FILES the folder of this file.
include_guard(GLOBAL)

# RCCL and roctracer are looked for, and an error where they are not there, though inference calls neither. Something that is linked anyway
# stands in for them.
set(RCCL_LIB m CACHE STRING "not used" FORCE)
set(ROCTRACER_LIB m CACHE STRING "not used" FORCE)

# roctracer's headers are read even where nothing is traced. These hold the two types that are named then; HIP has the other one.
foreach(header IN ITEMS roctracer roctracer_hcc roctracer_hip roctracer_ext roctracer_roctx)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/no-roctracer/roctracer/${header}.h" @ONLY CONTENT
"#pragma once
#include <hip/hip_runtime_api.h>
#include <hip/amd_detail/hip_prof_str.h>
typedef struct activity_record_s roctracer_record_t;
")
endforeach()
include_directories(BEFORE "${CMAKE_BINARY_DIR}/no-roctracer")

# The one file that calls roctracer is of no use without it. -parallel-jobs, which AMD's branch asks for, is known to AMD's own clang alone,
# and would start more compilers than were reckoned with.
function(rocmkit_change_targets)
  get_target_property(sources onnxruntime_providers_rocm SOURCES)
  list(FILTER sources EXCLUDE REGEX "/core/providers/rocm/roctracer_manager\\.cc$")
  set_property(TARGET onnxruntime_providers_rocm PROPERTY SOURCES ${sources})
  get_target_property(options onnxruntime_providers_rocm COMPILE_OPTIONS)
  string(REGEX REPLACE " -parallel-jobs=[0-9]+" "" options "${options}")
  list(APPEND options "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include ${ROCMKIT_FILES}/half.h>")
  set_property(TARGET onnxruntime_providers_rocm PROPERTY COMPILE_OPTIONS ${options})
  # Newer compilers warn of more. CMake's own option for this is forgotten when it is run again by ninja.
  get_property(targets DIRECTORY "${CMAKE_SOURCE_DIR}" PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    set_property(TARGET ${target} PROPERTY COMPILE_WARNING_AS_ERROR OFF)
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL rocmkit_change_targets)

# ONNX Runtime reads ROCm's release, as 6.3.4-1, from a file that AMD's packages have and distributions' have not, and again from a header.
set(onnxruntime_ROCM_HOME "${ROCMKIT_ROCM}" CACHE PATH "root of ROCm" FORCE)
set(told "")
if(EXISTS "${ROCMKIT_ROCM}/.info/version")
  file(READ "${ROCMKIT_ROCM}/.info/version" told LIMIT 64)
endif()
if(NOT told MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+-" OR NOT EXISTS "${ROCMKIT_ROCM}/include/rocm-core/rocm_version.h")
  set(home "${CMAKE_BINARY_DIR}/rocm-home")
  string(REGEX MATCH "^([0-9]+)\\.([0-9]+)(\\.([0-9]+))?" found "${ROCMKIT_ROCM_VERSION}")
  if(NOT found)
    message(FATAL_ERROR "ROCm's release is not known: ${ROCMKIT_ROCM_VERSION}")
  endif()
  set(patch 0)
  if(NOT "${CMAKE_MATCH_4}" STREQUAL "")
    set(patch "${CMAKE_MATCH_4}")
  endif()
  file(WRITE "${home}/.info/version" "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${patch}-0\n")
  file(WRITE "${home}/include/rocm-core/rocm_version.h"
"#pragma once
#define ROCM_VERSION_MAJOR ${CMAKE_MATCH_1}
#define ROCM_VERSION_MINOR ${CMAKE_MATCH_2}
#define ROCM_VERSION_PATCH ${patch}
")
  foreach(part IN ITEMS bin lib llvm)
    if(EXISTS "${ROCMKIT_ROCM}/${part}")
      file(CREATE_LINK "${ROCMKIT_ROCM}/${part}" "${home}/${part}" SYMBOLIC)
    endif()
  endforeach()
  # The folder of the distribution's own headers has to stay where the compiler has it in its order: it is found without being named.
  if(NOT ROCMKIT_ROCM STREQUAL "/usr")
    include_directories(SYSTEM "${ROCMKIT_ROCM}/include")
  endif()
  set(onnxruntime_ROCM_HOME "${home}" CACHE PATH "root of ROCm" FORCE)
endif()
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/files/compat/half.h
/* Newer hipify writes HIP's name for the largest half. HIP defines it for every compiler by a function that only its own has; without the
   name, ONNX Runtime takes the number. */
#pragma once
#include <hip/hip_fp16.h>
#if !defined(__HIP__)
#undef HIPRT_MAX_NORMAL_FP16
#endif
ROCMKIT_END

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
mkdir -p -- /build/prefix /build/dist
ROCMKIT_END

# 1/80 fetch-onnxruntime-init: an empty repository for onnxruntime
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git init -q /build/src/onnxruntime
ROCMKIT_END

# 2/80 fetch-onnxruntime: what is built
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git -C /build/src/onnxruntime fetch --depth 1 https://github.com/microsoft/onnxruntime.git ffceed9d44f2f3efb9dd69fa75fea51163c91d91
ROCMKIT_END

# 3/80 fetch-abseil-init: an empty repository for abseil
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git init -q /build/src/abseil
ROCMKIT_END

# 4/80 fetch-abseil: hash tables and strings
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git -C /build/src/abseil fetch --depth 1 https://github.com/abseil/abseil-cpp.git f46495ea96f68fc3f6c394f099b2992743f6ff7f
ROCMKIT_END

# 5/80 fetch-re2-init: an empty repository for re2
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git init -q /build/src/re2
ROCMKIT_END

# 6/80 fetch-re2: regular expressions in operators of strings
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git -C /build/src/re2 fetch --depth 1 https://github.com/google/re2.git 6dcd83d60f7944926bfd308cc13979fc53dd69ca
ROCMKIT_END

# 7/80 fetch-protobuf-init: an empty repository for protobuf
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git init -q /build/src/protobuf
ROCMKIT_END

# 8/80 fetch-protobuf: reads models
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf fetch --depth 1 https://github.com/protocolbuffers/protobuf.git f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
ROCMKIT_END

# 9/80 fetch-date-init: an empty repository for date
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git init -q /build/src/date
ROCMKIT_END

# 10/80 fetch-date: times in logs
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git -C /build/src/date fetch --depth 1 https://github.com/HowardHinnant/date.git 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
ROCMKIT_END

# 11/80 fetch-mp11-init: an empty repository for mp11
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git init -q /build/src/mp11
ROCMKIT_END

# 12/80 fetch-mp11: lists of types
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git -C /build/src/mp11 fetch --depth 1 https://github.com/boostorg/mp11.git 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
ROCMKIT_END

# 13/80 fetch-json-init: an empty repository for json
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git init -q /build/src/json
ROCMKIT_END

# 14/80 fetch-json: JSON
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git -C /build/src/json fetch --depth 1 https://github.com/nlohmann/json.git 4f8fba14066156b73f1189a2b8bd568bde5284c5
ROCMKIT_END

# 15/80 fetch-cpuinfo-init: an empty repository for cpuinfo
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git init -q /build/src/cpuinfo
ROCMKIT_END

# 16/80 fetch-cpuinfo: what the processor can do
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git -C /build/src/cpuinfo fetch --depth 1 https://github.com/pytorch/cpuinfo.git ca678952a9a8eaa6de112d154e8e104b22f9ab3f
ROCMKIT_END

# 17/80 fetch-gsl-init: an empty repository for gsl
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git init -q /build/src/gsl
ROCMKIT_END

# 18/80 fetch-gsl: views of memory
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git -C /build/src/gsl fetch --depth 1 https://github.com/microsoft/GSL.git a3534567187d2edc428efd3f13466ff75fe5805c
ROCMKIT_END

# 19/80 fetch-safeint-init: an empty repository for safeint
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git init -q /build/src/safeint
ROCMKIT_END

# 20/80 fetch-safeint: sums that do not overflow
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git -C /build/src/safeint fetch --depth 1 https://github.com/dcleblanc/SafeInt.git 4cafc9196c4da9c817992b20f5253ef967685bf8
ROCMKIT_END

# 21/80 fetch-flatbuffers-init: an empty repository for flatbuffers
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git init -q /build/src/flatbuffers
ROCMKIT_END

# 22/80 fetch-flatbuffers: models in ONNX Runtime's own format
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers fetch --depth 1 https://github.com/google/flatbuffers.git 0100f6a5779831fa7a651e4b67ef389a8752bd9b
ROCMKIT_END

# 23/80 fetch-pybind11-init: an empty repository for pybind11
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git init -q /build/src/pybind11
ROCMKIT_END

# 24/80 fetch-pybind11: the Python module
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git -C /build/src/pybind11 fetch --depth 1 https://github.com/pybind/pybind11.git 941f45bcb51457884fa1afd6e24a67377d70f75c
ROCMKIT_END

# 25/80 fetch-onnx-init: an empty repository for onnx
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git init -q /build/src/onnx
ROCMKIT_END

# 26/80 fetch-onnx: what operators are
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx fetch --depth 1 https://github.com/onnx/onnx.git 595228d99e3977ac27cb79d5963adda262af99ad
ROCMKIT_END

# 27/80 fetch-eigen-init: an empty repository for eigen
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git init -q /build/src/eigen
ROCMKIT_END

# 28/80 fetch-eigen: matrices on the processor
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git -C /build/src/eigen fetch --depth 1 https://github.com/eigen-mirror/eigen.git e7248b26a1ed53fa030c5c459f7ea095dfd276ac
ROCMKIT_END

# 29/80 fetch-utf8_range-init: an empty repository for utf8_range
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/utf8_range
cd -- /build/src/utf8_range
env git init -q /build/src/utf8_range
ROCMKIT_END

# 30/80 fetch-utf8_range: protobuf's text
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/utf8_range
cd -- /build/src/utf8_range
env git -C /build/src/utf8_range fetch --depth 1 https://github.com/protocolbuffers/utf8_range.git 72c943dea2b9240cd09efde15191e144bc7c7d38
ROCMKIT_END

# 31/80 fetch-nsync-init: an empty repository for nsync
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/nsync
cd -- /build/src/nsync
env git init -q /build/src/nsync
ROCMKIT_END

# 32/80 fetch-nsync: locks
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/nsync
cd -- /build/src/nsync
env git -C /build/src/nsync fetch --depth 1 https://github.com/google/nsync.git 13de152c2a1cd73ff4df97bd2c406b6d15d34af3
ROCMKIT_END

# 33/80 checkout-onnxruntime: onnxruntime as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git -C /build/src/onnxruntime -c advice.detachedHead=false checkout --force --detach ffceed9d44f2f3efb9dd69fa75fea51163c91d91
ROCMKIT_END

# 34/80 clean-onnxruntime: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git -C /build/src/onnxruntime clean -ffdqx
ROCMKIT_END

# 35/80 checkout-abseil: abseil as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git -C /build/src/abseil -c advice.detachedHead=false checkout --force --detach f46495ea96f68fc3f6c394f099b2992743f6ff7f
ROCMKIT_END

# 36/80 clean-abseil: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git -C /build/src/abseil clean -ffdqx
ROCMKIT_END

# 37/80 checkout-re2: re2 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git -C /build/src/re2 -c advice.detachedHead=false checkout --force --detach 6dcd83d60f7944926bfd308cc13979fc53dd69ca
ROCMKIT_END

# 38/80 clean-re2: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git -C /build/src/re2 clean -ffdqx
ROCMKIT_END

# 39/80 checkout-protobuf: protobuf as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf -c advice.detachedHead=false checkout --force --detach f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
ROCMKIT_END

# 40/80 clean-protobuf: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf clean -ffdqx
ROCMKIT_END

# 41/80 verify-patch-protobuf-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env sha256sum --check --strict /build/files/patch-protobuf-1.sha256
ROCMKIT_END

# 42/80 patch-protobuf-1: what ONNX Runtime changes in protobuf's CMake files
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf apply -p1 --whitespace=nowarn /build/src/onnxruntime/cmake/patches/protobuf/protobuf_cmake.patch
ROCMKIT_END

# 43/80 checkout-date: date as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git -C /build/src/date -c advice.detachedHead=false checkout --force --detach 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
ROCMKIT_END

# 44/80 clean-date: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git -C /build/src/date clean -ffdqx
ROCMKIT_END

# 45/80 checkout-mp11: mp11 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git -C /build/src/mp11 -c advice.detachedHead=false checkout --force --detach 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
ROCMKIT_END

# 46/80 clean-mp11: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git -C /build/src/mp11 clean -ffdqx
ROCMKIT_END

# 47/80 checkout-json: json as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git -C /build/src/json -c advice.detachedHead=false checkout --force --detach 4f8fba14066156b73f1189a2b8bd568bde5284c5
ROCMKIT_END

# 48/80 clean-json: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git -C /build/src/json clean -ffdqx
ROCMKIT_END

# 49/80 checkout-cpuinfo: cpuinfo as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git -C /build/src/cpuinfo -c advice.detachedHead=false checkout --force --detach ca678952a9a8eaa6de112d154e8e104b22f9ab3f
ROCMKIT_END

# 50/80 clean-cpuinfo: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git -C /build/src/cpuinfo clean -ffdqx
ROCMKIT_END

# 51/80 checkout-gsl: gsl as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git -C /build/src/gsl -c advice.detachedHead=false checkout --force --detach a3534567187d2edc428efd3f13466ff75fe5805c
ROCMKIT_END

# 52/80 clean-gsl: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git -C /build/src/gsl clean -ffdqx
ROCMKIT_END

# 53/80 checkout-safeint: safeint as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git -C /build/src/safeint -c advice.detachedHead=false checkout --force --detach 4cafc9196c4da9c817992b20f5253ef967685bf8
ROCMKIT_END

# 54/80 clean-safeint: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git -C /build/src/safeint clean -ffdqx
ROCMKIT_END

# 55/80 checkout-flatbuffers: flatbuffers as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers -c advice.detachedHead=false checkout --force --detach 0100f6a5779831fa7a651e4b67ef389a8752bd9b
ROCMKIT_END

# 56/80 clean-flatbuffers: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers clean -ffdqx
ROCMKIT_END

# 57/80 verify-patch-flatbuffers-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env sha256sum --check --strict /build/files/patch-flatbuffers-1.sha256
ROCMKIT_END

# 58/80 patch-flatbuffers-1: what ONNX Runtime changes in flatbuffers
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers apply -p1 --whitespace=nowarn /build/src/onnxruntime/cmake/patches/flatbuffers/flatbuffers.patch
ROCMKIT_END

# 59/80 checkout-pybind11: pybind11 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git -C /build/src/pybind11 -c advice.detachedHead=false checkout --force --detach 941f45bcb51457884fa1afd6e24a67377d70f75c
ROCMKIT_END

# 60/80 clean-pybind11: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git -C /build/src/pybind11 clean -ffdqx
ROCMKIT_END

# 61/80 checkout-onnx: onnx as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx -c advice.detachedHead=false checkout --force --detach 595228d99e3977ac27cb79d5963adda262af99ad
ROCMKIT_END

# 62/80 clean-onnx: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx clean -ffdqx
ROCMKIT_END

# 63/80 verify-patch-onnx-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env sha256sum --check --strict /build/files/patch-onnx-1.sha256
ROCMKIT_END

# 64/80 patch-onnx-1: what ONNX Runtime changes in onnx; without it not all operators are registered as it expects
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx apply -p1 --whitespace=nowarn /build/src/onnxruntime/cmake/patches/onnx/onnx.patch
ROCMKIT_END

# 65/80 checkout-eigen: eigen as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git -C /build/src/eigen -c advice.detachedHead=false checkout --force --detach e7248b26a1ed53fa030c5c459f7ea095dfd276ac
ROCMKIT_END

# 66/80 clean-eigen: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git -C /build/src/eigen clean -ffdqx
ROCMKIT_END

# 67/80 checkout-utf8_range: utf8_range as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/utf8_range
cd -- /build/src/utf8_range
env git -C /build/src/utf8_range -c advice.detachedHead=false checkout --force --detach 72c943dea2b9240cd09efde15191e144bc7c7d38
ROCMKIT_END

# 68/80 clean-utf8_range: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/utf8_range
cd -- /build/src/utf8_range
env git -C /build/src/utf8_range clean -ffdqx
ROCMKIT_END

# 69/80 checkout-nsync: nsync as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/nsync
cd -- /build/src/nsync
env git -C /build/src/nsync -c advice.detachedHead=false checkout --force --detach 13de152c2a1cd73ff4df97bd2c406b6d15d34af3
ROCMKIT_END

# 70/80 clean-nsync: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/nsync
cd -- /build/src/nsync
env git -C /build/src/nsync clean -ffdqx
ROCMKIT_END

# 71/80 tools-venv: tools for the build, apart from the user's own
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /usr/bin/python3 -m venv --clear /build/build/venv
ROCMKIT_END

# 72/80 tools: a CMake that is new enough and not too new, NumPy's headers, and tools that still run setup.py
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/python -m pip install cmake==3.31.10 'numpy>=2,<3' 'packaging>=24,<27' setuptools==80.9.0 wheel==0.45.1
ROCMKIT_END

# 73/80 library-configure: ONNX Runtime with the ROCm provider, without composable_kernel, and with every dependency from the pinned sources instead of from the network
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
run=(
  env
  /build/build/venv/bin/cmake
  -G
  Ninja
  -S
  /build/src/onnxruntime/cmake
  -B
  /build/build/onnxruntime
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_INSTALL_PREFIX=/build/prefix
  -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_INSTALL_INCLUDEDIR=include
  -DBUILD_PKGCONFIG_FILES=OFF
  '-DCMAKE_C_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build=.'
  '-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build=.'
  '-DCMAKE_HIP_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build=.'
  '-DCMAKE_INSTALL_RPATH=$ORIGIN;/opt/rocm-6.1.2/lib;/opt/rocm/lib'
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON
  -DCMAKE_INSTALL_RPATH_USE_LINK_PATH=OFF
  -DCMAKE_PREFIX_PATH=/opt/rocm-6.1.2
  -DCMAKE_HIP_COMPILER=/opt/rocm-6.1.2/llvm/bin/clang++
  -DCMAKE_HIP_ARCHITECTURES=gfx906
  -DGPU_TARGETS=gfx906
  -DCMAKE_PROJECT_onnxruntime_INCLUDE=/build/files/compat/rocm.cmake
  -DROCMKIT_FILES=/build/files/compat
  -DROCMKIT_ROCM=/opt/rocm-6.1.2
  -DROCMKIT_ROCM_VERSION=6.1.2
  -DMIOPEN_VERSION_H_PATH=/opt/rocm-6.1.2/include/miopen
  -DPython_EXECUTABLE=/build/build/venv/bin/python
  -DPython3_EXECUTABLE=/build/build/venv/bin/python
  -DPYTHON_EXECUTABLE=/build/build/venv/bin/python
  -DFETCHCONTENT_FULLY_DISCONNECTED=ON
  -DFETCHCONTENT_TRY_FIND_PACKAGE_MODE=NEVER
  -DFETCHCONTENT_SOURCE_DIR_ABSEIL_CPP=/build/src/abseil
  -DFETCHCONTENT_SOURCE_DIR_RE2=/build/src/re2
  -DFETCHCONTENT_SOURCE_DIR_PROTOBUF=/build/src/protobuf
  -DFETCHCONTENT_SOURCE_DIR_DATE=/build/src/date
  -DFETCHCONTENT_SOURCE_DIR_MP11=/build/src/mp11
  -DFETCHCONTENT_SOURCE_DIR_NLOHMANN_JSON=/build/src/json
  -DFETCHCONTENT_SOURCE_DIR_PYTORCH_CPUINFO=/build/src/cpuinfo
  -DFETCHCONTENT_SOURCE_DIR_GSL=/build/src/gsl
  -DFETCHCONTENT_SOURCE_DIR_FLATBUFFERS=/build/src/flatbuffers
  -DFETCHCONTENT_SOURCE_DIR_PYBIND11_PROJECT=/build/src/pybind11
  -DFETCHCONTENT_SOURCE_DIR_ONNX=/build/src/onnx
  -DFETCHCONTENT_SOURCE_DIR_UTF8_RANGE=/build/src/utf8_range
  -DFETCHCONTENT_SOURCE_DIR_SAFEINT=/build/src/safeint
  -DFETCHCONTENT_SOURCE_DIR_EIGEN=/build/src/eigen
  -DFETCHCONTENT_SOURCE_DIR_GOOGLE_NSYNC=/build/src/nsync
  -DFETCHCONTENT_SOURCE_DIR_PYTORCH_CLOG=/build/src/cpuinfo
  -Donnxruntime_USE_ROCM=ON
  -Donnxruntime_USE_COMPOSABLE_KERNEL=OFF
  -Donnxruntime_USE_COMPOSABLE_KERNEL_CK_TILE=OFF
  -Donnxruntime_USE_NCCL=OFF
  -Donnxruntime_ENABLE_ROCM_PROFILING=OFF
  -Donnxruntime_BUILD_SHARED_LIB=ON
  -Donnxruntime_ENABLE_PYTHON=ON
  -Donnxruntime_BUILD_UNIT_TESTS=OFF
  -Donnxruntime_USE_FULL_PROTOBUF=OFF
  -Dprotobuf_WITH_ZLIB=OFF
)
"${run[@]}"
ROCMKIT_END

# 74/80 hipify: turns the CUDA sources into HIP ones, each file once; seconds of Perl for each of hundreds
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/cmake --build /build/build/onnxruntime --target generate_hipified_files
ROCMKIT_END

# 75/80 library-build: compiles ONNX Runtime for the processor, and the provider for every GPU that is asked for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/cmake --build /build/build/onnxruntime
ROCMKIT_END

# 76/80 library-install: headers and libraries for programs in C and C++, such as sherpa-onnx
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/cmake --install /build/build/onnxruntime --strip
ROCMKIT_END

# 77/80 wheel-build: the wheel; the local version says what it is for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/build/onnxruntime
cd -- /build/build/onnxruntime
run=(
  env
  /build/build/venv/bin/python
  /build/src/onnxruntime/setup.py
  egg_info
  --egg-base
  /build/build
  --tag-build=+rocm6.1.gfx906
  build
  --build-base
  /build/build/python
  bdist_wheel
  --dist-dir
  /build/build/wheel
  --use_rocm
  --rocm_version=6.1.2
)
"${run[@]}"
ROCMKIT_END

# 78/80 wheel-unpack: what is in it is stripped
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
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
  /build/build/wheel/onnxruntime_rocm-1.19.2+rocm6.1.gfx906-cp310-cp310-linux_x86_64.whl
)
"${run[@]}"
ROCMKIT_END

# 79/80 wheel-strip: names that only a debugger wants
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
run=(
  env
  strip
  --strip-unneeded
  /build/build/repair/onnxruntime_rocm-1.19.2+rocm6.1.gfx906/onnxruntime/capi/onnxruntime_pybind11_state.so
  /build/build/repair/onnxruntime_rocm-1.19.2+rocm6.1.gfx906/onnxruntime/capi/libonnxruntime.so.1.19.2
  /build/build/repair/onnxruntime_rocm-1.19.2+rocm6.1.gfx906/onnxruntime/capi/libonnxruntime_providers_rocm.so
  /build/build/repair/onnxruntime_rocm-1.19.2+rocm6.1.gfx906/onnxruntime/capi/libonnxruntime_providers_shared.so
)
"${run[@]}"
ROCMKIT_END

# 80/80 wheel-pack: writes the wheel with the record of what is in it now
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/python -m wheel pack --dest-dir /build/dist /build/build/repair/onnxruntime_rocm-1.19.2+rocm6.1.gfx906
ROCMKIT_END

# All that is left: what was built.
FROM scratch AS result
COPY --from=build /build/dist/ /
COPY --from=build /build/prefix/ /onnxruntime-1.19.2+rocm6.1.gfx906/
