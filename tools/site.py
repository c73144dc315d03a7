"""The documentation as a site: `python -m tools.site FOLDER`. Every warning is an error: a link that leads nowhere, a page in no menu.

The pages are the Markdown files that GitHub shows too, so Sphinx gets the repository as its source folder, and relative links are right in
both. What only a site has is added here: the menu, and links to files of the repository that are no pages.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.cmd.build import main as sphinx

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/rocmkit/rocmkit"

#: What is a page, and the folders of the repository that hold some.
PAGES = ("*.md", "docs/**.md", "benchmarks/README.md", "dockerfiles/README.md", "recipes/README.md")
FOLDERS = ("benchmarks", "docs", "dockerfiles", "recipes")
START = "docs/README"

#: The menu: a heading, and its pages in their order as Sphinx takes them. A `*` takes what is not named before it.
MENU: Mapping[str, tuple[str, ...]] = {
    "Start": ("What it is </README>", "日本語 </README.ja>"),
    "Guides": (
        "/docs/guide/first-ten-minutes",
        "/docs/guide/doctor",
        "/docs/guide/segfault",
        "/docs/guide/logs",
        "/docs/guide/routes",
        "/docs/guide/smoke",
        "/docs/guide/what-if",
        "/docs/guide/inspect",
        "/docs/guide/build-ctranslate2",
        "/docs/guide/build-onnxruntime",
        "/docs/guide/reazonspeech",
        "/docs/guide/onnx",
        "/docs/guide/recordings",
        "/docs/guide/*",
    ),
    "Look it up": (
        "/docs/checks/README",
        "/docs/reference/recipes",
        "/docs/reference/knowledge",
        "/docs/reference/architectures",
        "/docs/reference/systems",
        "/docs/reference/cli",
        "/docs/reference/*",
        "/docs/schemas/README",
        "/dockerfiles/README",
    ),
    "Extend": ("/docs/architecture", "/CONTRIBUTING", "/docs/extend/README", "/docs/extend/*", "/recipes/README"),
    "More": ("/CHANGELOG", "/benchmarks/README"),
}
#: Pages that a table leads to: with their hundreds in it, the menu of every page would be longer than the page, and the build slow.
IN_A_TABLE = "docs/checks/RK*"


def others(root: Path) -> list[str]:
    """The folders that nothing is looked for in."""
    return [path.name for path in root.iterdir() if path.is_dir() and path.name not in FOLDERS]


def menus(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the menu under the start page."""
    if PurePosixPath(page).match(IN_A_TABLE):
        app.env.metadata[page]["orphan"] = True
    for caption, entries in MENU.items() if page == START else ():
        if wanted := [entry for entry in entries if any(PurePosixPath("/", name).match(pages_of(entry)) for name in app.env.found_docs)]:
            source[0] += f"\n\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n" + "\n".join(wanted) + "\n```\n"


def pages_of(entry: str) -> str:
    """The pages of an entry in the menu, without its title."""
    return entry.rpartition("<")[2].removesuffix(">")


def elsewhere(app: Sphinx, doctree: nodes.document) -> None:
    """Lead links to what is no page, such as code, to the repository on the web, and those to a folder with a page to that page."""
    root = Path(app.srcdir)
    for node in [*doctree.findall(download_reference), *doctree.findall(pending_xref)]:
        # MyST takes every file that ends in .md for a page, and names it without its ending.
        target = f"/{node['reftarget']}.md" if node.get("refdomain") == "doc" else node["reftarget"]
        path = Path(app.env.relfn2path(target, node["refdoc"])[1]).resolve()
        if node.get("reftype") != "myst" or not path.is_relative_to(root) or not path.exists():
            continue
        name = path.relative_to(root).as_posix()
        if path.is_dir() and f"{name}/README" in app.env.found_docs:
            node.attributes.update(refdomain="doc", reftarget=f"{name}/README", reftargetid=None)
        elif app.env.path2doc(str(path)) not in app.env.found_docs:
            address = f"{REPOSITORY}/{'tree' if path.is_dir() else 'blob'}/main/{name}"
            node.replace_self(nodes.reference("", "", *node.children, refuri=address, internal=False))


def accessible(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Let the keyboard reach long lines, and say how deep the headings of the menu are; the theme does neither."""
    for name, given, wanted in (
        ("body", "<pre>", '<pre tabindex="0">'),
        ("furo_navigation_tree", 'role="heading"', 'role="heading" aria-level="2"'),
    ):
        context[name] = context.get(name, "").replace(given, wanted)


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("source-read", menus)
    app.connect("doctree-read", elsewhere)
    app.connect("html-page-context", accessible, priority=900)  # after the theme's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main(folder: str, root: str = str(ROOT)) -> int:
    """Write the site of a repository into a folder; 1 where anything is wrong with it."""
    return sphinx(["-q", "-W", "--keep-going", "-n", "-j", "auto", "-c", f"{root}/docs", "-d", f"{folder}/.doctrees", root, folder])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
