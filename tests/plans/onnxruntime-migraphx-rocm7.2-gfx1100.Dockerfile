# syntax=docker/dockerfile:1
#
# ONNX Runtime with the MIGraphX provider: onnxruntime-migraphx 1.22.1+rocm7.2.gfx1100
#
# For gfx1100.
# With ROCm 7.2.3 in /opt/rocm-7.2.3, and Python 3.12 (/usr/bin/python3).
# Written by rocmkit out of a recipe with SHA-256 58f03b9ea7c67e4b18208851d089dc2b2707402d78fe61587951f815fbfd50ca.
#
# Has to be installed:
#   git: fetches pinned sources and applies patches
#   ninja: runs the compilers and counts what is done
#   c++-compiler: compiles for the processor, and brings the C++ library that ROCm's clang uses too
#   strip: takes debug information out of libraries
#   python-headers: headers of the interpreter that the wheel is for
#   python-venv: makes environments of their own to build and to try in
#   hip-compiler: compiles for the GPU
#   migraphx: compiles whole models for the GPU; of AMD's packages it is not among those that come with the rest
#   hipblaslt: matrix products with epilogues
#   miopen: convolutions
#   rocblas: matrix products below hipBLAS
#
# What is fetched, and what it is held to:
#   onnxruntime: https://github.com/ROCm/onnxruntime.git at 84181618603f4691b7118c8b8a5f5f03c920220b
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
# Note: Before an hour of building: the package index has onnxruntime-migraphx of later releases (1.23.2, 1.24.2 and 1.27.1 work on older distributions; 1.24.4 and 1.25.0 want glibc 2.38), made by a third party for ROCm 7. They hold no GPU code either, so one wheel is for every card.
# Note: A model with `If` nodes ends the process with a segmentation fault when its session is made (microsoft/onnxruntime#31607). The encoder of ReazonSpeech k2 has them: `rocmkit inspect MODEL.onnx` counts them, `rocmkit rewrite --fold-ifs` takes them out for a fixed length.
# Note: MIGraphX compiles the model anew for each shape of its inputs, inside run() (ROCm/AMDMIGraphX#4618): 85 to 91 seconds each were reported of a GPU in a processor (immich-app/immich#29559). Pad inputs to one length or a few. What was compiled is kept in the folder that the option migraphx_model_cache_dir names.
# Note: Of a conformer it was seen to take almost no node, without a word (ROCm/AMDMIGraphX#5058); of the k2 encoder without `If` nodes it took all of them, on a stand-in for the GPU and with 1.27.1. `rocmkit inspect MODEL.onnx --provider migraphx` measures it.
# Note: What was tried: with MIGraphX 7.1.1, but on Debian's ROCm 6.4, all of it was configured, and the provider compiled and linked; the rest was not built, and nothing with ROCm 7. Nothing of it ran on a GPU.
# Note: For a card that AMD does not make it for, such as gfx906, gfx908 and gfx1030, there is the ROCm provider: `rocmkit build onnxruntime --dry-run` says on which ROCm.
#
# Builds into the folder out, with BuildKit: docker build --output out -f FILE .

FROM rocm/dev-ubuntu-24.04:7.2.3-complete@sha256:ec1b59bf75ec1122e7a091c0be82301ba12458b038499ef96a5c115876bd78d2 AS build

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git ninja-build g++ binutils python3.12-dev python3.12-venv rocm-hip-runtime-dev migraphx-dev half hipblaslt-dev miopen-hip-dev rocblas-dev
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
export ROCM_PATH=/opt/rocm-7.2.3
export HIPCXX=/opt/rocm-7.2.3/llvm/bin/clang++
for folder in /opt/rocm-7.2.3/bin /opt/rocm-7.2.3/llvm/bin; do
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
f8b364cee8a617add78ab577cfe9d5b61084c8829fe9e95fd638d125bf9f1553  cmake/patches/onnx/onnx.patch
ROCMKIT_END

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
mkdir -p -- /build/prefix /build/dist
ROCMKIT_END

# 1/75 fetch-onnxruntime-init: an empty repository for onnxruntime
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git init -q /build/src/onnxruntime
ROCMKIT_END

# 2/75 fetch-onnxruntime: what is built
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git -C /build/src/onnxruntime fetch --depth 1 https://github.com/ROCm/onnxruntime.git 84181618603f4691b7118c8b8a5f5f03c920220b
ROCMKIT_END

# 3/75 fetch-abseil-init: an empty repository for abseil
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git init -q /build/src/abseil
ROCMKIT_END

# 4/75 fetch-abseil: hash tables and strings
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git -C /build/src/abseil fetch --depth 1 https://github.com/abseil/abseil-cpp.git 4447c7562e3bc702ade25105912dce503f0c4010
ROCMKIT_END

# 5/75 fetch-re2-init: an empty repository for re2
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git init -q /build/src/re2
ROCMKIT_END

# 6/75 fetch-re2: regular expressions in operators of strings
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git -C /build/src/re2 fetch --depth 1 https://github.com/google/re2.git 6dcd83d60f7944926bfd308cc13979fc53dd69ca
ROCMKIT_END

# 7/75 fetch-protobuf-init: an empty repository for protobuf
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git init -q /build/src/protobuf
ROCMKIT_END

# 8/75 fetch-protobuf: reads models
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf fetch --depth 1 https://github.com/protocolbuffers/protobuf.git f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
ROCMKIT_END

# 9/75 fetch-date-init: an empty repository for date
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git init -q /build/src/date
ROCMKIT_END

# 10/75 fetch-date: times in logs
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git -C /build/src/date fetch --depth 1 https://github.com/HowardHinnant/date.git 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
ROCMKIT_END

# 11/75 fetch-mp11-init: an empty repository for mp11
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git init -q /build/src/mp11
ROCMKIT_END

# 12/75 fetch-mp11: lists of types
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git -C /build/src/mp11 fetch --depth 1 https://github.com/boostorg/mp11.git 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
ROCMKIT_END

# 13/75 fetch-json-init: an empty repository for json
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git init -q /build/src/json
ROCMKIT_END

# 14/75 fetch-json: JSON
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git -C /build/src/json fetch --depth 1 https://github.com/nlohmann/json.git 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03
ROCMKIT_END

# 15/75 fetch-cpuinfo-init: an empty repository for cpuinfo
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git init -q /build/src/cpuinfo
ROCMKIT_END

# 16/75 fetch-cpuinfo: what the processor can do
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git -C /build/src/cpuinfo fetch --depth 1 https://github.com/pytorch/cpuinfo.git 8a1772a0c5c447df2d18edf33ec4603a8c9c04a6
ROCMKIT_END

# 17/75 fetch-gsl-init: an empty repository for gsl
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git init -q /build/src/gsl
ROCMKIT_END

# 18/75 fetch-gsl: views of memory
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git -C /build/src/gsl fetch --depth 1 https://github.com/microsoft/GSL.git a3534567187d2edc428efd3f13466ff75fe5805c
ROCMKIT_END

# 19/75 fetch-safeint-init: an empty repository for safeint
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git init -q /build/src/safeint
ROCMKIT_END

# 20/75 fetch-safeint: sums that do not overflow
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git -C /build/src/safeint fetch --depth 1 https://github.com/dcleblanc/SafeInt.git 4cafc9196c4da9c817992b20f5253ef967685bf8
ROCMKIT_END

# 21/75 fetch-flatbuffers-init: an empty repository for flatbuffers
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git init -q /build/src/flatbuffers
ROCMKIT_END

# 22/75 fetch-flatbuffers: models in ONNX Runtime's own format
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers fetch --depth 1 https://github.com/google/flatbuffers.git 0100f6a5779831fa7a651e4b67ef389a8752bd9b
ROCMKIT_END

# 23/75 fetch-pybind11-init: an empty repository for pybind11
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git init -q /build/src/pybind11
ROCMKIT_END

# 24/75 fetch-pybind11: the Python module
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git -C /build/src/pybind11 fetch --depth 1 https://github.com/pybind/pybind11.git a2e59f0e7065404b44dfe92a28aca47ba1378dc4
ROCMKIT_END

# 25/75 fetch-onnx-init: an empty repository for onnx
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git init -q /build/src/onnx
ROCMKIT_END

# 26/75 fetch-onnx: what operators are
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx fetch --depth 1 https://github.com/onnx/onnx.git b8baa8446686496da4cc8fda09f2b6fe65c2a02c
ROCMKIT_END

# 27/75 fetch-eigen-init: an empty repository for eigen
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git init -q /build/src/eigen
ROCMKIT_END

# 28/75 fetch-eigen: matrices on the processor
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git -C /build/src/eigen fetch --depth 1 https://github.com/eigen-mirror/eigen.git 1d8b82b0740839c0de7f1242a3585e3390ff5f33
ROCMKIT_END

# 29/75 fetch-dlpack-init: an empty repository for dlpack
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/dlpack
cd -- /build/src/dlpack
env git init -q /build/src/dlpack
ROCMKIT_END

# 30/75 fetch-dlpack: tensors shared with other libraries
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/dlpack
cd -- /build/src/dlpack
env git -C /build/src/dlpack fetch --depth 1 https://github.com/dmlc/dlpack.git 277508879878e0a5b5b43599b1bea11f66eb3c6c
ROCMKIT_END

# 31/75 checkout-onnxruntime: onnxruntime as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git -C /build/src/onnxruntime -c advice.detachedHead=false checkout --force --detach 84181618603f4691b7118c8b8a5f5f03c920220b
ROCMKIT_END

# 32/75 clean-onnxruntime: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env git -C /build/src/onnxruntime clean -ffdqx
ROCMKIT_END

# 33/75 checkout-abseil: abseil as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git -C /build/src/abseil -c advice.detachedHead=false checkout --force --detach 4447c7562e3bc702ade25105912dce503f0c4010
ROCMKIT_END

# 34/75 clean-abseil: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/abseil
cd -- /build/src/abseil
env git -C /build/src/abseil clean -ffdqx
ROCMKIT_END

# 35/75 checkout-re2: re2 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git -C /build/src/re2 -c advice.detachedHead=false checkout --force --detach 6dcd83d60f7944926bfd308cc13979fc53dd69ca
ROCMKIT_END

# 36/75 clean-re2: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/re2
cd -- /build/src/re2
env git -C /build/src/re2 clean -ffdqx
ROCMKIT_END

# 37/75 checkout-protobuf: protobuf as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf -c advice.detachedHead=false checkout --force --detach f0dc78d7e6e331b8c6bb2d5283e06aa26883ca7c
ROCMKIT_END

# 38/75 clean-protobuf: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf clean -ffdqx
ROCMKIT_END

# 39/75 verify-patch-protobuf-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env sha256sum --check --strict /build/files/patch-protobuf-1.sha256
ROCMKIT_END

# 40/75 patch-protobuf-1: what ONNX Runtime changes in protobuf's CMake files
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/protobuf
cd -- /build/src/protobuf
env git -C /build/src/protobuf apply -p1 --whitespace=nowarn /build/src/onnxruntime/cmake/patches/protobuf/protobuf_cmake.patch
ROCMKIT_END

# 41/75 checkout-date: date as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git -C /build/src/date -c advice.detachedHead=false checkout --force --detach 6e921e1b1d21e84a5c82416ba7ecd98e33a436d0
ROCMKIT_END

# 42/75 clean-date: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/date
cd -- /build/src/date
env git -C /build/src/date clean -ffdqx
ROCMKIT_END

# 43/75 checkout-mp11: mp11 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git -C /build/src/mp11 -c advice.detachedHead=false checkout --force --detach 0a0b5fb001ce0233ae3a6f99d849c0649e5a7361
ROCMKIT_END

# 44/75 clean-mp11: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/mp11
cd -- /build/src/mp11
env git -C /build/src/mp11 clean -ffdqx
ROCMKIT_END

# 45/75 checkout-json: json as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git -C /build/src/json -c advice.detachedHead=false checkout --force --detach 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03
ROCMKIT_END

# 46/75 clean-json: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/json
cd -- /build/src/json
env git -C /build/src/json clean -ffdqx
ROCMKIT_END

# 47/75 checkout-cpuinfo: cpuinfo as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git -C /build/src/cpuinfo -c advice.detachedHead=false checkout --force --detach 8a1772a0c5c447df2d18edf33ec4603a8c9c04a6
ROCMKIT_END

# 48/75 clean-cpuinfo: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/cpuinfo
cd -- /build/src/cpuinfo
env git -C /build/src/cpuinfo clean -ffdqx
ROCMKIT_END

# 49/75 checkout-gsl: gsl as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git -C /build/src/gsl -c advice.detachedHead=false checkout --force --detach a3534567187d2edc428efd3f13466ff75fe5805c
ROCMKIT_END

# 50/75 clean-gsl: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/gsl
cd -- /build/src/gsl
env git -C /build/src/gsl clean -ffdqx
ROCMKIT_END

# 51/75 checkout-safeint: safeint as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git -C /build/src/safeint -c advice.detachedHead=false checkout --force --detach 4cafc9196c4da9c817992b20f5253ef967685bf8
ROCMKIT_END

# 52/75 clean-safeint: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/safeint
cd -- /build/src/safeint
env git -C /build/src/safeint clean -ffdqx
ROCMKIT_END

# 53/75 checkout-flatbuffers: flatbuffers as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers -c advice.detachedHead=false checkout --force --detach 0100f6a5779831fa7a651e4b67ef389a8752bd9b
ROCMKIT_END

# 54/75 clean-flatbuffers: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers clean -ffdqx
ROCMKIT_END

# 55/75 verify-patch-flatbuffers-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env sha256sum --check --strict /build/files/patch-flatbuffers-1.sha256
ROCMKIT_END

# 56/75 patch-flatbuffers-1: what ONNX Runtime changes in flatbuffers
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/flatbuffers
cd -- /build/src/flatbuffers
env git -C /build/src/flatbuffers apply -p1 --whitespace=nowarn /build/src/onnxruntime/cmake/patches/flatbuffers/flatbuffers.patch
ROCMKIT_END

# 57/75 checkout-pybind11: pybind11 as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git -C /build/src/pybind11 -c advice.detachedHead=false checkout --force --detach a2e59f0e7065404b44dfe92a28aca47ba1378dc4
ROCMKIT_END

# 58/75 clean-pybind11: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/pybind11
cd -- /build/src/pybind11
env git -C /build/src/pybind11 clean -ffdqx
ROCMKIT_END

# 59/75 checkout-onnx: onnx as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx -c advice.detachedHead=false checkout --force --detach b8baa8446686496da4cc8fda09f2b6fe65c2a02c
ROCMKIT_END

# 60/75 clean-onnx: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx clean -ffdqx
ROCMKIT_END

# 61/75 verify-patch-onnx-1: it is what the recipe was written for
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnxruntime
cd -- /build/src/onnxruntime
env sha256sum --check --strict /build/files/patch-onnx-1.sha256
ROCMKIT_END

# 62/75 patch-onnx-1: what ONNX Runtime changes in onnx; without it not all operators are registered as it expects
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/onnx
cd -- /build/src/onnx
env git -C /build/src/onnx apply -p1 --whitespace=nowarn /build/src/onnxruntime/cmake/patches/onnx/onnx.patch
ROCMKIT_END

# 63/75 checkout-eigen: eigen as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git -C /build/src/eigen -c advice.detachedHead=false checkout --force --detach 1d8b82b0740839c0de7f1242a3585e3390ff5f33
ROCMKIT_END

# 64/75 clean-eigen: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/eigen
cd -- /build/src/eigen
env git -C /build/src/eigen clean -ffdqx
ROCMKIT_END

# 65/75 checkout-dlpack: dlpack as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/dlpack
cd -- /build/src/dlpack
env git -C /build/src/dlpack -c advice.detachedHead=false checkout --force --detach 277508879878e0a5b5b43599b1bea11f66eb3c6c
ROCMKIT_END

# 66/75 clean-dlpack: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/dlpack
cd -- /build/src/dlpack
env git -C /build/src/dlpack clean -ffdqx
ROCMKIT_END

# 67/75 tools-venv: tools for the build, apart from the user's own
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /usr/bin/python3 -m venv --clear /build/build/venv
ROCMKIT_END

# 68/75 tools: a CMake that is new enough and not too new, NumPy's headers, and tools that still run setup.py
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/python -m pip install cmake==3.31.10 'numpy>=2,<3' 'packaging>=24,<27' setuptools==80.9.0 wheel==0.45.1
ROCMKIT_END

# 69/75 library-configure: ONNX Runtime with the MIGraphX provider, and with every dependency from the pinned sources instead of from the network
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
  --compile-no-warning-as-error
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_INSTALL_PREFIX=/build/prefix
  -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_INSTALL_INCLUDEDIR=include
  -DBUILD_PKGCONFIG_FILES=OFF
  '-DCMAKE_C_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build=.'
  '-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG -ffile-prefix-map=/build=.'
  '-DCMAKE_INSTALL_RPATH=$ORIGIN;/opt/rocm-7.2.3/lib;/opt/rocm/lib'
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON
  -DCMAKE_INSTALL_RPATH_USE_LINK_PATH=OFF
  -DCMAKE_PREFIX_PATH=/opt/rocm-7.2.3
  -DPython_EXECUTABLE=/build/build/venv/bin/python
  -DPython3_EXECUTABLE=/build/build/venv/bin/python
  -DPYTHON_EXECUTABLE=/build/build/venv/bin/python
  -DFETCHCONTENT_FULLY_DISCONNECTED=ON
  -DFETCHCONTENT_TRY_FIND_PACKAGE_MODE=NEVER
  -Dsafeint_SOURCE_DIR=/build/src/safeint
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
  -DFETCHCONTENT_SOURCE_DIR_EIGEN3=/build/src/eigen
  -DFETCHCONTENT_SOURCE_DIR_DLPACK=/build/src/dlpack
  -Donnxruntime_USE_MIGRAPHX=ON
  -Donnxruntime_MIGRAPHX_HOME=/opt/rocm-7.2.3
  -Donnxruntime_BUILD_SHARED_LIB=ON
  -Donnxruntime_ENABLE_PYTHON=ON
  -Donnxruntime_BUILD_UNIT_TESTS=OFF
  -Donnxruntime_USE_FULL_PROTOBUF=OFF
  -Dprotobuf_WITH_ZLIB=OFF
)
"${run[@]}"
ROCMKIT_END

# 70/75 library-build: compiles ONNX Runtime for the processor, and the provider; MIGraphX compiles for the GPU once there is a model
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/cmake --build /build/build/onnxruntime
ROCMKIT_END

# 71/75 library-install: headers and libraries for programs in C and C++, such as sherpa-onnx
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/cmake --install /build/build/onnxruntime --strip
ROCMKIT_END

# 72/75 wheel-build: the wheel; the local version says what it is for
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
  --tag-build=+rocm7.2.gfx1100
  build
  --build-base
  /build/build/python
  bdist_wheel
  --dist-dir
  /build/build/wheel
  --use_migraphx
)
"${run[@]}"
ROCMKIT_END

# 73/75 wheel-unpack: what is in it is stripped
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
  /build/build/wheel/onnxruntime_migraphx-1.22.1+rocm7.2.gfx1100-cp312-cp312-linux_x86_64.whl
)
"${run[@]}"
ROCMKIT_END

# 74/75 wheel-strip: names that only a debugger wants
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
  /build/build/repair/onnxruntime_migraphx-1.22.1+rocm7.2.gfx1100/onnxruntime/capi/onnxruntime_pybind11_state.so
  /build/build/repair/onnxruntime_migraphx-1.22.1+rocm7.2.gfx1100/onnxruntime/capi/libonnxruntime.so.1.22.1
  /build/build/repair/onnxruntime_migraphx-1.22.1+rocm7.2.gfx1100/onnxruntime/capi/libonnxruntime_providers_migraphx.so
  /build/build/repair/onnxruntime_migraphx-1.22.1+rocm7.2.gfx1100/onnxruntime/capi/libonnxruntime_providers_shared.so
)
"${run[@]}"
ROCMKIT_END

# 75/75 wheel-pack: writes the wheel with the record of what is in it now
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/python -m wheel pack --dest-dir /build/dist /build/build/repair/onnxruntime_migraphx-1.22.1+rocm7.2.gfx1100
ROCMKIT_END

# All that is left: what was built.
FROM scratch AS result
COPY --from=build /build/dist/ /
COPY --from=build /build/prefix/ /onnxruntime-migraphx-1.22.1+rocm7.2.gfx1100/
