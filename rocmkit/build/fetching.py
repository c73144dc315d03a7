"""The steps that bring the sources: fetched, held to what they are pinned to, and patched.

All that needs the network comes first. What changes files in place is one group a source, from a clean tree on.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from rocmkit.build.digests import of_text
from rocmkit.build.recipe import Loaded, Patch, Release, Source, Stage
from rocmkit.build.values import Ask, Given, Pin, PlanFile, PlanStep
from rocmkit.errors import UsageError
from rocmkit.model import DataError, Model

_PLAIN = re.compile(r"[\w+][\w.+-]*", re.ASCII)


class Brings(Model, kw_only=True):
    """How the sources come."""

    steps: tuple[PlanStep, ...]
    files: tuple[PlanFile, ...]  # checksums for the steps that verify
    pins: tuple[Pin, ...]


class _Tree(Model, kw_only=True):
    """A source with the steps that bring it and its submodules."""

    name: str
    work: str
    fetch: list[PlanStep]  # once, with the network
    fresh: list[PlanStep]  # a clean tree, as it is pinned
    files: list[PlanFile]
    pins: list[Pin]

    @property
    def group(self) -> str:
        """What its own files are changed in."""
        return f"source-{self.name}"

    def folder(self, name: str) -> str:
        """Where the source lies, or a submodule of it."""
        return f"{self.work}/src/{name}"


def bring(loaded: Loaded, release: Release, patches: tuple[Patch, ...], ask: Ask) -> Brings:
    """How the sources of a release come, with those patches. Raises DataError for a recipe that does not hold together, UsageError."""
    given = _given(release, ask.given)
    trees = {name: _tree(name, source, given, ask.work) for name, source in release.fetch.items()}
    steps = [step for tree in trees.values() for step in tree.fetch]
    files = [file for tree in trees.values() for file in tree.files]
    for name in _order(release, patches):
        steps += trees[name].fresh
        for number, patch in enumerate((one for one in patches if one.to == name), start=1):
            more, file = _patch(loaded, patch, f"{name}-{number}", ask.work)
            steps += more
            files.append(file)
    return Brings(steps=tuple(steps), files=tuple(files), pins=tuple(pin for tree in trees.values() for pin in tree.pins))


def _given(release: Release, given: Iterable[Given]) -> dict[str, Given]:
    names = [name for name, source in release.fetch.items() for name in (name, *(f"{name}/{one.path}" for one in source.submodules))]
    found: dict[str, Given] = {}
    for one in given:
        if one.name not in names:
            raise UsageError(f"there is no source called {one.name!r}", f"the sources of {release.version} are {', '.join(names)}")
        if one.name in found:
            raise UsageError(f"the source {one.name!r} is given twice", "give each source once")
        if one.place.startswith("-"):
            raise UsageError(f"the source {one.name!r} is given as {one.place!r}", "write ./ before a name that begins with a dash")
        found[one.name] = one
    return found


def _tree(name: str, source: Source, given: Mapping[str, Given], work: str) -> _Tree:
    tree = _Tree(name=name, work=work, fetch=[], fresh=[], files=[], pins=[])
    chosen = given.get(name)
    if source.archive and chosen is not None and chosen.kind == "git":
        raise UsageError(f"{name} is an archive, and a git repository is given for it", "give the archive, or a folder with its content")
    _bring_one(tree, name, source, chosen)
    for one in source.submodules:
        other = given.get(f"{name}/{one.path}")
        # Who gives a folder or an archive gives what is in it, submodules too.
        if other is not None or chosen is None or chosen.kind == "git":
            whole = Source(git=one.git, commit=one.commit, why=f"a submodule of {name}")
            _bring_one(tree, f"{name}/{one.path}", whole, other)
    return tree


def _bring_one(tree: _Tree, name: str, source: Source, given: Given | None) -> None:
    if given is not None and given.kind == "folder":
        _folder(tree, name, given.place, source)
    elif given is not None and given.kind == "archive":
        # An archive that the recipe names is held to the recipe's checksum wherever it comes from.
        _archive(tree, name, given.place, source.sha256, "taken from an archive as it is", source.why)
    elif source.archive:
        _archive(tree, name, source.archive, source.sha256, source.unpinned or "no checksum is known", source.why)
    else:
        _repository(tree, name, given.place if given else source.git, source.commit, source.why)


def _repository(tree: _Tree, name: str, url: str, commit: str, why: str) -> None:
    """A commit of a repository. Submodules are fetched before the tree around them is there, so that all fetching comes first."""
    folder, slug = tree.folder(name), _slug(name)
    # Else git takes the repository around a submodule for a submodule that is none.
    env = {"GIT_CEILING_DIRECTORIES": posixpath.dirname(folder)} if name != tree.name else {}

    def git(step: str, text: str, *words: str, network: bool = False, group: str = "", pinned: str = "") -> PlanStep:
        argv = ("git", "-C", folder, *words)
        return _step(step, "fetch", argv, folder, text, env=env, network=network, group=group, pinned=pinned)

    tree.fetch.extend(
        [
            _step(f"fetch-{slug}-init", "fetch", ("git", "init", "-q", folder), folder, f"an empty repository for {name}", env=env),
            git(f"fetch-{slug}", why, "fetch", "--depth", "1", url, commit, network=True, pinned=commit),
        ]
    )
    checkout = ("-c", "advice.detachedHead=false", "checkout", "--force", "--detach", commit)
    tree.fresh.extend(
        [
            git(f"checkout-{slug}", f"{name} as it is pinned", *checkout, group=tree.group, pinned=commit),
            git(f"clean-{slug}", "nothing of an earlier run stays", "clean", "-ffdqx", group=tree.group),
        ]
    )
    tree.pins.append(Pin(name=name, url=url, commit=commit, sha256=None, unpinned=""))


def _archive(tree: _Tree, name: str, place: str, sha256: str | None, unpinned: str, why: str) -> None:
    slug, folder, pinned = _slug(name), tree.folder(name), sha256 or ""
    cwd, file = tree.work, place
    if "://" in place:
        last = place.rpartition("/")[2]
        cwd, file = f"{tree.work}/downloads", f"{slug}-{last}" if _PLAIN.fullmatch(last) else f"{slug}.tar"
        argv = ("curl", "-fL", "--retry", "3", "-o", f"{cwd}/{file}", place)
        tree.fetch.append(_step(f"fetch-{slug}", "fetch", argv, cwd, why, act="download", network=True, pinned=pinned))
    if sha256:
        verify, sums = _verify(slug, file, cwd, sha256, tree.work)
        tree.fetch.append(verify)
        tree.files.append(sums)
    unpack = ("tar", "--no-same-owner", "-xf", posixpath.join(cwd, file), "-C", folder, "--strip-components=1")
    tree.fresh.extend(
        [
            _cleared(tree, name),
            _step(f"unpack-{slug}", "fetch", unpack, folder, f"{name} out of its archive", act="unpack", group=tree.group, pinned=pinned),
        ]
    )
    tree.pins.append(Pin(name=name, url=place, commit=None, sha256=sha256, unpinned="" if sha256 else unpinned))


def _folder(tree: _Tree, name: str, place: str, source: Source) -> None:
    copy = ("cp", "-a", "--", f"{place}/.", f"{tree.folder(name)}/")
    unpinned = (
        f"taken from a folder as it is: it is no clone that holds {source.commit}" if source.commit else "taken from a folder as it is"
    )
    tree.fresh.extend([_cleared(tree, name), _step(f"copy-{_slug(name)}", "fetch", copy, tree.folder(name), source.why, group=tree.group)])
    tree.pins.append(Pin(name=name, url=place, commit=None, sha256=None, unpinned=unpinned))


def _cleared(tree: _Tree, name: str) -> PlanStep:
    argv = ("rm", "-rf", "--", tree.folder(name))
    return _step(f"clean-{_slug(name)}", "fetch", argv, tree.work, "nothing of an earlier run stays", group=tree.group)


def _verify(name: str, file: str, cwd: str, sha256: str, work: str, group: str = "") -> tuple[PlanStep, PlanFile]:
    sums = written(f"{work}/files/{name}.sha256", f"{sha256}  {file}\n")
    argv = ("sha256sum", "--check", "--strict", sums.path)
    why = "it is what the recipe was written for"
    return _step(f"verify-{name}", "patch" if group else "fetch", argv, cwd, why, group=group, pinned=sha256), sums


def _slug(name: str) -> str:
    """The name of a source or submodule, as names of steps and files hold it."""
    return name.replace("/", "-")


def _patch(loaded: Loaded, patch: Patch, name: str, work: str) -> tuple[list[PlanStep], PlanFile]:
    folder, group = f"{work}/src/{patch.to}", f"source-{patch.to}"
    before = []
    if patch.source_of:
        brings = f"{work}/src/{patch.source_of}"
        path = f"{brings}/{patch.file}"
        verify, file = _verify(f"patch-{name}", patch.file, brings, patch.sha256, work, group)
        before = [verify]
    else:
        file = of_recipe(loaded, patch.file, work)
        path = file.path
        if file.sha256 != patch.sha256:
            raise DataError(f"{patch.file}: its SHA-256 is {file.sha256}, and the recipe says {patch.sha256}")
    argv = ("git", "-C", folder, "apply", f"-p{patch.strip}", "--whitespace=nowarn", path)
    apply = _step(f"patch-{name}", "patch", argv, folder, patch.why, group=group, pinned=patch.sha256)
    return [*before, apply], file


def _order(release: Release, patches: tuple[Patch, ...]) -> list[str]:
    """The sources, those first that bring patches for others."""
    for patch in patches:
        for name in (patch.to, patch.source_of or patch.to):
            if name not in release.fetch:
                raise DataError(f"{patch.file}: there is no source called {name!r}")
    waiting = {name: {one.source_of for one in patches if one.to == name and one.source_of not in ("", name)} for name in release.fetch}
    order: list[str] = []
    while waiting:
        ready = next((name for name, wanted in waiting.items() if wanted <= {*order}), None)
        if ready is None:
            raise DataError(f"the sources {', '.join(waiting)} wait for each other's patches")
        order.append(ready)
        del waiting[ready]
    return order


def of_recipe(loaded: Loaded, file: str, work: str) -> PlanFile:
    """A file that the recipe brings, as it is written for the steps. Raises DataError where it does not."""
    if file not in loaded.texts:
        raise DataError(f"{loaded.recipe.name}: the recipe brings no file {file!r}")
    return written(f"{work}/files/{file}", loaded.texts[file])


def written(path: str, text: str) -> PlanFile:
    """A file that a script can write: whole lines of text."""
    if "\0" in text or (text and not text.endswith("\n")):
        raise DataError(f"{posixpath.basename(path)}: it has to be text whose last line ends")
    return PlanFile(path=path, text=text, sha256=of_text(text))


def _step(
    name: str,
    stage: Stage,
    argv: tuple[str, ...],
    cwd: str,
    why: str,
    *,
    env: dict[str, str] | None = None,
    act: Literal["run", "download", "unpack"] = "run",
    network: bool = False,
    group: str = "",
    pinned: str = "",
) -> PlanStep:
    return PlanStep(
        name=name,
        stage=stage,
        argv=argv,
        cwd=cwd,
        env=env or {},
        why=why,
        act=act,
        network=network,
        group=group,
        pinned=pinned,
        digest="",
    )
