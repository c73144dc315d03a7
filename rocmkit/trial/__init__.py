"""Experiments in throw-away processes: run one, survive its crash or hang, and name what it died of.

`values` says what an experiment is and how it ends, `run` runs one, `inside` holds what runs in the process itself, `ladder` and `climb`
are `doctor --try`, `matrix`, `search` and `shrink` decide for `rocmkit bisect`.
"""
