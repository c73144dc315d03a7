"""Changed files of every kind, thrown at every reader.

`mutate` changes bytes, `samples` has whole files of each kind, `child` runs one reader until its time is up, in a process of its own, and
`test_fuzz` starts it. A failure names seed, number and the file that it came from; `python -m tests.fuzz.child READER --input FILE` runs
a saved file again.
"""
