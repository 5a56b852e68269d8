"""Mutants: the reference decoder with one bug each.

They are made by operators or written by hand (`named`).

Read `mutant` first, then `operators` (how bugs are made) and `ids` (why their names outlast
refactoring). After a change of `reference/` tests/faults/mutants/test_quoted_lines.py names every
quote to adapt, and `equivalents` every argument that no longer fits.
"""
