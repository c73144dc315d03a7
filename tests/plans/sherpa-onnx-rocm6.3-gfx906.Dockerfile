# syntax=docker/dockerfile:1
#
# ONNX Runtime with the ROCm provider: onnxruntime 1.22.1+rocm6.3.gfx906
#
# For gfx906.
# With ROCm 6.3.4 in /opt/rocm-6.3.4, and Python 3.10 (/usr/bin/python3).
# Written by rocmkit out of a recipe with SHA-256 3b1abc4081ea68b925cc3a98a89de079a2f0075bca7878a6d17642ec770c4704.
#
# Has to be installed:
#   git: fetches pinned sources and applies patches
#   ninja: runs the compilers and counts what is done
#   c++-compiler>=11.1: compiles for the processor, and brings the C++ library that ROCm's clang uses too
#   strip: takes debug information out of libraries
#   python-headers: headers of the interpreter that the wheel is for
#   python-venv: makes environments of their own to build and to try in
#   hip-compiler: compiles for the GPU
#   hipblas: matrix products, as programs call them
#   hipblas-common: types that hipBLAS and hipBLASLt share
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
#   onnxruntime: https://github.com/microsoft/onnxruntime.git at 89746dc19a0a1ae59ebf4b16df9acab8f99f3925
#   abseil: https://github.com/abseil/abseil-cpp.git at 4447c7562e3bc702ade25105912dce503f0c4010
#   re2: https://github.com/google/re2.git at 6dcd83d60f7944926bfd308cc13979fc53dd69ca
#   protobuf: https://github.com/protocolbuffers/protobuf.git at f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
#   date: https://github.com/HowardHinnant/date.git at 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
#   mp11: https://github.com/boostorg/mp11.git at 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
#   json: https://github.com/nlohmann/json.git at 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03
#   cpuinfo: https://github.com/pytorch/cpuinfo.git at 8a1772a0c5c447df2d18edf33ec4603a8c9c04a6
#   gsl: https://github.com/microsoft/GSL.git at a3534567187d2edc428efd3f13466ff75fe5805c
#   safeint: https://github.com/dcleblanc/SafeInt.git at 4cafc9196c4da9c817992b20f5253ef967685bf8
#   flatbuffers: https://github.com/google/flatbuffers.git at 0100f6a5779831fa7a651e4b67ef389a8752bd9b
#   pybind11: https://github.com/pybind/pybind11.git at a2e59f0e7065404b44dfe92a28aca47ba1378dc4
#   onnx: https://github.com/onnx/onnx.git at b8baa8446686496da4cc8fda09f2b6fe65c2a02c
#   eigen: https://github.com/eigen-mirror/eigen.git at 1d8b82b0740839c0de7f1242a3585e3390ff5f33
#   dlpack: https://github.com/dmlc/dlpack.git at 277508879878e0a5b5b43599b1bea11f66eb3c6c
#
# Note: With Debian's ROCm 6.4 all its sources were turned into HIP, all its 111 GPU units were compiled for gfx906 by clang 21, and 8 other files by g++ 16. It was not linked, and none of it ran on a GPU; ROCm 6.2 and 6.3, AMD's own compilers and g++ 11 were not tried.
# Note: Take float32 models: of int8 ones the products of matrices (MatMulInteger) run on the processor, with copies to and from the card around each.
# Note: composable_kernel is left out, since it has no code for cards such as gfx906 and takes hours: fused MultiHeadAttention, which ONNX Runtime's transformer optimiser makes, then fails on more than one position at a time, and fewer ways to multiply matrices are tried. ReazonSpeech k2 has neither.
# Note: MIOpen looks for its kernels at every new length of the input, which takes seconds: pad to a few lengths, and set MIOPEN_FIND_MODE=FAST.
# Note: A library that is missing where it runs makes the provider vanish, mostly without an exception: get_available_providers() names it all the same. Where ROCm sees no card at all, loading it ends the process with SIGABRT.
# Note: RCCL and roctracer are not linked: training on several cards and the GPU's own part of profiles are left out.
#
# sherpa-onnx that knows the providers rocm and migraphx: sherpa-onnx 1.13.4+rocm6.3.gfx906
#
# For gfx906.
# With ROCm 6.3.4 in /opt/rocm-6.3.4, and Python 3.10 (/usr/bin/python3).
# Written by rocmkit out of a recipe with SHA-256 c3844f35afa458ba192255d2cea21eab5c5931dced1d80c056c8b854ac6e6636.
#
# Has to be installed:
#   git: fetches pinned sources and applies patches
#   cmake>=3.18: configures the build; HIP as a language of its own needs 3.21
#   ninja: runs the compilers and counts what is done
#   c++-compiler: compiles for the processor, and brings the C++ library that ROCm's clang uses too
#   strip: takes debug information out of libraries
#   python-headers: headers of the interpreter that the wheel is for
#   python-venv: makes environments of their own to build and to try in
#
# What is fetched, and what it is held to:
#   sherpa-onnx: https://github.com/k2-fsa/sherpa-onnx.git at 142807252687d81b40d6315f23470a1512a00de3
#   kaldi-native-fbank: https://github.com/csukuangfj/kaldi-native-fbank/archive/refs/tags/v1.22.3.tar.gz at 9176cc66fc7ce1edf85cf355b06e320c57db6297df74277f575183468893cf61
#   kissfft: https://github.com/mborgerding/kissfft.git at febd4caeed32e33ad8b2e0bb5ea77542c40f18ec
#   kaldi-decoder: https://github.com/k2-fsa/kaldi-decoder.git at 62fda2d74246a90db9570e46fb16b012f813fae7
#   kaldifst: https://github.com/k2-fsa/kaldifst/archive/refs/tags/v1.8.0.tar.gz at 3f247b7e5a2409071202f5e2bc6200060f66728c0a3443c03923ad2723e040b3
#   openfst: https://github.com/csukuangfj/openfst/archive/refs/tags/v1.8.5-2026-04-11.tar.gz at 57fbc4b950ae81b1a0e1e298af15652da968a6723a592b7874e9b4027a80a5b4
#   eigen: https://github.com/eigen-mirror/eigen.git at bc3b39870ecb690a623a3f49149a358b95c5781d
#   simple-sentencepiece: https://github.com/pkufool/simple-sentencepiece.git at 62dd423df1d51da5ea06f1c3a046fc04f01b4f39
#   json: https://github.com/nlohmann/json/archive/refs/tags/v3.12.0.tar.gz at 4b92eb0c06d10683f7447ce9406cb97cd4b453be18d7279320f7b2f025c10187
#   hclust-cpp: https://github.com/csukuangfj/hclust-cpp/archive/refs/tags/2026-02-25.tar.gz at 8f14e024c709d73afb40ae69cb22de4b73dba67cbce40f2e518813da8139ab56
#   pybind11: https://github.com/pybind/pybind11.git at ed5057ded698e305210269dafa57574ecf964483
#
# Note: Take the fp32 files. Of an int8 model the matrix products stay on the processor, with a copy to and from the card around each.
# Note: MIOpen looks for and compiles its kernels at each new length of audio, which takes seconds; MIOPEN_FIND_MODE=FAST shortens that. sherpa-onnx does not pad to a few lengths: `rocmkit transcribe` does.
# Note: provider="migraphx" needs a build of ONNX Runtime that has it, which the recipe onnxruntime does not make: with this wheel it raises.
# Note: Where ROCm sees no card at all, ONNX Runtime's provider ends the process with SIGABRT as it is loaded, in every release that the recipe onnxruntime builds; sherpa-onnx cannot catch that.
# Note: The card is the first one, in offline models: choose another with HIP_VISIBLE_DEVICES.
# Note: Decode in one thread: with several, MIOpen was seen to fail with `No invoker was registered for convolution forward` (immich-app/immich#11063).
# Note: A process that makes ROCm sessions with this module and with an onnxruntime package of its own has one provider library for both: the second session fails. With the onnxruntime for the processor beside it no harm was seen.
# Note: Without speech synthesis, programs, the C API and sound from ALSA: the Python module alone.
# Note: It was built whole, against a published ONNX Runtime 1.22.2 with the ROCm provider, and gave the same tokens as upstream's wheel on the processor; openfst, json and hclust-cpp had to be older releases there than the pinned ones. It did not run on a GPU.
#
# Builds into the folder out, with BuildKit: docker build --output out -f FILE .

FROM rocm/dev-ubuntu-22.04:6.3.4-complete@sha256:1f7e92ca7e3a3785680473329ed1091fc99db3e90fcb3a1688f2933e870ed76b AS onnxruntime

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git ninja-build g++ binutils python3.10-dev python3.10-venv rocm-hip-runtime-dev hipblas-dev hipblas-common-dev rocblas-dev hiprand-dev rocrand-dev hipfft-dev hipsparse-dev hipcub-dev rocprim-dev rocthrust-dev miopen-hip-dev rocm-smi-lib
rm -rf /var/lib/apt/lists/*
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/onnxruntime/environment.sh
set -euo pipefail
# What changes builds without a word.
for name in $(compgen -e); do
  case "$name" in
    AR|ARCHFLAGS|AS|ASMFLAGS|BASH_ENV|CC|CCC_OVERRIDE_OPTIONS|CDPATH|CFLAGS|CLICOLOR_FORCE|COMPILER_PATH|CONFIG_SITE|CPATH|CPLUS_INCLUDE_PATH|CPP|CPPFLAGS|CUDACXX|CUDAFLAGS|CXX|CXXFLAGS|C_INCLUDE_PATH|DESTDIR|DEVICE_LIB_PATH|ENV|FORCE_COLOR|GCC_EXEC_PREFIX|GNUMAKEFLAGS|HCC_AMDGPU_TARGET|LANG|LANGUAGE|LD|LDFLAGS|LD_AUDIT|LD_LIBRARY_PATH|LD_PRELOAD|LD_RUN_PATH|LIBRARY_PATH|MAKEFILES|MAKEFLAGS|MAKELEVEL|MFLAGS|NINJA_STATUS|NM|PYTHONHOME|PYTHONINSPECT|PYTHONOPTIMIZE|PYTHONPATH|PYTHONSTARTUP|PYTORCH_ROCM_ARCH|RANLIB|SSH_ASKPASS|TAR_OPTIONS|CMAKE_*|HIP*|ROCM*|HSA_*|GIT_*|LC_*|CLANG_CONFIG*) unset "$name" ;;
  esac
done
export LC_ALL=C.UTF-8
export GIT_TERMINAL_PROMPT=0
export GIT_CEILING_DIRECTORIES=/build/onnxruntime:/build/onnxruntime/src
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
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/onnxruntime/files/patch-protobuf-1.sha256
15c25dc027cdae5fabe907d1ca9d9372c654277e82c50c3c706d4f5946a6933d  cmake/patches/protobuf/protobuf_cmake.patch
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/onnxruntime/files/patch-flatbuffers-1.sha256
9c597b79b3b35302a19b31a42b4680c4e36f9c3934a5b1b988ddd5a36c68ee33  cmake/patches/flatbuffers/flatbuffers.patch
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/onnxruntime/files/patch-onnx-1.sha256
f8b364cee8a617add78ab577cfe9d5b61084c8829fe9e95fd638d125bf9f1553  cmake/patches/onnx/onnx.patch
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/onnxruntime/files/compat/rocm.cmake
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

COPY <<'ROCMKIT_END' /build/onnxruntime/files/compat/half.h
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
mkdir -p -- /build/onnxruntime/prefix /build/onnxruntime/dist
ROCMKIT_END

# 1/76 fetch-onnxruntime-init: an empty repository for onnxruntime
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnxruntime
cd -- /build/onnxruntime/src/onnxruntime
env git init -q /build/onnxruntime/src/onnxruntime
ROCMKIT_END

# 2/76 fetch-onnxruntime: what is built
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnxruntime
cd -- /build/onnxruntime/src/onnxruntime
run=(
  env
  git
  -C
  /build/onnxruntime/src/onnxruntime
  fetch
  --depth
  1
  https://github.com/microsoft/onnxruntime.git
  89746dc19a0a1ae59ebf4b16df9acab8f99f3925
)
"${run[@]}"
ROCMKIT_END

# 3/76 fetch-abseil-init: an empty repository for abseil
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/abseil
cd -- /build/onnxruntime/src/abseil
env git init -q /build/onnxruntime/src/abseil
ROCMKIT_END

# 4/76 fetch-abseil: hash tables and strings
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/abseil
cd -- /build/onnxruntime/src/abseil
env git -C /build/onnxruntime/src/abseil fetch --depth 1 https://github.com/abseil/abseil-cpp.git 4447c7562e3bc702ade25105912dce503f0c4010
ROCMKIT_END

# 5/76 fetch-re2-init: an empty repository for re2
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/re2
cd -- /build/onnxruntime/src/re2
env git init -q /build/onnxruntime/src/re2
ROCMKIT_END

# 6/76 fetch-re2: regular expressions in operators of strings
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/re2
cd -- /build/onnxruntime/src/re2
env git -C /build/onnxruntime/src/re2 fetch --depth 1 https://github.com/google/re2.git 6dcd83d60f7944926bfd308cc13979fc53dd69ca
ROCMKIT_END

# 7/76 fetch-protobuf-init: an empty repository for protobuf
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/protobuf
cd -- /build/onnxruntime/src/protobuf
env git init -q /build/onnxruntime/src/protobuf
ROCMKIT_END

# 8/76 fetch-protobuf: reads models
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/protobuf
cd -- /build/onnxruntime/src/protobuf
run=(
  env
  git
  -C
  /build/onnxruntime/src/protobuf
  fetch
  --depth
  1
  https://github.com/protocolbuffers/protobuf.git
  f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
)
"${run[@]}"
ROCMKIT_END

# 9/76 fetch-date-init: an empty repository for date
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/date
cd -- /build/onnxruntime/src/date
env git init -q /build/onnxruntime/src/date
ROCMKIT_END

# 10/76 fetch-date: times in logs
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/date
cd -- /build/onnxruntime/src/date
env git -C /build/onnxruntime/src/date fetch --depth 1 https://github.com/HowardHinnant/date.git 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
ROCMKIT_END

# 11/76 fetch-mp11-init: an empty repository for mp11
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/mp11
cd -- /build/onnxruntime/src/mp11
env git init -q /build/onnxruntime/src/mp11
ROCMKIT_END

# 12/76 fetch-mp11: lists of types
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/mp11
cd -- /build/onnxruntime/src/mp11
env git -C /build/onnxruntime/src/mp11 fetch --depth 1 https://github.com/boostorg/mp11.git 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
ROCMKIT_END

# 13/76 fetch-json-init: an empty repository for json
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/json
cd -- /build/onnxruntime/src/json
env git init -q /build/onnxruntime/src/json
ROCMKIT_END

# 14/76 fetch-json: JSON
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/json
cd -- /build/onnxruntime/src/json
env git -C /build/onnxruntime/src/json fetch --depth 1 https://github.com/nlohmann/json.git 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03
ROCMKIT_END

# 15/76 fetch-cpuinfo-init: an empty repository for cpuinfo
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/cpuinfo
cd -- /build/onnxruntime/src/cpuinfo
env git init -q /build/onnxruntime/src/cpuinfo
ROCMKIT_END

# 16/76 fetch-cpuinfo: what the processor can do
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/cpuinfo
cd -- /build/onnxruntime/src/cpuinfo
env git -C /build/onnxruntime/src/cpuinfo fetch --depth 1 https://github.com/pytorch/cpuinfo.git 8a1772a0c5c447df2d18edf33ec4603a8c9c04a6
ROCMKIT_END

# 17/76 fetch-gsl-init: an empty repository for gsl
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/gsl
cd -- /build/onnxruntime/src/gsl
env git init -q /build/onnxruntime/src/gsl
ROCMKIT_END

# 18/76 fetch-gsl: views of memory
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/gsl
cd -- /build/onnxruntime/src/gsl
env git -C /build/onnxruntime/src/gsl fetch --depth 1 https://github.com/microsoft/GSL.git a3534567187d2edc428efd3f13466ff75fe5805c
ROCMKIT_END

# 19/76 fetch-safeint-init: an empty repository for safeint
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/safeint
cd -- /build/onnxruntime/src/safeint
env git init -q /build/onnxruntime/src/safeint
ROCMKIT_END

# 20/76 fetch-safeint: sums that do not overflow
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/safeint
cd -- /build/onnxruntime/src/safeint
env git -C /build/onnxruntime/src/safeint fetch --depth 1 https://github.com/dcleblanc/SafeInt.git 4cafc9196c4da9c817992b20f5253ef967685bf8
ROCMKIT_END

# 21/76 fetch-flatbuffers-init: an empty repository for flatbuffers
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/flatbuffers
cd -- /build/onnxruntime/src/flatbuffers
env git init -q /build/onnxruntime/src/flatbuffers
ROCMKIT_END

# 22/76 fetch-flatbuffers: models in ONNX Runtime's own format
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/flatbuffers
cd -- /build/onnxruntime/src/flatbuffers
run=(
  env
  git
  -C
  /build/onnxruntime/src/flatbuffers
  fetch
  --depth
  1
  https://github.com/google/flatbuffers.git
  0100f6a5779831fa7a651e4b67ef389a8752bd9b
)
"${run[@]}"
ROCMKIT_END

# 23/76 fetch-pybind11-init: an empty repository for pybind11
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/pybind11
cd -- /build/onnxruntime/src/pybind11
env git init -q /build/onnxruntime/src/pybind11
ROCMKIT_END

# 24/76 fetch-pybind11: the Python module
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/pybind11
cd -- /build/onnxruntime/src/pybind11
env git -C /build/onnxruntime/src/pybind11 fetch --depth 1 https://github.com/pybind/pybind11.git a2e59f0e7065404b44dfe92a28aca47ba1378dc4
ROCMKIT_END

# 25/76 fetch-onnx-init: an empty repository for onnx
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnx
cd -- /build/onnxruntime/src/onnx
env git init -q /build/onnxruntime/src/onnx
ROCMKIT_END

# 26/76 fetch-onnx: what operators are
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnx
cd -- /build/onnxruntime/src/onnx
env git -C /build/onnxruntime/src/onnx fetch --depth 1 https://github.com/onnx/onnx.git b8baa8446686496da4cc8fda09f2b6fe65c2a02c
ROCMKIT_END

# 27/76 fetch-eigen-init: an empty repository for eigen
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/eigen
cd -- /build/onnxruntime/src/eigen
env git init -q /build/onnxruntime/src/eigen
ROCMKIT_END

# 28/76 fetch-eigen: matrices on the processor
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/eigen
cd -- /build/onnxruntime/src/eigen
env git -C /build/onnxruntime/src/eigen fetch --depth 1 https://github.com/eigen-mirror/eigen.git 1d8b82b0740839c0de7f1242a3585e3390ff5f33
ROCMKIT_END

# 29/76 fetch-dlpack-init: an empty repository for dlpack
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/dlpack
cd -- /build/onnxruntime/src/dlpack
env git init -q /build/onnxruntime/src/dlpack
ROCMKIT_END

# 30/76 fetch-dlpack: tensors shared with other libraries
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/dlpack
cd -- /build/onnxruntime/src/dlpack
env git -C /build/onnxruntime/src/dlpack fetch --depth 1 https://github.com/dmlc/dlpack.git 277508879878e0a5b5b43599b1bea11f66eb3c6c
ROCMKIT_END

# 31/76 checkout-onnxruntime: onnxruntime as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnxruntime
cd -- /build/onnxruntime/src/onnxruntime
run=(
  env
  git
  -C
  /build/onnxruntime/src/onnxruntime
  -c
  advice.detachedHead=false
  checkout
  --force
  --detach
  89746dc19a0a1ae59ebf4b16df9acab8f99f3925
)
"${run[@]}"
ROCMKIT_END

# 32/76 clean-onnxruntime: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnxruntime
cd -- /build/onnxruntime/src/onnxruntime
env git -C /build/onnxruntime/src/onnxruntime clean -ffdqx
ROCMKIT_END

# 33/76 checkout-abseil: abseil as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/abseil
cd -- /build/onnxruntime/src/abseil
env git -C /build/onnxruntime/src/abseil -c advice.detachedHead=false checkout --force --detach 4447c7562e3bc702ade25105912dce503f0c4010
ROCMKIT_END

# 34/76 clean-abseil: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/abseil
cd -- /build/onnxruntime/src/abseil
env git -C /build/onnxruntime/src/abseil clean -ffdqx
ROCMKIT_END

# 35/76 checkout-re2: re2 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/re2
cd -- /build/onnxruntime/src/re2
env git -C /build/onnxruntime/src/re2 -c advice.detachedHead=false checkout --force --detach 6dcd83d60f7944926bfd308cc13979fc53dd69ca
ROCMKIT_END

# 36/76 clean-re2: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/re2
cd -- /build/onnxruntime/src/re2
env git -C /build/onnxruntime/src/re2 clean -ffdqx
ROCMKIT_END

# 37/76 checkout-protobuf: protobuf as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/protobuf
cd -- /build/onnxruntime/src/protobuf
env git -C /build/onnxruntime/src/protobuf -c advice.detachedHead=false checkout --force --detach f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
ROCMKIT_END

# 38/76 clean-protobuf: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/protobuf
cd -- /build/onnxruntime/src/protobuf
env git -C /build/onnxruntime/src/protobuf clean -ffdqx
ROCMKIT_END

# 39/76 verify-patch-protobuf-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnxruntime
cd -- /build/onnxruntime/src/onnxruntime
env sha256sum --check --strict /build/onnxruntime/files/patch-protobuf-1.sha256
ROCMKIT_END

# 40/76 patch-protobuf-1: what ONNX Runtime changes in protobuf's CMake files
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/protobuf
cd -- /build/onnxruntime/src/protobuf
run=(
  env
  git
  -C
  /build/onnxruntime/src/protobuf
  apply
  -p1
  --whitespace=nowarn
  /build/onnxruntime/src/onnxruntime/cmake/patches/protobuf/protobuf_cmake.patch
)
"${run[@]}"
ROCMKIT_END

# 41/76 checkout-date: date as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/date
cd -- /build/onnxruntime/src/date
env git -C /build/onnxruntime/src/date -c advice.detachedHead=false checkout --force --detach 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
ROCMKIT_END

# 42/76 clean-date: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/date
cd -- /build/onnxruntime/src/date
env git -C /build/onnxruntime/src/date clean -ffdqx
ROCMKIT_END

# 43/76 checkout-mp11: mp11 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/mp11
cd -- /build/onnxruntime/src/mp11
env git -C /build/onnxruntime/src/mp11 -c advice.detachedHead=false checkout --force --detach 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
ROCMKIT_END

# 44/76 clean-mp11: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/mp11
cd -- /build/onnxruntime/src/mp11
env git -C /build/onnxruntime/src/mp11 clean -ffdqx
ROCMKIT_END

# 45/76 checkout-json: json as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/json
cd -- /build/onnxruntime/src/json
env git -C /build/onnxruntime/src/json -c advice.detachedHead=false checkout --force --detach 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03
ROCMKIT_END

# 46/76 clean-json: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/json
cd -- /build/onnxruntime/src/json
env git -C /build/onnxruntime/src/json clean -ffdqx
ROCMKIT_END

# 47/76 checkout-cpuinfo: cpuinfo as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/cpuinfo
cd -- /build/onnxruntime/src/cpuinfo
env git -C /build/onnxruntime/src/cpuinfo -c advice.detachedHead=false checkout --force --detach 8a1772a0c5c447df2d18edf33ec4603a8c9c04a6
ROCMKIT_END

# 48/76 clean-cpuinfo: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/cpuinfo
cd -- /build/onnxruntime/src/cpuinfo
env git -C /build/onnxruntime/src/cpuinfo clean -ffdqx
ROCMKIT_END

# 49/76 checkout-gsl: gsl as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/gsl
cd -- /build/onnxruntime/src/gsl
env git -C /build/onnxruntime/src/gsl -c advice.detachedHead=false checkout --force --detach a3534567187d2edc428efd3f13466ff75fe5805c
ROCMKIT_END

# 50/76 clean-gsl: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/gsl
cd -- /build/onnxruntime/src/gsl
env git -C /build/onnxruntime/src/gsl clean -ffdqx
ROCMKIT_END

# 51/76 checkout-safeint: safeint as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/safeint
cd -- /build/onnxruntime/src/safeint
env git -C /build/onnxruntime/src/safeint -c advice.detachedHead=false checkout --force --detach 4cafc9196c4da9c817992b20f5253ef967685bf8
ROCMKIT_END

# 52/76 clean-safeint: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/safeint
cd -- /build/onnxruntime/src/safeint
env git -C /build/onnxruntime/src/safeint clean -ffdqx
ROCMKIT_END

# 53/76 checkout-flatbuffers: flatbuffers as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/flatbuffers
cd -- /build/onnxruntime/src/flatbuffers
run=(
  env
  git
  -C
  /build/onnxruntime/src/flatbuffers
  -c
  advice.detachedHead=false
  checkout
  --force
  --detach
  0100f6a5779831fa7a651e4b67ef389a8752bd9b
)
"${run[@]}"
ROCMKIT_END

# 54/76 clean-flatbuffers: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/flatbuffers
cd -- /build/onnxruntime/src/flatbuffers
env git -C /build/onnxruntime/src/flatbuffers clean -ffdqx
ROCMKIT_END

# 55/76 verify-patch-flatbuffers-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnxruntime
cd -- /build/onnxruntime/src/onnxruntime
env sha256sum --check --strict /build/onnxruntime/files/patch-flatbuffers-1.sha256
ROCMKIT_END

# 56/76 patch-flatbuffers-1: what ONNX Runtime changes in flatbuffers
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/flatbuffers
cd -- /build/onnxruntime/src/flatbuffers
run=(
  env
  git
  -C
  /build/onnxruntime/src/flatbuffers
  apply
  -p1
  --whitespace=nowarn
  /build/onnxruntime/src/onnxruntime/cmake/patches/flatbuffers/flatbuffers.patch
)
"${run[@]}"
ROCMKIT_END

# 57/76 checkout-pybind11: pybind11 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/pybind11
cd -- /build/onnxruntime/src/pybind11
env git -C /build/onnxruntime/src/pybind11 -c advice.detachedHead=false checkout --force --detach a2e59f0e7065404b44dfe92a28aca47ba1378dc4
ROCMKIT_END

# 58/76 clean-pybind11: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/pybind11
cd -- /build/onnxruntime/src/pybind11
env git -C /build/onnxruntime/src/pybind11 clean -ffdqx
ROCMKIT_END

# 59/76 checkout-onnx: onnx as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnx
cd -- /build/onnxruntime/src/onnx
env git -C /build/onnxruntime/src/onnx -c advice.detachedHead=false checkout --force --detach b8baa8446686496da4cc8fda09f2b6fe65c2a02c
ROCMKIT_END

# 60/76 clean-onnx: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnx
cd -- /build/onnxruntime/src/onnx
env git -C /build/onnxruntime/src/onnx clean -ffdqx
ROCMKIT_END

# 61/76 verify-patch-onnx-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnxruntime
cd -- /build/onnxruntime/src/onnxruntime
env sha256sum --check --strict /build/onnxruntime/files/patch-onnx-1.sha256
ROCMKIT_END

# 62/76 patch-onnx-1: what ONNX Runtime changes in onnx; without it not all operators are registered as it expects
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/onnx
cd -- /build/onnxruntime/src/onnx
env git -C /build/onnxruntime/src/onnx apply -p1 --whitespace=nowarn /build/onnxruntime/src/onnxruntime/cmake/patches/onnx/onnx.patch
ROCMKIT_END

# 63/76 checkout-eigen: eigen as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/eigen
cd -- /build/onnxruntime/src/eigen
env git -C /build/onnxruntime/src/eigen -c advice.detachedHead=false checkout --force --detach 1d8b82b0740839c0de7f1242a3585e3390ff5f33
ROCMKIT_END

# 64/76 clean-eigen: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/eigen
cd -- /build/onnxruntime/src/eigen
env git -C /build/onnxruntime/src/eigen clean -ffdqx
ROCMKIT_END

# 65/76 checkout-dlpack: dlpack as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/dlpack
cd -- /build/onnxruntime/src/dlpack
env git -C /build/onnxruntime/src/dlpack -c advice.detachedHead=false checkout --force --detach 277508879878e0a5b5b43599b1bea11f66eb3c6c
ROCMKIT_END

# 66/76 clean-dlpack: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/src/dlpack
cd -- /build/onnxruntime/src/dlpack
env git -C /build/onnxruntime/src/dlpack clean -ffdqx
ROCMKIT_END

# 67/76 tools-venv: tools for the build, apart from the user's own
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
env /usr/bin/python3 -m venv --clear /build/onnxruntime/build/venv
ROCMKIT_END

# 68/76 tools: a CMake that is new enough and not too new, NumPy's headers, and tools that still run setup.py
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
run=(
  env
  /build/onnxruntime/build/venv/bin/python
  -m
  pip
  install
  cmake==3.31.10
  'numpy>=2,<3'
  'packaging>=24,<27'
  setuptools==80.9.0
  wheel==0.45.1
)
"${run[@]}"
ROCMKIT_END

# 69/76 library-configure: ONNX Runtime with the ROCm provider, without composable_kernel, and with every dependency from the pinned sources instead of from the network
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
run=(
  env
  /build/onnxruntime/build/venv/bin/cmake
  -G
  Ninja
  -S
  /build/onnxruntime/src/onnxruntime/cmake
  -B
  /build/onnxruntime/build/onnxruntime
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_INSTALL_PREFIX=/build/onnxruntime/prefix
  -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_INSTALL_INCLUDEDIR=include
  -DBUILD_PKGCONFIG_FILES=OFF
  '-DCMAKE_C_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build/onnxruntime=.'
  '-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build/onnxruntime=.'
  '-DCMAKE_HIP_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build/onnxruntime=.'
  '-DCMAKE_INSTALL_RPATH=$ORIGIN;/opt/rocm-6.3.4/lib;/opt/rocm/lib'
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON
  -DCMAKE_INSTALL_RPATH_USE_LINK_PATH=OFF
  -DCMAKE_PREFIX_PATH=/opt/rocm-6.3.4
  -DCMAKE_HIP_COMPILER=/opt/rocm-6.3.4/llvm/bin/clang++
  -DCMAKE_HIP_ARCHITECTURES=gfx906
  -DGPU_TARGETS=gfx906
  -DCMAKE_PROJECT_onnxruntime_INCLUDE=/build/onnxruntime/files/compat/rocm.cmake
  -DROCMKIT_FILES=/build/onnxruntime/files/compat
  -DROCMKIT_ROCM=/opt/rocm-6.3.4
  -DROCMKIT_ROCM_VERSION=6.3.4
  -DMIOPEN_VERSION_H_PATH=/opt/rocm-6.3.4/include/miopen
  -DPython_EXECUTABLE=/build/onnxruntime/build/venv/bin/python
  -DPython3_EXECUTABLE=/build/onnxruntime/build/venv/bin/python
  -DPYTHON_EXECUTABLE=/build/onnxruntime/build/venv/bin/python
  -DFETCHCONTENT_FULLY_DISCONNECTED=ON
  -DFETCHCONTENT_TRY_FIND_PACKAGE_MODE=NEVER
  -DFETCHCONTENT_SOURCE_DIR_ABSEIL_CPP=/build/onnxruntime/src/abseil
  -DFETCHCONTENT_SOURCE_DIR_RE2=/build/onnxruntime/src/re2
  -DFETCHCONTENT_SOURCE_DIR_PROTOBUF=/build/onnxruntime/src/protobuf
  -DFETCHCONTENT_SOURCE_DIR_DATE=/build/onnxruntime/src/date
  -DFETCHCONTENT_SOURCE_DIR_MP11=/build/onnxruntime/src/mp11
  -DFETCHCONTENT_SOURCE_DIR_NLOHMANN_JSON=/build/onnxruntime/src/json
  -DFETCHCONTENT_SOURCE_DIR_PYTORCH_CPUINFO=/build/onnxruntime/src/cpuinfo
  -DFETCHCONTENT_SOURCE_DIR_GSL=/build/onnxruntime/src/gsl
  -DFETCHCONTENT_SOURCE_DIR_FLATBUFFERS=/build/onnxruntime/src/flatbuffers
  -DFETCHCONTENT_SOURCE_DIR_PYBIND11_PROJECT=/build/onnxruntime/src/pybind11
  -DFETCHCONTENT_SOURCE_DIR_ONNX=/build/onnxruntime/src/onnx
  -Dsafeint_SOURCE_DIR=/build/onnxruntime/src/safeint
  -DFETCHCONTENT_SOURCE_DIR_EIGEN3=/build/onnxruntime/src/eigen
  -DFETCHCONTENT_SOURCE_DIR_DLPACK=/build/onnxruntime/src/dlpack
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

# 70/76 hipify: turns the CUDA sources into HIP ones, each file once; seconds of Perl for each of hundreds
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
env /build/onnxruntime/build/venv/bin/cmake --build /build/onnxruntime/build/onnxruntime --target generate_hipified_files
ROCMKIT_END

# 71/76 library-build: compiles ONNX Runtime for the processor, and the provider for every GPU that is asked for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
env /build/onnxruntime/build/venv/bin/cmake --build /build/onnxruntime/build/onnxruntime
ROCMKIT_END

# 72/76 library-install: headers and libraries for programs in C and C++, such as sherpa-onnx
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
env /build/onnxruntime/build/venv/bin/cmake --install /build/onnxruntime/build/onnxruntime --strip
ROCMKIT_END

# 73/76 wheel-build: the wheel; the local version says what it is for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime/build/onnxruntime
cd -- /build/onnxruntime/build/onnxruntime
run=(
  env
  /build/onnxruntime/build/venv/bin/python
  /build/onnxruntime/src/onnxruntime/setup.py
  egg_info
  --egg-base
  /build/onnxruntime/build
  --tag-build=+rocm6.3.gfx906
  build
  --build-base
  /build/onnxruntime/build/python
  bdist_wheel
  --dist-dir
  /build/onnxruntime/build/wheel
  --use_rocm
  --rocm_version=6.3.4
)
"${run[@]}"
ROCMKIT_END

# 74/76 wheel-unpack: what is in it is stripped
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
run=(
  env
  /build/onnxruntime/build/venv/bin/python
  -m
  wheel
  unpack
  --dest
  /build/onnxruntime/build/repair
  /build/onnxruntime/build/wheel/onnxruntime_rocm-1.22.1+rocm6.3.gfx906-cp310-cp310-linux_x86_64.whl
)
"${run[@]}"
ROCMKIT_END

# 75/76 wheel-strip: names that only a debugger wants
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
run=(
  env
  strip
  --strip-unneeded
  /build/onnxruntime/build/repair/onnxruntime_rocm-1.22.1+rocm6.3.gfx906/onnxruntime/capi/onnxruntime_pybind11_state.so
  /build/onnxruntime/build/repair/onnxruntime_rocm-1.22.1+rocm6.3.gfx906/onnxruntime/capi/libonnxruntime.so.1.22.1
  /build/onnxruntime/build/repair/onnxruntime_rocm-1.22.1+rocm6.3.gfx906/onnxruntime/capi/libonnxruntime_providers_rocm.so
  /build/onnxruntime/build/repair/onnxruntime_rocm-1.22.1+rocm6.3.gfx906/onnxruntime/capi/libonnxruntime_providers_shared.so
)
"${run[@]}"
ROCMKIT_END

# 76/76 wheel-pack: writes the wheel with the record of what is in it now
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/onnxruntime/environment.sh
mkdir -p -- /build/onnxruntime
cd -- /build/onnxruntime
run=(
  env
  /build/onnxruntime/build/venv/bin/python
  -m
  wheel
  pack
  --dest-dir
  /build/onnxruntime/dist
  /build/onnxruntime/build/repair/onnxruntime_rocm-1.22.1+rocm6.3.gfx906
)
"${run[@]}"
ROCMKIT_END

FROM rocm/dev-ubuntu-22.04:6.3.4-complete@sha256:1f7e92ca7e3a3785680473329ed1091fc99db3e90fcb3a1688f2933e870ed76b AS sherpa-onnx

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git cmake ninja-build g++ binutils python3.10-dev python3.10-venv
rm -rf /var/lib/apt/lists/*
ROCMKIT_END

# What it is built against.
COPY --from=onnxruntime /build/onnxruntime/prefix/ /build/onnxruntime/prefix/

COPY <<'ROCMKIT_END' /build/sherpa-onnx/environment.sh
set -euo pipefail
# What changes builds without a word.
for name in $(compgen -e); do
  case "$name" in
    AR|ARCHFLAGS|AS|ASMFLAGS|BASH_ENV|CC|CCC_OVERRIDE_OPTIONS|CDPATH|CFLAGS|CLICOLOR_FORCE|COMPILER_PATH|CONFIG_SITE|CPATH|CPLUS_INCLUDE_PATH|CPP|CPPFLAGS|CUDACXX|CUDAFLAGS|CXX|CXXFLAGS|C_INCLUDE_PATH|DESTDIR|DEVICE_LIB_PATH|ENV|FORCE_COLOR|GCC_EXEC_PREFIX|GNUMAKEFLAGS|HCC_AMDGPU_TARGET|LANG|LANGUAGE|LD|LDFLAGS|LD_AUDIT|LD_LIBRARY_PATH|LD_PRELOAD|LD_RUN_PATH|LIBRARY_PATH|MAKEFILES|MAKEFLAGS|MAKELEVEL|MFLAGS|NINJA_STATUS|NM|PYTHONHOME|PYTHONINSPECT|PYTHONOPTIMIZE|PYTHONPATH|PYTHONSTARTUP|PYTORCH_ROCM_ARCH|RANLIB|SSH_ASKPASS|TAR_OPTIONS|CMAKE_*|HIP*|ROCM*|HSA_*|GIT_*|LC_*|CLANG_CONFIG*) unset "$name" ;;
  esac
done
export LC_ALL=C.UTF-8
export GIT_TERMINAL_PROMPT=0
export GIT_CEILING_DIRECTORIES=/build/sherpa-onnx:/build/sherpa-onnx/src
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
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/sherpa-onnx/files/kaldi-native-fbank.sha256
9176cc66fc7ce1edf85cf355b06e320c57db6297df74277f575183468893cf61  kaldi-native-fbank-v1.22.3.tar.gz
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/sherpa-onnx/files/kaldifst.sha256
3f247b7e5a2409071202f5e2bc6200060f66728c0a3443c03923ad2723e040b3  kaldifst-v1.8.0.tar.gz
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/sherpa-onnx/files/openfst.sha256
57fbc4b950ae81b1a0e1e298af15652da968a6723a592b7874e9b4027a80a5b4  openfst-v1.8.5-2026-04-11.tar.gz
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/sherpa-onnx/files/json.sha256
4b92eb0c06d10683f7447ce9406cb97cd4b453be18d7279320f7b2f025c10187  json-v3.12.0.tar.gz
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/sherpa-onnx/files/hclust-cpp.sha256
8f14e024c709d73afb40ae69cb22de4b73dba67cbce40f2e518813da8139ab56  hclust-cpp-2026-02-25.tar.gz
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/sherpa-onnx/files/patches/rocm-migraphx.patch
diff --git a/sherpa-onnx/csrc/offline-transducer-model.cc b/sherpa-onnx/csrc/offline-transducer-model.cc
--- a/sherpa-onnx/csrc/offline-transducer-model.cc
+++ b/sherpa-onnx/csrc/offline-transducer-model.cc
@@ -98,6 +98,8 @@ class OfflineTransducerModel::Impl {
       : config_(config),
         env_(CreateOrtEnv()),
         sess_opts_(GetSessionOptions(config)),
+        decoder_sess_opts_(GetSessionOptions(
+            config.num_threads, GetDecoderProvider(config.provider))),
         allocator_{} {
     encoder_sess_ = std::make_unique<Ort::Session>(
         env_, SHERPA_ONNX_TO_ORT_PATH(config.transducer.encoder_filename),
@@ -106,12 +108,12 @@ class OfflineTransducerModel::Impl {
 
     decoder_sess_ = std::make_unique<Ort::Session>(
         env_, SHERPA_ONNX_TO_ORT_PATH(config.transducer.decoder_filename),
-        sess_opts_);
+        decoder_sess_opts_);
     InitDecoder(nullptr, 0);
 
     joiner_sess_ = std::make_unique<Ort::Session>(
         env_, SHERPA_ONNX_TO_ORT_PATH(config.transducer.joiner_filename),
-        sess_opts_);
+        decoder_sess_opts_);
     InitJoiner(nullptr, 0);
   }
 
@@ -120,6 +122,8 @@ class OfflineTransducerModel::Impl {
       : config_(config),
         env_(CreateOrtEnv()),
         sess_opts_(GetSessionOptions(config)),
+        decoder_sess_opts_(GetSessionOptions(
+            config.num_threads, GetDecoderProvider(config.provider))),
         allocator_{} {
     {
       auto buf = ReadFile(mgr, config.transducer.encoder_filename);
@@ -271,7 +275,7 @@ class OfflineTransducerModel::Impl {
   void InitDecoder(void *model_data, size_t model_data_length) {
     if (model_data) {
       decoder_sess_ = std::make_unique<Ort::Session>(
-          env_, model_data, model_data_length, sess_opts_);
+          env_, model_data, model_data_length, decoder_sess_opts_);
     } else if (!decoder_sess_) {
       SHERPA_ONNX_LOGE(
           "Please pass model data or initialize the decoder session outside of "
@@ -308,7 +312,7 @@ class OfflineTransducerModel::Impl {
   void InitJoiner(void *model_data, size_t model_data_length) {
     if (model_data) {
       joiner_sess_ = std::make_unique<Ort::Session>(
-          env_, model_data, model_data_length, sess_opts_);
+          env_, model_data, model_data_length, decoder_sess_opts_);
     } else if (!joiner_sess_) {
       SHERPA_ONNX_LOGE(
           "Please pass model data or initialize the joiner session outside of "
@@ -336,6 +340,7 @@ class OfflineTransducerModel::Impl {
   OfflineModelConfig config_;
   Ort::Env env_;
   Ort::SessionOptions sess_opts_;
+  Ort::SessionOptions decoder_sess_opts_;  // of the joiner, too
   Ort::AllocatorWithDefaultOptions allocator_;
 
   std::unique_ptr<Ort::Session> encoder_sess_;
diff --git a/sherpa-onnx/csrc/provider.cc b/sherpa-onnx/csrc/provider.cc
--- a/sherpa-onnx/csrc/provider.cc
+++ b/sherpa-onnx/csrc/provider.cc
@@ -31,6 +31,10 @@ Provider StringToProvider(std::string s) {
     return Provider::kDirectML;
   } else if (s == "spacemit") {
     return Provider::kSpacemiT;
+  } else if (s == "rocm") {
+    return Provider::kROCM;
+  } else if (s == "migraphx") {
+    return Provider::kMIGraphX;
   } else {
     SHERPA_ONNX_LOGE("Unsupported string: %s. Fallback to cpu", s.c_str());
     return Provider::kCPU;
diff --git a/sherpa-onnx/csrc/provider.h b/sherpa-onnx/csrc/provider.h
--- a/sherpa-onnx/csrc/provider.h
+++ b/sherpa-onnx/csrc/provider.h
@@ -22,6 +22,8 @@ enum class Provider {
   kTRT = 5,       // TensorRTExecutionProvider
   kDirectML = 6,  // DmlExecutionProvider
   kSpacemiT = 7,  // SpacemiTExecutionProvider
+  kROCM = 8,      // ROCMExecutionProvider
+  kMIGraphX = 9,  // MIGraphXExecutionProvider
 };
 
 /**
diff --git a/sherpa-onnx/csrc/session.cc b/sherpa-onnx/csrc/session.cc
--- a/sherpa-onnx/csrc/session.cc
+++ b/sherpa-onnx/csrc/session.cc
@@ -425,10 +425,34 @@ Ort::SessionOptions GetSessionOptionsImpl(
 #endif
       break;
     }
+    // Who asks for an AMD GPU does not get the CPU without a word: appending
+    // throws where onnxruntime lacks the provider or cannot load its library.
+    case Provider::kROCM: {
+      OrtROCMProviderOptions options;
+      options.device_id = provider_config ? provider_config->device : 0;
+      sess_opts.AppendExecutionProvider_ROCM(options);
+      break;
+    }
+    case Provider::kMIGraphX: {
+      OrtMIGraphXProviderOptions options{};
+      options.device_id = provider_config ? provider_config->device : 0;
+      sess_opts.AppendExecutionProvider_MIGraphX(options);
+      break;
+    }
   }
   return sess_opts;
 }
 
+std::string GetDecoderProvider(const std::string &provider_str) {
+  std::unordered_map<std::string, std::string> config;
+  std::string name;
+  SplitProviderAndConfig(provider_str, name, config);
+
+  Provider p = StringToProvider(name);
+  bool amd = p == Provider::kROCM || p == Provider::kMIGraphX;
+  return amd && config["DecoderAndJoinerOnGpu"] != "1" ? "cpu" : provider_str;
+}
+
 Ort::SessionOptions GetSessionOptions(const OnlineModelConfig &config) {
   return GetSessionOptionsImpl(config.num_threads,
                                config.provider_config.provider,
@@ -447,7 +471,8 @@ Ort::SessionOptions GetSessionOptions(const OnlineModelConfig &config,
                                  &config.provider_config);
   }
   return GetSessionOptionsImpl(config.num_threads,
-                               config.provider_config.provider,
+                               GetDecoderProvider(
+                                   config.provider_config.provider),
                                &config.provider_config);
 }
 
diff --git a/sherpa-onnx/csrc/session.h b/sherpa-onnx/csrc/session.h
--- a/sherpa-onnx/csrc/session.h
+++ b/sherpa-onnx/csrc/session.h
@@ -29,6 +29,11 @@ Ort::SessionOptions GetSessionOptions(const OnlineModelConfig &config,
 Ort::SessionOptions GetSessionOptions(int32_t num_threads,
                                       const std::string &provider_str);
 
+// The provider of a transducer's decoder and joiner, which run once per token:
+// cpu for rocm and migraphx, where a launch takes longer than the computation,
+// unless the provider's config file says DecoderAndJoinerOnGpu=1.
+std::string GetDecoderProvider(const std::string &provider_str);
+
 template <typename T>
 Ort::SessionOptions GetSessionOptions(const T &config) {
   return GetSessionOptionsImpl(config.num_threads, config.provider);
ROCMKIT_END

COPY <<'ROCMKIT_END' /build/sherpa-onnx/files/patches/without-tts.patch
diff --git a/sherpa-onnx/python/csrc/sherpa-onnx.cc b/sherpa-onnx/python/csrc/sherpa-onnx.cc
--- a/sherpa-onnx/python/csrc/sherpa-onnx.cc
+++ b/sherpa-onnx/python/csrc/sherpa-onnx.cc
@@ -90,10 +90,12 @@ PYBIND11_MODULE(_sherpa_onnx, m) {
   m.attr("OfflineTtsPocketModelConfig") = py::none();
   m.attr("OfflineTtsKokoroModelConfig") = py::none();
   m.attr("OfflineTtsMatchaModelConfig") = py::none();
+  m.attr("OfflineTtsSupertonicModelConfig") = py::none();
   m.attr("OfflineTtsModelConfig") = py::none();
   m.attr("OfflineTtsVitsModelConfig") = py::none();
   m.attr("OfflineTtsZipvoiceModelConfig") = py::none();
   m.attr("GeneratedAudio") = py::none();
+  m.attr("GenerationConfig") = py::none();
   m.attr("OfflineTtsConfig") = py::none();
   m.attr("OfflineTts") = py::none();
   m.attr("SentencePieceTokenizer") = py::none();
ROCMKIT_END

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
mkdir -p -- /build/sherpa-onnx/prefix /build/sherpa-onnx/dist
ROCMKIT_END

# 1/57 fetch-sherpa-onnx-init: an empty repository for sherpa-onnx
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/sherpa-onnx
cd -- /build/sherpa-onnx/src/sherpa-onnx
env git init -q /build/sherpa-onnx/src/sherpa-onnx
ROCMKIT_END

# 2/57 fetch-sherpa-onnx: what is built
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/sherpa-onnx
cd -- /build/sherpa-onnx/src/sherpa-onnx
run=(
  env
  git
  -C
  /build/sherpa-onnx/src/sherpa-onnx
  fetch
  --depth
  1
  https://github.com/k2-fsa/sherpa-onnx.git
  142807252687d81b40d6315f23470a1512a00de3
)
"${run[@]}"
ROCMKIT_END

# 3/57 fetch-kaldi-native-fbank: features of the audio; the checksum is the one in sherpa-onnx's cmake/kaldi-native-fbank.cmake
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
run=(
  env
  curl
  -fL
  --retry
  3
  -o
  /build/sherpa-onnx/downloads/kaldi-native-fbank-v1.22.3.tar.gz
  https://github.com/csukuangfj/kaldi-native-fbank/archive/refs/tags/v1.22.3.tar.gz
)
"${run[@]}"
ROCMKIT_END

# 4/57 verify-kaldi-native-fbank: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
env sha256sum --check --strict /build/sherpa-onnx/files/kaldi-native-fbank.sha256
ROCMKIT_END

# 5/57 fetch-kissfft-init: an empty repository for kissfft
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kissfft
cd -- /build/sherpa-onnx/src/kissfft
env git init -q /build/sherpa-onnx/src/kissfft
ROCMKIT_END

# 6/57 fetch-kissfft: Fourier transforms for those features
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kissfft
cd -- /build/sherpa-onnx/src/kissfft
run=(
  env
  git
  -C
  /build/sherpa-onnx/src/kissfft
  fetch
  --depth
  1
  https://github.com/mborgerding/kissfft.git
  febd4caeed32e33ad8b2e0bb5ea77542c40f18ec
)
"${run[@]}"
ROCMKIT_END

# 7/57 fetch-kaldi-decoder-init: an empty repository for kaldi-decoder
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kaldi-decoder
cd -- /build/sherpa-onnx/src/kaldi-decoder
env git init -q /build/sherpa-onnx/src/kaldi-decoder
ROCMKIT_END

# 8/57 fetch-kaldi-decoder: search over graphs
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kaldi-decoder
cd -- /build/sherpa-onnx/src/kaldi-decoder
run=(
  env
  git
  -C
  /build/sherpa-onnx/src/kaldi-decoder
  fetch
  --depth
  1
  https://github.com/k2-fsa/kaldi-decoder.git
  62fda2d74246a90db9570e46fb16b012f813fae7
)
"${run[@]}"
ROCMKIT_END

# 9/57 fetch-kaldifst: graphs, for that search; the checksum is the one in kaldi-decoder's cmake/kaldifst.cmake
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
run=(
  env
  curl
  -fL
  --retry
  3
  -o
  /build/sherpa-onnx/downloads/kaldifst-v1.8.0.tar.gz
  https://github.com/k2-fsa/kaldifst/archive/refs/tags/v1.8.0.tar.gz
)
"${run[@]}"
ROCMKIT_END

# 10/57 verify-kaldifst: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
env sha256sum --check --strict /build/sherpa-onnx/files/kaldifst.sha256
ROCMKIT_END

# 11/57 fetch-openfst: what kaldifst is made of; the checksum is the one in sherpa-onnx's cmake/openfst.cmake
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
run=(
  env
  curl
  -fL
  --retry
  3
  -o
  /build/sherpa-onnx/downloads/openfst-v1.8.5-2026-04-11.tar.gz
  https://github.com/csukuangfj/openfst/archive/refs/tags/v1.8.5-2026-04-11.tar.gz
)
"${run[@]}"
ROCMKIT_END

# 12/57 verify-openfst: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
env sha256sum --check --strict /build/sherpa-onnx/files/openfst.sha256
ROCMKIT_END

# 13/57 fetch-eigen-init: an empty repository for eigen
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/eigen
cd -- /build/sherpa-onnx/src/eigen
env git init -q /build/sherpa-onnx/src/eigen
ROCMKIT_END

# 14/57 fetch-eigen: matrices for that search; by commit, since the archives that GitLab makes change their bytes
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/eigen
cd -- /build/sherpa-onnx/src/eigen
env git -C /build/sherpa-onnx/src/eigen fetch --depth 1 https://github.com/eigen-mirror/eigen.git bc3b39870ecb690a623a3f49149a358b95c5781d
ROCMKIT_END

# 15/57 fetch-simple-sentencepiece-init: an empty repository for simple-sentencepiece
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/simple-sentencepiece
cd -- /build/sherpa-onnx/src/simple-sentencepiece
env git init -q /build/sherpa-onnx/src/simple-sentencepiece
ROCMKIT_END

# 16/57 fetch-simple-sentencepiece: words from pieces, for hot words
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/simple-sentencepiece
cd -- /build/sherpa-onnx/src/simple-sentencepiece
run=(
  env
  git
  -C
  /build/sherpa-onnx/src/simple-sentencepiece
  fetch
  --depth
  1
  https://github.com/pkufool/simple-sentencepiece.git
  62dd423df1d51da5ea06f1c3a046fc04f01b4f39
)
"${run[@]}"
ROCMKIT_END

# 17/57 fetch-json: vocabularies of some models; the checksum is the one in sherpa-onnx's cmake/json.cmake
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
env curl -fL --retry 3 -o /build/sherpa-onnx/downloads/json-v3.12.0.tar.gz https://github.com/nlohmann/json/archive/refs/tags/v3.12.0.tar.gz
ROCMKIT_END

# 18/57 verify-json: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
env sha256sum --check --strict /build/sherpa-onnx/files/json.sha256
ROCMKIT_END

# 19/57 fetch-hclust-cpp: who speaks when; the checksum is the one in sherpa-onnx's cmake/hclust-cpp.cmake
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
run=(
  env
  curl
  -fL
  --retry
  3
  -o
  /build/sherpa-onnx/downloads/hclust-cpp-2026-02-25.tar.gz
  https://github.com/csukuangfj/hclust-cpp/archive/refs/tags/2026-02-25.tar.gz
)
"${run[@]}"
ROCMKIT_END

# 20/57 verify-hclust-cpp: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/downloads
cd -- /build/sherpa-onnx/downloads
env sha256sum --check --strict /build/sherpa-onnx/files/hclust-cpp.sha256
ROCMKIT_END

# 21/57 fetch-pybind11-init: an empty repository for pybind11
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/pybind11
cd -- /build/sherpa-onnx/src/pybind11
env git init -q /build/sherpa-onnx/src/pybind11
ROCMKIT_END

# 22/57 fetch-pybind11: the Python module
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/pybind11
cd -- /build/sherpa-onnx/src/pybind11
env git -C /build/sherpa-onnx/src/pybind11 fetch --depth 1 https://github.com/pybind/pybind11.git ed5057ded698e305210269dafa57574ecf964483
ROCMKIT_END

# 23/57 checkout-sherpa-onnx: sherpa-onnx as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/sherpa-onnx
cd -- /build/sherpa-onnx/src/sherpa-onnx
run=(
  env
  git
  -C
  /build/sherpa-onnx/src/sherpa-onnx
  -c
  advice.detachedHead=false
  checkout
  --force
  --detach
  142807252687d81b40d6315f23470a1512a00de3
)
"${run[@]}"
ROCMKIT_END

# 24/57 clean-sherpa-onnx: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/sherpa-onnx
cd -- /build/sherpa-onnx/src/sherpa-onnx
env git -C /build/sherpa-onnx/src/sherpa-onnx clean -ffdqx
ROCMKIT_END

# 25/57 patch-sherpa-onnx-1: 1.13.4 takes the processor for any provider that it does not know, and it knows none for AMD GPUs
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/sherpa-onnx
cd -- /build/sherpa-onnx/src/sherpa-onnx
env git -C /build/sherpa-onnx/src/sherpa-onnx apply -p1 --whitespace=nowarn /build/sherpa-onnx/files/patches/rocm-migraphx.patch
ROCMKIT_END

# 26/57 patch-sherpa-onnx-2: two names that the package imports are missing where speech synthesis is left out, and `import sherpa_onnx` fails
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/sherpa-onnx
cd -- /build/sherpa-onnx/src/sherpa-onnx
env git -C /build/sherpa-onnx/src/sherpa-onnx apply -p1 --whitespace=nowarn /build/sherpa-onnx/files/patches/without-tts.patch
ROCMKIT_END

# 27/57 clean-kaldi-native-fbank: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env rm -rf -- /build/sherpa-onnx/src/kaldi-native-fbank
ROCMKIT_END

# 28/57 unpack-kaldi-native-fbank: kaldi-native-fbank out of its archive
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kaldi-native-fbank
cd -- /build/sherpa-onnx/src/kaldi-native-fbank
run=(
  env
  tar
  --no-same-owner
  -xf
  /build/sherpa-onnx/downloads/kaldi-native-fbank-v1.22.3.tar.gz
  -C
  /build/sherpa-onnx/src/kaldi-native-fbank
  --strip-components=1
)
"${run[@]}"
ROCMKIT_END

# 29/57 checkout-kissfft: kissfft as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kissfft
cd -- /build/sherpa-onnx/src/kissfft
env git -C /build/sherpa-onnx/src/kissfft -c advice.detachedHead=false checkout --force --detach febd4caeed32e33ad8b2e0bb5ea77542c40f18ec
ROCMKIT_END

# 30/57 clean-kissfft: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kissfft
cd -- /build/sherpa-onnx/src/kissfft
env git -C /build/sherpa-onnx/src/kissfft clean -ffdqx
ROCMKIT_END

# 31/57 checkout-kaldi-decoder: kaldi-decoder as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kaldi-decoder
cd -- /build/sherpa-onnx/src/kaldi-decoder
run=(
  env
  git
  -C
  /build/sherpa-onnx/src/kaldi-decoder
  -c
  advice.detachedHead=false
  checkout
  --force
  --detach
  62fda2d74246a90db9570e46fb16b012f813fae7
)
"${run[@]}"
ROCMKIT_END

# 32/57 clean-kaldi-decoder: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kaldi-decoder
cd -- /build/sherpa-onnx/src/kaldi-decoder
env git -C /build/sherpa-onnx/src/kaldi-decoder clean -ffdqx
ROCMKIT_END

# 33/57 clean-kaldifst: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env rm -rf -- /build/sherpa-onnx/src/kaldifst
ROCMKIT_END

# 34/57 unpack-kaldifst: kaldifst out of its archive
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/kaldifst
cd -- /build/sherpa-onnx/src/kaldifst
env tar --no-same-owner -xf /build/sherpa-onnx/downloads/kaldifst-v1.8.0.tar.gz -C /build/sherpa-onnx/src/kaldifst --strip-components=1
ROCMKIT_END

# 35/57 clean-openfst: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env rm -rf -- /build/sherpa-onnx/src/openfst
ROCMKIT_END

# 36/57 unpack-openfst: openfst out of its archive
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/openfst
cd -- /build/sherpa-onnx/src/openfst
run=(
  env
  tar
  --no-same-owner
  -xf
  /build/sherpa-onnx/downloads/openfst-v1.8.5-2026-04-11.tar.gz
  -C
  /build/sherpa-onnx/src/openfst
  --strip-components=1
)
"${run[@]}"
ROCMKIT_END

# 37/57 checkout-eigen: eigen as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/eigen
cd -- /build/sherpa-onnx/src/eigen
env git -C /build/sherpa-onnx/src/eigen -c advice.detachedHead=false checkout --force --detach bc3b39870ecb690a623a3f49149a358b95c5781d
ROCMKIT_END

# 38/57 clean-eigen: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/eigen
cd -- /build/sherpa-onnx/src/eigen
env git -C /build/sherpa-onnx/src/eigen clean -ffdqx
ROCMKIT_END

# 39/57 checkout-simple-sentencepiece: simple-sentencepiece as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/simple-sentencepiece
cd -- /build/sherpa-onnx/src/simple-sentencepiece
run=(
  env
  git
  -C
  /build/sherpa-onnx/src/simple-sentencepiece
  -c
  advice.detachedHead=false
  checkout
  --force
  --detach
  62dd423df1d51da5ea06f1c3a046fc04f01b4f39
)
"${run[@]}"
ROCMKIT_END

# 40/57 clean-simple-sentencepiece: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/simple-sentencepiece
cd -- /build/sherpa-onnx/src/simple-sentencepiece
env git -C /build/sherpa-onnx/src/simple-sentencepiece clean -ffdqx
ROCMKIT_END

# 41/57 clean-json: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env rm -rf -- /build/sherpa-onnx/src/json
ROCMKIT_END

# 42/57 unpack-json: json out of its archive
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/json
cd -- /build/sherpa-onnx/src/json
env tar --no-same-owner -xf /build/sherpa-onnx/downloads/json-v3.12.0.tar.gz -C /build/sherpa-onnx/src/json --strip-components=1
ROCMKIT_END

# 43/57 clean-hclust-cpp: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env rm -rf -- /build/sherpa-onnx/src/hclust-cpp
ROCMKIT_END

# 44/57 unpack-hclust-cpp: hclust-cpp out of its archive
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/hclust-cpp
cd -- /build/sherpa-onnx/src/hclust-cpp
run=(
  env
  tar
  --no-same-owner
  -xf
  /build/sherpa-onnx/downloads/hclust-cpp-2026-02-25.tar.gz
  -C
  /build/sherpa-onnx/src/hclust-cpp
  --strip-components=1
)
"${run[@]}"
ROCMKIT_END

# 45/57 checkout-pybind11: pybind11 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/pybind11
cd -- /build/sherpa-onnx/src/pybind11
env git -C /build/sherpa-onnx/src/pybind11 -c advice.detachedHead=false checkout --force --detach ed5057ded698e305210269dafa57574ecf964483
ROCMKIT_END

# 46/57 clean-pybind11: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/src/pybind11
cd -- /build/sherpa-onnx/src/pybind11
env git -C /build/sherpa-onnx/src/pybind11 clean -ffdqx
ROCMKIT_END

# 47/57 configure: the Python module of sherpa-onnx against the ONNX Runtime that was built before it; all that CMake would download is there already
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
run=(
  env
  cmake
  -G
  Ninja
  -S
  /build/sherpa-onnx/src/sherpa-onnx
  -B
  /build/sherpa-onnx/build/sherpa-onnx
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_C_FLAGS=-ffile-prefix-map=/build/sherpa-onnx=.
  -DCMAKE_CXX_FLAGS=-ffile-prefix-map=/build/sherpa-onnx=.
  '-DCMAKE_MODULE_LINKER_FLAGS=-Wl,-rpath,'"'"'$ORIGIN'"'"''
  -DCMAKE_SKIP_RPATH=ON
  -DPython_EXECUTABLE=/usr/bin/python3
  -DPYTHON_EXECUTABLE=/usr/bin/python3
  -DBUILD_SHARED_LIBS=ON
  -DSHERPA_ONNX_ENABLE_PYTHON=ON
  -DSHERPA_ONNX_ENABLE_TTS=OFF
  -DSHERPA_ONNX_ENABLE_BINARY=OFF
  -DSHERPA_ONNX_ENABLE_C_API=OFF
  -DSHERPA_ONNX_ENABLE_PORTAUDIO=OFF
  -DSHERPA_ONNX_ENABLE_WEBSOCKET=OFF
  -DSHERPA_ONNX_HAS_ALSA=OFF
  -Dlocation_onnxruntime_header_dir=/build/onnxruntime/prefix/include/onnxruntime
  -Dlocation_onnxruntime_lib=/build/onnxruntime/prefix/lib/libonnxruntime.so
  -DFETCHCONTENT_FULLY_DISCONNECTED=ON
  -DFETCHCONTENT_SOURCE_DIR_KALDI_NATIVE_FBANK=/build/sherpa-onnx/src/kaldi-native-fbank
  -DFETCHCONTENT_SOURCE_DIR_KISSFFT=/build/sherpa-onnx/src/kissfft
  -DFETCHCONTENT_SOURCE_DIR_KALDI_DECODER=/build/sherpa-onnx/src/kaldi-decoder
  -DFETCHCONTENT_SOURCE_DIR_KALDIFST=/build/sherpa-onnx/src/kaldifst
  -DFETCHCONTENT_SOURCE_DIR_OPENFST=/build/sherpa-onnx/src/openfst
  -DFETCHCONTENT_SOURCE_DIR_EIGEN=/build/sherpa-onnx/src/eigen
  -DFETCHCONTENT_SOURCE_DIR_SIMPLE-SENTENCEPIECE=/build/sherpa-onnx/src/simple-sentencepiece
  -DFETCHCONTENT_SOURCE_DIR_JSON=/build/sherpa-onnx/src/json
  -DFETCHCONTENT_SOURCE_DIR_HCLUST_CPP=/build/sherpa-onnx/src/hclust-cpp
  -DFETCHCONTENT_SOURCE_DIR_PYBIND11=/build/sherpa-onnx/src/pybind11
)
"${run[@]}"
ROCMKIT_END

# 48/57 build: compiles it; no code for the GPU is in it, all of that is the ONNX Runtime's
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env cmake --build /build/sherpa-onnx/build/sherpa-onnx --target _sherpa_onnx
ROCMKIT_END

# 49/57 wheel-venv: tools for the wheel, apart from the user's own
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env /usr/bin/python3 -m venv --clear /build/sherpa-onnx/build/venv
ROCMKIT_END

# 50/57 wheel-tools: tools that still run setup.py
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env /build/sherpa-onnx/build/venv/bin/python -m pip install setuptools==80.9.0 wheel==0.45.1
ROCMKIT_END

# 51/57 wheel-clean: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
env rm -rf /build/sherpa-onnx/build/package
ROCMKIT_END

# 52/57 wheel-sources: upstream's setup.py writes into the folder that it is called in
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/build/package
cd -- /build/sherpa-onnx/build/package
run=(
  env
  cp
  -r
  /build/sherpa-onnx/src/sherpa-onnx/setup.py
  /build/sherpa-onnx/src/sherpa-onnx/CMakeLists.txt
  /build/sherpa-onnx/src/sherpa-onnx/README.md
  /build/sherpa-onnx/src/sherpa-onnx/LICENSE
  /build/sherpa-onnx/src/sherpa-onnx/cmake
  /build/sherpa-onnx/src/sherpa-onnx/sherpa-onnx
  /build/sherpa-onnx/build/package
)
"${run[@]}"
ROCMKIT_END

# 53/57 wheel-build: the Python files, by upstream's own setup.py without its build, which would compile all again; the local version says what the wheel is for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx/build/package
cd -- /build/sherpa-onnx/build/package
run=(
  env
  SHERPA_ONNX_CMAKE_ARGS=-DSHERPA_ONNX_ENABLE_BINARY=OFF
  /build/sherpa-onnx/build/venv/bin/python
  setup.py
  egg_info
  --tag-build=+rocm6.3.gfx906
  build_py
  bdist_wheel
  --skip-build
  --dist-dir
  /build/sherpa-onnx/build/wheel
)
"${run[@]}"
ROCMKIT_END

# 54/57 wheel-unpack: that wheel lacks the libraries
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
run=(
  env
  /build/sherpa-onnx/build/venv/bin/python
  -m
  wheel
  unpack
  --dest
  /build/sherpa-onnx/build/repair
  /build/sherpa-onnx/build/wheel/sherpa_onnx-1.13.4+rocm6.3.gfx906-cp310-cp310-linux_x86_64.whl
)
"${run[@]}"
ROCMKIT_END

# 55/57 wheel-libraries: the module and the ONNX Runtime beside it, each library once
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
run=(
  env
  install
  -D
  -t
  /build/sherpa-onnx/build/repair/sherpa_onnx-1.13.4+rocm6.3.gfx906/sherpa_onnx/lib
  /build/sherpa-onnx/build/sherpa-onnx/lib/_sherpa_onnx.cpython-310-x86_64-linux-gnu.so
  /build/onnxruntime/prefix/lib/libonnxruntime.so.1
  /build/onnxruntime/prefix/lib/libonnxruntime_providers_shared.so
  /build/onnxruntime/prefix/lib/libonnxruntime_providers_rocm.so
)
"${run[@]}"
ROCMKIT_END

# 56/57 wheel-strip: names that only a debugger wants
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
run=(
  env
  strip
  --strip-unneeded
  /build/sherpa-onnx/build/repair/sherpa_onnx-1.13.4+rocm6.3.gfx906/sherpa_onnx/lib/_sherpa_onnx.cpython-310-x86_64-linux-gnu.so
)
"${run[@]}"
ROCMKIT_END

# 57/57 wheel-pack: writes the wheel with the record of what is in it now
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/sherpa-onnx/environment.sh
mkdir -p -- /build/sherpa-onnx
cd -- /build/sherpa-onnx
run=(
  env
  /build/sherpa-onnx/build/venv/bin/python
  -m
  wheel
  pack
  --dest-dir
  /build/sherpa-onnx/dist
  /build/sherpa-onnx/build/repair/sherpa_onnx-1.13.4+rocm6.3.gfx906
)
"${run[@]}"
ROCMKIT_END

# All that is left: what was built.
FROM scratch AS result
COPY --from=onnxruntime /build/onnxruntime/dist/ /
COPY --from=onnxruntime /build/onnxruntime/prefix/ /onnxruntime-1.22.1+rocm6.3.gfx906/
COPY --from=sherpa-onnx /build/sherpa-onnx/dist/ /
