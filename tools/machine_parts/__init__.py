"""The parts from which `tools/machines.py` puts the project's own machines together."""
