"""What lies on the disk in place of what pip believes: files of several packages, wheels tagged wrong, left-overs."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gap, Overlap, Python, System
from rocmkit.gpucode.values import FileCode
from rocmkit.kb.versions import numbers

#: Folders whose packages other checks speak of: RK406 and RK417.
_TOLD = ("onnxruntime", "triton")
#: Of two packages that bring one folder, the one that programs mean.
_MEANT = {"ffmpeg": "ffmpeg-python"}
_OLD_TAGS = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_TORCH = ("torch", "torchaudio", "torchvision")
#: Folders that the distribution's packages fill; pip puts its own below /usr/local.
_OF_DISTRIBUTION = ("/usr/lib/", "/usr/lib64/")


@check("RK428", "distributions-overwritten", title="Packages that overwrite each other's files", severity="note")
def distributions_overwritten(python: Python) -> Outcome:
    """Two packages that install the same files are both installed, and the files of one lie where those of the other should.

    ## What it looks at

    The lists of files (`RECORD`) of packages that are known to bring one folder: those of OpenCV (`cv2`), of ffmpeg and of pyopenjtalk.
    Where the lists name the same file with different sizes, the size on the disk tells whose it is. The builds of ONNX Runtime and of
    Triton are judged by the checks ort-wrong-package and triton-overwritten, which look the same way.

    ## Why it matters

    pip does not notice: both packages are listed, and work or not depending on which was installed last. Uninstalling one takes
    files of the other with it. The package `ffmpeg` over `ffmpeg-python` ends in `module 'ffmpeg' has no attribute 'input'`.

    ## Fix

    Uninstall all of them, then install the one that is wanted.

    ## Safe to ignore when

    What you run imports none of them.

    ## Sources

    - opencv/opencv-python README.md
    - kkroening/ffmpeg-python#174
    - tsukumijima/pyopenjtalk-plus README.md
    """
    if isinstance(python.overlaps, Gap):
        return skip("which files packages claim is not known: {detail}", detail=python.overlaps.detail)
    here = [one for one in python.overlaps if one.folder not in _TOLD and len(one.packages) > 1]
    if python.overlaps and not here:
        return skip("the builds of {folder} over one another are judged by a check of their own", folder=python.overlaps[0].folder)
    where = python.paths[0] if python.paths else python.prefix
    return judge(
        [_overwritten(python, one) for one in here], Seen(where, f"{len(python.packages)} packages, none known to overwrite another")
    )


def _overwritten(python: Python, one: Overlap) -> Finding:
    meant = _MEANT.get(one.folder)
    kept = meant if meant in one.packages else one.owner or one.packages[-1]
    names = ", ".join(f"{name} {python.packages.get(name, '?')}" for name in one.packages)
    version = f"=={python.packages[kept]}" if kept in python.packages else ""
    again = advice.pip(python, f'install --no-deps "{kept}{version}"')
    remove = advice.pip(python, f"uninstall -y {' '.join(one.packages)}")
    lying = f"has the size that {one.owner} gives it" if one.owner else "has no size that tells whose it is"
    return Finding(
        subject=" + ".join(one.packages),
        message=say("{count} files of {folder} belong to several packages: {names}", count=one.files, folder=one.folder, names=names),
        confidence="sure",
        seen=(*(Seen(f"RECORD of {name}", f"lists {one.example}") for name in one.packages), Seen(one.example, lying)),
        cause=say("Both install the folder {folder}; pip lets the later one write over the earlier.", folder=one.folder),
        fix=Fix(
            text=say("Uninstall all of them and install one again: {kept}, unless your programs ask for another.", kept=kept),
            commands=again if len(again) > 1 else (*remove, *again),
            verify=(one_line(python, f"import {one.folder}; print({one.folder}.__file__)"),),
        ),
    )


@check("RK429", "wheel-tag-glibc", title="A wheel that promises an older glibc than it needs", severity="warning")
def wheel_tag_glibc(python: Python, system: System) -> Outcome:
    """A wheel is tagged for an older glibc than its libraries ask for, so pip installed it where it cannot be loaded.

    ## What it looks at

    The tags in the packages' `WHEEL` files (`manylinux_2_28` promises to run with glibc 2.28) and what is known of wheels whose file
    names promise too much, against the highest `GLIBC_` version that their libraries ask for, and the glibc of this machine. Only a
    promise that is broken here counts.

    ## Why it matters

    pip goes by the tag alone. The same command brings the same wheel again, and updating pip changes nothing; the import ends with
    `version 'GLIBC_2.38' not found`.

    ## Fix

    Tell pip to leave those releases out.

    ## Safe to ignore when

    Nothing that you run imports that package.

    ## Sources

    - pypa/manylinux README.rst
    - https://peps.python.org/pep-0600/
    - ROCm/AMDMIGraphX#3965
    """
    glibc = "" if isinstance(system.glibc, Gap) or system.glibc is None else system.glibc
    have = numbers(glibc)
    if have is None:
        return skip("the version of glibc is not known")
    # Files of another package lie where those of one in this set should.
    mixed = set(_TOLD) if isinstance(python.overlaps, Gap) else {name for one in python.overlaps for name in one.packages}
    findings: list[Finding] = []
    sound: dict[tuple[int, ...], tuple[Seen, ...]] = {}
    for name in sorted({lib.package for lib in python.libraries} - mixed):
        asked = [(need, lib) for lib in python.libraries if lib.package == name and (need := _asked(lib.code))]
        promise = _promise(python, name)
        if not asked or promise is None:
            continue
        need, lib = max(asked, key=lambda item: item[0])
        promised, where = promise
        evidence = (where, Seen(lib.file, f"asks for GLIBC_{_dotted(need)}"), Seen("glibc of the system", glibc))
        if need > promised and need > have:
            findings.append(_wrong(python, name, need, promised, evidence))
        else:
            sound[need] = evidence
    if not findings and not sound:
        return skip("no package here whose libraries were read says for which glibc it is made")
    return judge(findings, *(sound[max(sound)] if sound else ()))


def _asked(code: FileCode | Gap) -> tuple[int, ...] | None:
    return None if isinstance(code, Gap) or code.glibc is None else numbers(code.glibc)


def _promise(python: Python, name: str) -> tuple[tuple[int, ...], Seen] | None:
    """The lowest glibc that the wheel says it runs with, and where it says so."""
    if row := kb.wrong_tag(name, python.packages.get(name, "")):
        where = Seen(row.sources[0], f"the name of its file promises glibc {row.promised}")
        return numbers(row.promised) or (), where
    found = []
    for tag in python.tags.get(name, ()):
        for platform in tag.rpartition("-")[2].split("."):
            match = re.match(r"(manylinux(?:1|2010|2014))_|manylinux_([0-9]{1,3})_([0-9]{1,3})_", platform, re.ASCII)
            if match:
                found.append((_OLD_TAGS[match[1]] if match[1] else (int(match[2]), int(match[3])), tag))
    if not found:
        return None
    lowest, tag = min(found)
    return lowest, Seen(f"WHEEL of {name}", tag)


def _wrong(python: Python, name: str, need: tuple[int, ...], promised: tuple[int, ...], seen: tuple[Seen, ...]) -> Finding:
    version = python.packages.get(name, "?")
    row = kb.wrong_tag(name, version)
    other = row.sound if row else f"<{version.partition('+')[0]}"
    return Finding(
        subject=name,
        message=say(
            "the wheel of {name} {version} promises to run with glibc {promised} and needs {need}",
            name=name,
            version=version,
            promised=_dotted(promised),
            need=_dotted(need),
        ),
        confidence="sure",
        seen=seen,
        cause=say("It was built on a newer system than its tag says; pip trusts the tag."),
        fix=Fix(
            text=say("Install another release of {name}, and leave this one out from now on.", name=name),
            # Another torch takes another index: that is for the checks on torch.
            commands=() if name in _TORCH else advice.pip(python, f'install "{name}{other}"'),
            verify=(one_line(python, f"import {'onnxruntime' if name.startswith('onnxruntime') else name.replace('-', '_')}"),),
        ),
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@check("RK430", "broken-packages", title="Left-overs of an interrupted pip", severity="note")
def broken_packages(python: Python) -> Outcome:
    """Folders of packages hold what an interrupted pip left: renamed folders, unreadable metadata, one package in two versions.

    ## What it looks at

    The names in the environment's folders of packages: those that begin with `~`, metadata without a name and a version, folders that
    cannot be read, and packages with the metadata of several versions in one folder.

    ## Why it matters

    pip renames what it is about to remove and deletes it at the end; killed in between, by a full disk for one, it leaves
    `~orch` behind, gigabytes at times, and warns of an invalid distribution ever after. Of a package in two versions nobody can say
    which files are there: such a package is the first suspect for any error in it.

    ## Fix

    Remove what is left over; what the distribution put below `/usr/lib` is left to its own package manager. Uninstall a doubled package
    as often as it is listed, and install it again.

    ## Safe to ignore when

    Everything works and the room on the disk does not matter.

    ## Sources

    - pypa/pip src/pip/_internal/utils/temp_dir.py
    - pypa/pip src/pip/_internal/metadata/base.py
    """
    findings = []
    aside = [path for path in python.broken if path.rpartition("/")[2].startswith("~")]
    refused = [path for path in python.broken if ": " in path and path not in aside]
    unreadable = [path for path in python.broken if path not in aside and path not in refused]
    if aside:
        message = say("left over from an interrupted pip: {names}", names=_names(aside))
        findings.append(_left(aside, message, "renamed by pip before it was to be removed", "Remove them.", "rm -r --"))
    own = [path for path in unreadable if not path.startswith(_OF_DISTRIBUTION)]
    for paths, command, text in (
        (own, "rm -r --", "Remove them, and install the packages again from where they came."),
        ([path for path in unreadable if path not in own], None, "Let the distribution's package manager install those packages again."),
    ):
        if paths:
            message = say("metadata of packages that cannot be read: {names}", names=_names(paths))
            findings.append(_left(paths, message, "without a name and a version that can be read", text, command))
    for line in refused:
        path, _, why = line.rpartition(": ")
        findings.append(
            Finding(
                subject=path,
                message=say("the folder of packages {path} cannot be read", path=path),
                confidence="sure",
                seen=(Seen(path, why),),
                cause=say("It belongs to another user, most often because pip was run with sudo."),
                fix=Fix(text=say("Give it to the user who runs Python, or make it readable."), verify=(f"ls -ld {advice.quote(path)}",)),
            )
        )
    findings += [_doubled(python, name, versions) for name, versions in python.duplicates.items() if len(versions) > 1]
    where = python.paths[0] if python.paths else python.prefix
    return judge(findings, Seen(where, f"{len(python.packages)} packages, no left-overs among them"))


def _names(paths: list[str]) -> str:
    return ", ".join(path.rpartition("/")[2] for path in paths[:3]) + (" …" if len(paths) > 3 else "")


def _left(paths: list[str], message: Text, what: str, text: str, remove: str | None) -> Finding:
    """`remove`: the command that may take them away; None: they are not the user's to remove."""
    sudo = "sudo " if remove and any(path.startswith("/usr/") for path in paths) else ""
    more = [Seen("and more", f"{len(paths) - 5} others")] if len(paths) > 5 else []
    return Finding(
        subject=paths[0],
        message=message,
        confidence="sure",
        seen=(*(Seen(path, what) for path in paths[:5]), *more),
        cause=say("pip was stopped while it changed packages, or the disk was full."),
        fix=Fix(
            text=say(text),
            commands=tuple(f"{sudo}{remove} {advice.quote(path)}" for path in paths[:20] if remove),
            root=bool(sudo),
            caution=say("Only while no pip is running: what it has renamed it may still put back.") if remove else None,
        ),
    )


def _doubled(python: Python, name: str, versions: tuple[str, ...]) -> Finding:
    remove = advice.pip(python, f"uninstall -y {name}")
    plain = "+" not in versions[-1]
    again = advice.pip(python, f'install --no-deps "{name}=={versions[-1]}"') if plain else ()
    return Finding(
        subject=name,
        message=say(
            "{name} is there in {count} versions at once: {versions}", name=name, count=len(versions), versions=", ".join(versions)
        ),
        confidence="sure",
        seen=tuple(Seen(f"metadata of {name}", version) for version in versions),
        cause=say("pip was stopped between installing the new one and removing the old one, or packages were copied in by hand."),
        fix=Fix(
            text=say("Uninstall {name} until pip says that it is not installed, then install it again from where it came.", name=name),
            commands=() if len(remove) > 1 else (*(remove * len(versions)), *again),
            verify=(f"{advice.interpreter(python)} -m pip check",),
        ),
    )
