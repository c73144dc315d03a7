"""Environment variables that change what a GPU program does, here and in the files that shells start with."""

from __future__ import annotations

import re

from rocmkit.facts import EnvLine
from rocmkit.host.base import Host
from rocmkit.probe.gaps import names, text

#: Families: every variable whose name begins so.
PREFIXES = (
    *("HSA_", "HIP_", "HIPCC_", "HIPBLASLT_", "ROCR_", "ROC_", "ROCM_", "AMD_", "AMDGPU_", "GPU_", "MIOPEN_", "ROCBLAS_", "TENSILE_"),
    *("PYTORCH_", "TORCH_", "TORCHINDUCTOR_", "TRITON_", "CT2_", "ORT_", "NUMBA_", "RCCL_", "NCCL_", "FLASH_ATTENTION_"),
)

#: Single variables.
NAMES = re.compile(
    r"CUDA_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|LD_LIBRARY_PATH|LD_PRELOAD|DEVICE_LIB_PATH|(OMP|MKL|OPENBLAS)_NUM_THREADS|CC|CXX|TMPDIR"
    r"|PYTHONPATH|PYTHONNOUSERSITE|PYTHONHOME|VIRTUAL_ENV|CONDA_PREFIX|CONDA_DEFAULT_ENV|UV_PROJECT_ENVIRONMENT|XDG_CACHE_HOME"
    r"|HF_HOME|HF_HUB_OFFLINE|HF_HUB_CACHE|HF_TOKEN|TRANSFORMERS_OFFLINE|TRANSFORMERS_CACHE"
)

#: Files that set variables at login or when a shell starts; those of /etc/profile.d come on top.
FILES = (
    *("~/.profile", "~/.bashrc", "~/.bash_profile", "~/.bash_aliases", "~/.zshrc", "~/.zshenv", "~/.zprofile"),
    *("/etc/environment", "/etc/profile", "/etc/bash.bashrc", "/etc/bashrc"),
)

#: Of those files, only assignments to these leave the host: old lines there outlive their reason (F18, F19, F22, F25).
FILE_NAMES = re.compile(
    r"HSA_OVERRIDE_GFX_VERSION\w*|\w*_VISIBLE_DEVICES|GPU_DEVICE_ORDINAL|LD_LIBRARY_PATH|LD_PRELOAD|(ROCBLAS|HIPBLASLT)_TENSILE_LIBPATH"
    r"|PYTORCH_((HIP|CUDA)_)?ALLOC_CONF|TORCH_BLAS_PREFER_HIPBLASLT|ROCBLAS_USE_HIPBLASLT|TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL",
    re.ASCII,
)

_ASSIGNMENT = r"[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s;&|\"'])*"
#: A statement that is nothing but assignments. `VAR=1 program` is not one: it sets the variable for that program alone.
_STATEMENT = re.compile(
    r"(?:^|[;&|])\s*(?:(?:then|else|do)\s+)?(?:(?:export|(?:declare|typeset)\s+-\w+)\s+)?"
    rf"({_ASSIGNMENT}(?:\s+{_ASSIGNMENT})*)\s*(?=$|[;&|])",
    re.ASCII,
)


def wanted(name: str) -> bool:
    """Whether a variable of that name matters here."""
    return bool(NAMES.fullmatch(name)) or name.startswith(PREFIXES)


def env(host: Host) -> dict[str, str]:
    """The variables that matter, by name. Of a secret the host gives only `<set>`. Raises NotAsked."""
    return dict(sorted(host.environ(wanted).items()))


def env_files(host: Host) -> tuple[EnvLine, ...]:
    """Where start-up files set a variable of FILE_NAMES, in the order of the files. Files that are not there are passed over."""
    scripts = (f"/etc/profile.d/{name}" for name in names(host, "/etc/profile.d", lambda name: name.endswith(".sh")))

    def keep(data: bytes) -> bytes:
        script = data.decode("utf-8", "replace")
        return "\n".join(f"{name}={host.private.hide_text(value)}" for name, value in assignments(script)).encode()

    found = []
    for path in (*FILES, *scripts):
        pairs = assignments(text(host, path, keep))
        found += [EnvLine(file=path, name=name, value=re.sub("[\"']", "", value)) for name, value in pairs]
    return tuple(found)


def assignments(script: str) -> list[tuple[str, str]]:
    """(name, value with its quotes) for each assignment to FILE_NAMES that a shell would carry out for good. Comments set nothing."""
    found = []
    for line in script.splitlines():
        for statement in _STATEMENT.finditer(re.sub(r"(^|\s)#.*", "", line[:4096])):
            pairs = (word.partition("=") for word in re.findall(_ASSIGNMENT, statement[1], re.ASCII))
            found += [(name, value) for name, _, value in pairs if FILE_NAMES.fullmatch(name)]
    return found
