"""The mutation score: mutants tried on vectors.

Read `run` first, then `trials` (how mutants are tried) and `score` (what counts). `needs` tells
what each vector of core is needed for. Everything may be changed freely except the format of the
journal.
"""
