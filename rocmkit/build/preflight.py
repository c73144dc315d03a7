"""What would stop a build on this machine, seen before the hours are spent: packages, compiler, folders, memory, and how long it takes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from rocmkit import kb
from rocmkit.build import present
from rocmkit.build.folders import work_problems
from rocmkit.build.packages import Packages, applies, install_command, packages
from rocmkit.build.present import LIMIT_S, presence
from rocmkit.build.problem import Problem
from rocmkit.build.resources import Resources, resources
from rocmkit.build.values import Plan
from rocmkit.facts import Facts
from rocmkit.host.base import Host, NotAsked
from rocmkit.kb.targets import base
from rocmkit.kb.versions import within
from rocmkit.model import Model

GIB = 1 << 30
_INDEX = "the package index"
_TARGET = re.compile(rb"\bgfx[0-9][0-9a-f-]{2,12}(?:generic)?\b")


class Preflight(Model, kw_only=True):
    """What was seen before a build."""

    problems: tuple[Problem, ...]  # what stops it, and what to know; those that stop it first
    install: str | None  # one command that brings all that is missing
    hosts: tuple[str, ...]  # what is fetched from on the network
    resources: Resources  # what the machine has for it
    jobs: int  # compilers at a time that it has memory and cores for
    minutes: float  # about so long it takes, with so many
    disk_gib: float  # of the work folder

    @property
    def stops(self) -> bool:
        """Whether something would stop the build."""
        return any(problem.fatal for problem in self.problems)


def preflight(plan: Plan, host: Host, facts: Facts | None) -> Preflight:
    """Look at everything that a build of `plan` asks of this machine. Raises nothing."""
    missing, problems = _needs(plan, host)
    install = install_command(missing, plan.toolchain, root=_is_root(host))
    has = resources(host, facts)
    jobs = _jobs(plan, has)
    problems += [*_headers(plan, host), *_launcher(plan, host), *_archs(plan, host), *work_problems(plan, host), *_memory(plan, has, jobs)]
    if install:
        problems = [_with(problem, install) for problem in problems]
    return Preflight(
        problems=tuple(sorted(problems, key=lambda problem: not problem.fatal)),
        install=install,
        hosts=hosts(plan),
        resources=has,
        jobs=jobs,
        minutes=round(minutes(plan, jobs), 1),
        disk_gib=plan.cost.disk_gib,
    )


def hosts(plan: Plan) -> tuple[str, ...]:
    """The names that the plan fetches from; those of sources that lie here are none."""
    found = {name: None for pin in plan.pins if (name := _host(pin.url))}
    if any(step.network and "pip" in step.argv for step in plan.steps):
        found[_INDEX] = None
    return tuple(found)


def _host(url: str) -> str | None:
    """github.com of an address, also in the form git@github.com:OWNER/REPO."""
    try:
        name = urlsplit(url).hostname if "://" in url else None
    except ValueError:
        return None
    short = re.match(r"[\w.-]+@([\w.-]+):", url)
    return name or (short[1] if short else None)


def minutes(plan: Plan, jobs: int) -> float:
    """About how long the build takes, from what was measured elsewhere: nobody knows this machine's pace."""
    cost = plan.cost
    return (cost.core_minutes + cost.per_arch_minutes * max(0, len(plan.arch) - 1)) / max(1, jobs)


def _jobs(plan: Plan, has: Resources) -> int:
    """What was asked for, else as many as there are cores, and memory for the heaviest compilers."""
    if plan.jobs:
        return plan.jobs
    cores = has.cores or 1
    if has.memory_bytes is None:
        return cores
    return max(1, min(cores, math.floor(has.memory_bytes / (plan.cost.memory_per_job_gib * GIB))))


def _memory(plan: Plan, has: Resources, jobs: int) -> Iterator[Problem]:
    one = plan.cost.memory_per_job_gib
    if has.memory_bytes is None or jobs * one * GIB <= has.memory_bytes:
        return
    free = has.memory_bytes / GIB
    text = f"{jobs} compiler{'s' * (jobs > 1)} at a time take about {jobs * one:.1f} GiB of memory, and {free:.1f} GiB are free"
    yield Problem(id="memory", text=text, fatal=False)


def _needs(plan: Plan, host: Host) -> tuple[Packages, list[Problem]]:
    """The packages of what is missing, and a problem for each need that is missing, too old, or not to be seen."""
    toolchain, missing, problems = plan.toolchain, [], []
    for wanted in plan.needs:
        found = kb.build_need(wanted)
        if found is None or not applies(found[0], toolchain):
            continue
        need, lowest = found
        name = wanted.partition(">=")[0].strip()
        seen = presence(need, lowest, toolchain, host)
        if seen.state == "missing":
            missing.append(wanted)
            problems.append(Problem(id=f"missing-{name}", text=f"{name} is missing ({need.what}): {seen.why}", fatal=True))
        elif seen.state == "old":
            way = f"the package index has newer ones: put the bin folder of an environment with {name} first on PATH"
            text = f"{name} {seen.version} is older than {lowest} ({need.what}); {way}"
            problems.append(Problem(id=f"old-{name}", text=text, fatal=True))
        elif seen.state == "unseen":
            problems.append(Problem(id=f"unseen-{name}", text=f"whether {name} is there was not seen: {seen.why}", fatal=False))
    found_packages = packages(missing, toolchain)
    if found_packages.system and toolchain.distribution.manager != "apt":
        text = f"the names of the packages for {toolchain.distribution.manager} were not looked up one by one: one may be called otherwise"
        problems.append(Problem(id="names", text=text, fatal=False))
    if found_packages.unnamed:
        text = f"no package of {_distribution(plan)} is known for {', '.join(found_packages.unnamed)}: install it by other means"
        problems.append(Problem(id="unnamed", text=text, fatal=False))
    return found_packages, problems


def _distribution(plan: Plan) -> str:
    known = plan.toolchain.distribution
    return " ".join(filter(None, (known.id, known.version))) or "this distribution"


def _with(problem: Problem, install: str) -> Problem:
    """What is missing, with the command that brings it."""
    if not problem.id.startswith("missing-"):
        return problem
    return Problem(id=problem.id, text=problem.text, fatal=problem.fatal, command=install)


def _headers(plan: Plan, host: Host) -> Iterator[Problem]:
    """Debian's and Ubuntu's newest GCC without its C++ headers, as kernel headers bring it to Ubuntu 22.04.

    AMD's clang before 7.1 takes that one all the same: 'cmath' file not found (ROCm/legacy-rocm-build#4612, ROCm/MIOpen#1921).
    """
    toolchain = plan.toolchain
    if toolchain.layout != "amd" or not within("<7.1", toolchain.version) or "c++-compiler" not in plan.needs:
        return
    folder = f"/usr/lib/gcc/{toolchain.machine}-linux-gnu"
    try:
        names = host.list(folder, lambda name: re.fullmatch(r"[0-9]{1,3}", name) is not None)
        newest = max((int(name) for name in names if host.exists(f"{folder}/{name}/crtbegin.o")), default=None)
        if newest is None or host.exists(f"/usr/include/c++/{newest}"):
            return
    except (OSError, NotAsked):
        return  # another distribution, or not to be seen
    package = Packages(system=(f"libstdc++-{newest}-dev",), pip=(), unnamed=())
    text = f"ROCm's clang takes the headers of the newest GCC that is there, {newest}, and its C++ headers are missing"
    command = install_command(package, toolchain, root=_is_root(host))
    yield Problem(id="cxx-headers", text=text, fatal=True, command=command)


def _launcher(plan: Plan, host: Host) -> Iterator[Problem]:
    if plan.launcher is None:
        return
    try:
        there = present.find(host, (plan.launcher,), plan.toolchain)
    except (OSError, NotAsked):
        return
    if there is None:
        named = packages((plan.launcher,), plan.toolchain)
        command = install_command(named, plan.toolchain, root=_is_root(host))
        yield Problem(id="launcher", text=f"--launcher {plan.launcher}: it is not on PATH", fatal=True, command=command)


def _archs(plan: Plan, host: Host) -> Iterator[Problem]:
    """Architectures that the compiler at hand does not name among its own."""
    clang = f"{plan.toolchain.llvm}/clang++"
    try:
        run = host.run((clang, "--target=amdgcn-amd-amdhsa", "--print-supported-cpus"), _names, timeout_s=LIMIT_S)
    except (OSError, NotAsked):
        return  # that it is missing is told as a need
    known = {*run.text.split(), *run.stderr.decode("ascii", "replace").split()}
    for target in plan.arch:
        if known and base(target) not in known:
            text = f"{clang} does not compile for {base(target)}: it is older than that architecture, or newer than it was kept"
            yield Problem(id="arch", text=text, fatal=True)


def _names(data: bytes) -> bytes:
    return b" ".join(_TARGET.findall(data))


def _is_root(host: Host) -> bool:
    try:
        return host.identity().uid == 0
    except (OSError, NotAsked):
        return False
