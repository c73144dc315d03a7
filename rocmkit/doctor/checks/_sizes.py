"""Sizes as people say them."""

from __future__ import annotations


def said(size: int) -> str:
    """Bytes in the unit that fits: 15.9 GiB, 64 MiB, 8 KiB."""
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
