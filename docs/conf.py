"""How Sphinx makes a site of the documentation; `python -m tools.site` calls it, and `tools/site.py` is its extension."""

from __future__ import annotations

from pathlib import Path

from rocmkit import __version__
from tools.site import PAGES, START, others

project = "rocmkit"
author = "the rocmkit authors"
release = __version__
extensions = ["myst_parser", "tools.site"]
include_patterns = [*PAGES]
exclude_patterns = others(Path(__file__).resolve().parent.parent)
root_doc = START

# As GitHub does: headings can be linked to, addresses in the text are links, and dashes and quotation marks stay as they are.
myst_heading_anchors = 4
myst_enable_extensions = ["linkify"]
myst_linkify_fuzzy_links = False
smartquotes = False

html_theme = "furo"
html_title = f"rocmkit {release}"
html_copy_source = False
html_show_copyright = False
html_additional_pages = {"index": "index.html"}
templates_path = ["templates"]
