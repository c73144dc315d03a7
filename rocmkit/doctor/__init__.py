"""Judge facts. Pure: nothing in this package reads a machine."""
