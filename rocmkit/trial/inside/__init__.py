"""What runs inside the process of an experiment, in any CPython from 3.8 on: the standard library alone, until a step asks for more."""
