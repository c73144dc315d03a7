"""Error texts: from the bytes of a log of any size to the known issues that it shows.

`match` reads a stream of bytes once, keeps a bounded part of it, and looks for every signature of the knowledge base at the same
time, in time that grows with the length of the log alone (RE2). What a hit means on a machine is judged in `doctor.told`.
"""
