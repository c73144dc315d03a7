# syntax=docker/dockerfile:1
#
# rocBLAS with kernels for cards that AMD's packages left behind: rocblas 6.4.4+rocm6.4.gfx906
#
# For gfx906.
# With ROCm 6.4.4 in /opt/rocm-6.4.4, and Python 3.10 (/usr/bin/python3).
# Written by rocmkit out of a recipe with SHA-256 464d21a24fe684ff63945a493fbf48ce99eb20792562826b6785e3e9fff92044.
#
# Has to be installed:
#   git: fetches pinned sources and applies patches
#   cmake>=3.21: configures the build; HIP as a language of its own needs 3.21
#   ninja: runs the compilers and counts what is done
#   c++-compiler: compiles for the processor, and brings the C++ library that ROCm's clang uses too
#   python-venv: makes environments of their own to build and to try in
#   hip-compiler: compiles for the GPU
#   rocm-cmake: CMake modules that ROCm's own sources are built with
#   roctracer: marks in the timelines of profilers, which rocBLAS is linked with
#   msgpack-cxx: reads rocBLAS's kernel catalogues
#
# What is fetched, and what it is held to:
#   rocblas: https://github.com/ROCm/rocBLAS.git at 5566dabbee4e78b8f08cfb9231177d8509eb605f
#   tensile: https://github.com/ROCm/Tensile.git at be49885fce2a61b600ae4593f1c2d00c8b4fa11e
#
# Note: Configured, its tuned kernels for gfx906 partly assembled, and seven of its 455 files compiled, with Debian's ROCm 6.4; not linked and not run on a GPU.
# Note: rocBLAS names another commit of the same Tensile release, 4.43.0, than the one that is pinned here, with which all of this was tried.
# Note: Tensile takes every processor core, whatever --jobs says, at about 1 GiB each.
# Note: The library holds code for the cards that were asked for and for no others: with several kinds of cards ask for all of them.
#
# Builds into the folder out, with BuildKit: docker build --output out -f FILE .

FROM rocm/dev-ubuntu-22.04:6.4.4-complete@sha256:bdaa057ff7d6be321ada8d451aaab92777656557fa67985f27f2c98bd29c7a36 AS build

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git cmake ninja-build g++ python3.10-venv rocm-hip-runtime-dev rocm-cmake roctracer-dev libmsgpack-dev
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
export ROCM_PATH=/opt/rocm-6.4.4
export HIPCXX=/opt/rocm-6.4.4/llvm/bin/clang++
for folder in /opt/rocm-6.4.4/bin /opt/rocm-6.4.4/llvm/bin; do
  case ":$PATH:" in *":$folder:"*) ;; *) PATH="$folder:$PATH" ;; esac
done
export PATH
ROCMKIT_END

RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
mkdir -p -- /build/prefix /build/dist
ROCMKIT_END

# 1/12 fetch-rocblas-init: an empty repository for rocblas
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/rocblas
cd -- /build/src/rocblas
env git init -q /build/src/rocblas
ROCMKIT_END

# 2/12 fetch-rocblas: what is built
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/rocblas
cd -- /build/src/rocblas
env git -C /build/src/rocblas fetch --depth 1 https://github.com/ROCm/rocBLAS.git 5566dabbee4e78b8f08cfb9231177d8509eb605f
ROCMKIT_END

# 3/12 fetch-tensile-init: an empty repository for tensile
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/tensile
cd -- /build/src/tensile
env git init -q /build/src/tensile
ROCMKIT_END

# 4/12 fetch-tensile: writes the kernels of the matrix products
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/tensile
cd -- /build/src/tensile
env git -C /build/src/tensile fetch --depth 1 https://github.com/ROCm/Tensile.git be49885fce2a61b600ae4593f1c2d00c8b4fa11e
ROCMKIT_END

# 5/12 checkout-rocblas: rocblas as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/rocblas
cd -- /build/src/rocblas
env git -C /build/src/rocblas -c advice.detachedHead=false checkout --force --detach 5566dabbee4e78b8f08cfb9231177d8509eb605f
ROCMKIT_END

# 6/12 clean-rocblas: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/rocblas
cd -- /build/src/rocblas
env git -C /build/src/rocblas clean -ffdqx
ROCMKIT_END

# 7/12 checkout-tensile: tensile as it is pinned
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/tensile
cd -- /build/src/tensile
env git -C /build/src/tensile -c advice.detachedHead=false checkout --force --detach be49885fce2a61b600ae4593f1c2d00c8b4fa11e
ROCMKIT_END

# 8/12 clean-tensile: nothing of an earlier run stays
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build/src/tensile
cd -- /build/src/tensile
env git -C /build/src/tensile clean -ffdqx
ROCMKIT_END

# 9/12 tensile-venv: Tensile is a Python program; it gets an environment of its own
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /usr/bin/python3 -m venv --clear /build/build/venv
ROCMKIT_END

# 10/12 tensile-tools: what Tensile reads its tables and writes its libraries with
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env /build/build/venv/bin/python -m pip install PyYAML==6.0.3 msgpack==1.1.2 joblib==1.4.2
ROCMKIT_END

# 11/12 library-configure: CMake itself in place of install.sh, which calls sudo; hipBLASLt has no code for these cards, and Tensile comes from the pinned source instead of from the network
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
run=(
  env
  cmake
  -G
  Ninja
  -S
  /build/src/rocblas
  -B
  /build/build/rocblas
  -DCMAKE_POLICY_VERSION_MINIMUM=3.5
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_INSTALL_PREFIX=/build/prefix
  -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_C_COMPILER=/opt/rocm-6.4.4/bin/amdclang
  -DCMAKE_CXX_COMPILER=/opt/rocm-6.4.4/bin/amdclang++
  -DCMAKE_PREFIX_PATH=/opt/rocm-6.4.4
  -DROCM_PATH=/opt/rocm-6.4.4
  -Dpython=/build/build/venv/bin/python
  -DCMAKE_CXX_FLAGS=-ffile-prefix-map=/build=.
  -DCMAKE_SHARED_LINKER_FLAGS=-L/opt/rocm-6.4.4/lib
  '-DCMAKE_INSTALL_RPATH=$ORIGIN;/opt/rocm-6.4.4/lib'
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON
  -DGPU_TARGETS=gfx906
  -DBUILD_WITH_TENSILE=ON
  -DBUILD_WITH_PIP=OFF
  -DTensile_ROOT=/build/src/tensile/Tensile
  -DTensile_DIR=/build/src/tensile/Tensile/cmake
  -DVIRTUALENV_BIN_DIR=/build/build/venv/bin
  -DVIRTUALENV_PYTHON_EXENAME=python
  -DTensile_LOGIC=asm_full
  -DTensile_CODE_OBJECT_VERSION=default
  -DTensile_COMPILER=amdclang++
  -DTensile_LIBRARY_FORMAT=msgpack
  -DTensile_SEPARATE_ARCHITECTURES=ON
  -DTensile_LAZY_LIBRARY_LOADING=ON
  -DBUILD_WITH_HIPBLASLT=OFF
  -DBUILD_CLIENTS_TESTS=OFF
  -DBUILD_CLIENTS_BENCHMARKS=OFF
  -DBUILD_CLIENTS_SAMPLES=OFF
  -DROCM_DISABLE_LDCONFIG=ON
)
"${run[@]}"
ROCMKIT_END

# 12/12 library-build: writes and assembles the kernels, then compiles the library; the first of its targets is the longest and shows no counter
RUN <<'ROCMKIT_END'
#!/bin/bash
set -euo pipefail
. /build/environment.sh
mkdir -p -- /build
cd -- /build
env cmake --build /build/build/rocblas --target install
ROCMKIT_END

# All that is left: what was built.
FROM scratch AS result
COPY --from=build /build/prefix/ /
