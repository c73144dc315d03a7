"""What MIOpen keeps for a user: whether it may write there, and whether it can read what it wrote."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import on_hip, targets, torch_of
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Access, Cache, Gap, Gpu, Python, System

#: MIOpen itself avoids these and takes the folder for temporary files instead (expanduser.cpp, IsNetworked), unless a variable names one.
_AVOIDED = re.compile(r"nfs4?|cifs|smbfs|smb[23]|coda|ocfs2|afs|lustre|ceph")
#: File systems over a network that it does not know as such.
_NETWORK = re.compile(rf"{_AVOIDED.pattern}|gpfs|beegfs|glusterfs|fuse\.(sshfs|glusterfs|ceph\S*)|9p|wekafs|panfs|orangefs")
_ELSEWHERE = "/var/tmp/miopen-$(id -u)"  # noqa: S108 - the user is asked to make it, for nobody else
_KINDS = {"kernels": "compiled kernels", "tuning": "tuning results"}
_CONVOLUTION = (
    'import torch; print(torch.nn.functional.conv1d(torch.randn(1, 8, 64, device="cuda"), torch.randn(8, 8, 3, device="cuda")).sum())'
)


@check("RK313", "miopen-cache-perm", title="MIOpen cannot write its cache", severity="error")
def miopen_cache_perm(
    caches: tuple[Cache, ...], env: dict[str, str], access: Access | Gap, system: System | Gap, python: Python | Gap
) -> Outcome:
    """MIOpen, which computes convolutions for torch, may not write to the folder where it keeps compiled kernels or tuning results.

    ## What it looks at

    `~/.cache/miopen` and `~/.config/miopen`, or the folders that `MIOPEN_CUSTOM_CACHE_DIR` and `MIOPEN_USER_DB_PATH` name: whether this
    process may write to them (where they do not exist, to the nearest folder above), to the folders of single MIOpen versions and to the
    files inside; and the kind of file system. With `MIOPEN_DISABLE_CACHE=1` the folder of compiled kernels does not count. MIOpen takes
    `$HOME` for the home folder, and the folder for temporary files where it is not set.

    ## Why it matters

    The first convolution, which is where every Whisper model begins, ends with `filesystem error: cannot create directories: Permission
    denied` or `Internal error while accessing SQLite database: unable to open database file`. Mostly something ran as root once and
    left files that belong to root. A database on a network file system may answer with `disk I/O error`, since SQLite needs locks.

    ## Fix

    Give the folder back to its user, or name another one with both variables.

    ## Safe to ignore when

    Nothing in this environment computes convolutions on the GPU: CTranslate2 does not use MIOpen. A home folder on NFS is no fault by
    itself: MIOpen then takes the folder for temporary files. In a container the cache is merely lost with it.

    ## Sources

    - cms-sw/cmssw#51819
    - ROCm/MIOpen#1295
    - ROCm/tensorflow-upstream#1419
    - ROCm/legacy-rocm-build#1677
    - Lumi-supercomputer/LUMI-AI-Guide#81
    - ROCm/rocm-libraries projects/miopen/src/binary_cache.cpp
    """
    disabled = env.get("MIOPEN_DISABLE_CACHE", "").lower() in {"1", "true", "yes", "on", "enable", "enabled"}
    sure = _used(python)
    findings, seen, unknown = [], [], []
    for cache in caches:
        if disabled and cache.purpose == "kernels":
            seen.append(Seen("environment: MIOPEN_DISABLE_CACHE", "no compiled kernels are kept"))
        elif cache.variable is None and isinstance(cache.file_system, str) and _AVOIDED.fullmatch(cache.file_system):
            seen.append(Seen(cache.path, f"is on {cache.file_system}: MIOpen takes the folder for temporary files instead"))
        elif isinstance(cache.writable, Gap):
            unknown.append(cache.writable)
        elif not cache.writable or cache.refused:
            findings.append(_refused(cache, access, system, python, sure=sure and cache.purpose == "kernels"))
        elif isinstance(cache.file_system, str) and _NETWORK.fullmatch(cache.file_system):
            findings.append(_over_network(cache, python))
        else:
            seen.append(Seen(cache.nearest or cache.path, f"can be written to, mode {cache.mode}, {_on(cache)}"))
    if not findings and unknown:
        return skip("whether MIOpen's folders can be written to is not known: {detail}", detail=unknown[0].detail)
    return judge(findings, *seen)


def _used(python: Python | Gap) -> bool:
    """Whether a package is here that computes convolutions with MIOpen."""
    if isinstance(python, Gap):
        return False
    torch = torch_of(python)
    return bool(torch and torch.hip) or any(lib.package.startswith("onnxruntime") for lib in on_hip(python))


def _on(cache: Cache) -> str:
    return f"on {cache.file_system}" if isinstance(cache.file_system, str) else "on a file system of unknown type"


def _refused(cache: Cache, access: Access | Gap, system: System | Gap, python: Python | Gap, *, sure: bool) -> Finding:
    place = cache.nearest or cache.path
    seen = [] if cache.writable else [Seen(place, f"owner {cache.uid}, mode {cache.mode}, {_on(cache)}: this process may not write to it")]
    seen += [Seen(path, f"owner {uid}: this process may not write to it") for path, uid in list(cache.refused.items())[:3]]
    others = _other_owners(cache, access)
    return Finding(
        subject=cache.path,
        message=say("MIOpen cannot write its {kind} to {path}", kind=_KINDS[cache.purpose], path=cache.path),
        confidence="sure" if sure else "likely",
        seen=tuple(seen),
        cause=say("It belongs to user number {uid}. Mostly something ran here with sudo.", uid=others[0])
        if others and cache.nearest != "/"
        else say("The home folder is not there, and this user may not make it.")
        if cache.nearest == "/"
        else say("The mode or the file system does not let this user write."),
        fix=_give_back(cache, others, access, system) or _move(cache, python),
    )


def _other_owners(cache: Cache, access: Access | Gap) -> tuple[int, ...]:
    """Users other than this one that own what cannot be written to."""
    if isinstance(access, Gap) or isinstance(access.uid, Gap):
        return ()
    owners = {*cache.refused.values(), *(() if cache.writable or cache.uid is None else (cache.uid,))}
    return tuple(sorted(owners - {access.uid}))


def _give_back(cache: Cache, others: tuple[int, ...], access: Access | Gap, system: System | Gap) -> Fix | None:
    """Make the user the owner, or let the owner write; None where neither is right: another place has to do."""
    place = cache.nearest or cache.path
    if isinstance(access, Gap) or isinstance(system, Gap) or system.user_namespace is not False or not place.startswith("~/"):
        return None  # what is not the user's own place is nobody's to give; in a user namespace, owners have other numbers outside
    verify = (f"test -w {advice.quote(place)} && echo it can be written to",)
    if others:
        deep = "-R " if place == cache.path else ""
        return Fix(
            text=say("Make yourself the owner of {place} again.", place=place),
            commands=(f'sudo chown {deep}"$(id -u):$(id -g)" {advice.quote(place)}',),
            verify=verify,
            root=True,
        )
    if cache.uid == access.uid and cache.mode and not cache.writable and not int(cache.mode, 8) & 0o200:
        return Fix(
            text=say("Let the owner write to {place}.", place=place), commands=(f"chmod u+rwx {advice.quote(place)}",), verify=verify
        )
    return None


def _probe(python: Python | Gap) -> str:
    """A command that computes one convolution on the GPU."""
    return f"python3 -c '{_CONVOLUTION}'" if isinstance(python, Gap) else one_line(python, _CONVOLUTION, "-X faulthandler")


def _move(cache: Cache, python: Python | Gap) -> Fix:
    lines = (
        f'mkdir -p -m 700 "{_ELSEWHERE}"',
        f'export MIOPEN_CUSTOM_CACHE_DIR="{_ELSEWHERE}" MIOPEN_USER_DB_PATH="{_ELSEWHERE}"',
    )
    text = say("Let MIOpen keep its files elsewhere than in {path}: on a local disk, in a folder of your own.", path=cache.path)
    return Fix(text=text, commands=lines, verify=(_probe(python),))


def _over_network(cache: Cache, python: Python | Gap) -> Finding:
    return Finding(
        subject=cache.path,
        message=say("MIOpen keeps its {kind} on a network file system, {type}", kind=_KINDS[cache.purpose], type=str(cache.file_system)),
        confidence="likely",
        seen=(
            Seen(cache.nearest or cache.path, _on(cache)),
            *((Seen(f"environment: {cache.variable}", cache.path),) if cache.variable else ()),
        ),
        cause=say("SQLite needs file locks, which such file systems often lack or carry out slowly, above all with several jobs at once."),
        fix=_move(cache, python),
    )


@check("RK314", "miopen-db-corrupt", title="A database of MIOpen is damaged", severity="error")
def miopen_db_corrupt(caches: tuple[Cache, ...], gpus: tuple[Gpu, ...], env: dict[str, str], python: Python | Gap) -> Outcome:
    """A file in which MIOpen keeps compiled kernels or tuning results is damaged.

    ## What it looks at

    The SQLite files (`*.ukdb`, `*.udb`) in MIOpen's folders, of the newest MIOpen versions first: what SQLite's `PRAGMA quick_check`
    says of each. The files are opened for reading only. One that is large, or that a program writes to at the moment, is passed over.

    ## Why it matters

    The next convolution that looks into the file ends with `Internal error while accessing SQLite database: database disk image is
    malformed`. Several jobs that wrote at once, a crash, or a full disk leave such files behind. The finding is only likely where the
    file is of another GPU, or where there are several files and only one of them belongs to the MIOpen in use.

    ## Fix

    Delete the file: MIOpen compiles and tunes anew, which takes minutes once. Jobs that run at the same time on one machine or share a
    home folder should each have a folder of their own.

    ## Safe to ignore when

    The file belongs to a GPU or a MIOpen version that is not used any more.

    ## Sources

    - ROCm/MIOpen#1878
    - https://www.sqlite.org/pragma.html#pragma_quick_check
    """
    if not any(cache.databases for cache in caches):
        return skip("MIOpen has written no database here yet, or none could be looked at")
    present = tuple(kind.gfx for kind in targets(gpus, env))
    findings = []
    for cache in caches:
        for line in cache.damaged:
            file, _, why = re.sub(r"(\.uk?db): ", r"\1\n", line, count=1).partition("\n")
            mine = file.rpartition("/")[2].startswith(present)
            sure: Confidence = "sure" if mine and cache.databases == 1 and _used(python) else "likely"
            findings.append(_damaged(file, why, sure, python))
    return judge(findings, *(Seen(cache.path, f"{cache.databases} databases, none damaged") for cache in caches if cache.databases))


def _damaged(file: str, why: str, confidence: Confidence, python: Python | Gap) -> Finding:
    return Finding(
        subject=file,
        message=say("MIOpen's database {file} is damaged", file=file),
        confidence=confidence,
        seen=(Seen(f"PRAGMA quick_check of {file}", why),),
        cause=say("Several programs wrote to it at once, or one was killed or ran out of room while it wrote."),
        fix=Fix(
            text=say("Delete the damaged file. MIOpen makes a new one at the next use."),
            commands=(f"rm -f {advice.quote(file)}",),
            verify=(_probe(python),),
            caution=say("End programs that use the GPU first. What this file held is compiled again at the next use, which takes minutes."),
        ),
    )
