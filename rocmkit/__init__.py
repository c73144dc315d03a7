"""rocmkit: what is wrong with this AMD GPU machine, and what would work."""

__version__ = "0.1.0"
