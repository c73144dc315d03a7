"""What a step of a build sees in its environment: the user's own variables, less those that change a build without a word."""

from __future__ import annotations

from collections.abc import Mapping

from rocmkit.build.values import Plan, PlanStep

#: Compilers, linkers, CMake, make, ninja, Python and git obey these, and no plan could name them.
DROPPED = frozenset(
    {
        *(
            "CC",
            "CXX",
            "CPP",
            "LD",
            "AR",
            "AS",
            "NM",
            "RANLIB",
            "CFLAGS",
            "CXXFLAGS",
            "CPPFLAGS",
            "LDFLAGS",
            "ASMFLAGS",
            "CUDACXX",
            "CUDAFLAGS",
        ),
        *(
            "CPATH",
            "C_INCLUDE_PATH",
            "CPLUS_INCLUDE_PATH",
            "LIBRARY_PATH",
            "LD_LIBRARY_PATH",
            "LD_PRELOAD",
            "LD_AUDIT",
            "LD_RUN_PATH",
            "COMPILER_PATH",
        ),
        *("GCC_EXEC_PREFIX", "DESTDIR", "MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKELEVEL", "MAKEFILES", "NINJA_STATUS", "CLICOLOR_FORCE"),
        *("FORCE_COLOR", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONOPTIMIZE", "ARCHFLAGS", "PYTORCH_ROCM_ARCH"),
        *(
            "HCC_AMDGPU_TARGET",
            "DEVICE_LIB_PATH",
            "CCC_OVERRIDE_OPTIONS",
            "SSH_ASKPASS",
            "TAR_OPTIONS",
            "LANGUAGE",
            "LANG",
            "BASH_ENV",
            "CDPATH",
            "CONFIG_SITE",
            "ENV",
        ),
        *("PWD", "OLDPWD"),
    }
)
#: The same, by the beginning of their names. LC_ALL comes back below.
DROPPED_PREFIXES = ("CMAKE_", "HIP", "ROCM", "HSA_", "GIT_", "LC_", "CLANG_CONFIG")

#: A build folder often lies within a repository of the user's. git must neither take that for a source whose own folder is damaged, nor
#: put a change of line ends, a hook or a process in the background between the commit that is pinned and the files.
_GIT = {"core.autocrlf": "false", "core.hooksPath": "/dev/null", "core.fsmonitor": "false", "gc.auto": "0", "maintenance.auto": "false"}


def added(plan: Plan) -> dict[str, str]:
    """Variables that every step gets, beside those that the plan names."""
    config = {
        f"GIT_CONFIG_{part}_{n}": text for n, pair in enumerate(_GIT.items()) for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return {
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": f"{plan.work}:{plan.work}/src",
        "GIT_CONFIG_COUNT": str(len(_GIT)),
        **config,
    }


def programs(plan: Plan) -> tuple[str, ...]:
    """Folders that are searched for programs before those of the user: the compiler's, then that of ROCm's tools."""
    return tuple(dict.fromkeys((plan.toolchain.llvm, f"{plan.toolchain.root}/bin")))


def environment(plan: Plan, step: PlanStep, users: Mapping[str, str]) -> dict[str, str]:
    """All that a step sees, where the user's own environment is `users`."""
    kept = {name: text for name, text in users.items() if name not in DROPPED and not name.startswith(DROPPED_PREFIXES)}
    path = users.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    # A folder that the user searches already keeps its place: /usr/bin must not come before an environment's own.
    first = [folder for folder in programs(plan) if folder not in path.split(":")]
    return {**kept, **added(plan), "PATH": ":".join([*first, path]), **step.env}
