"""Routes: the ways that lead from a machine as it is to Japanese speech on its GPU, and the one on its processor.

Pure: facts, the results of the checks, the knowledge base and what the recipes offer go in, `Route`s come out.
"""
