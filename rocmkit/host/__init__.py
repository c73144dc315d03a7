"""Host: the few questions one may ask a machine. Everything rocmkit learns of a machine goes through it.

`base` holds the questions and their answers' types; `live` asks this machine, `sysroot` asks files below a folder, `record`
writes the answers down as a `recording` and `replay` gives them again.
"""
