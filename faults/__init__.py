"""Faults: what if an implementation were wrong.

Here are mutants of the reference decoder (`mutants`), the score of the vectors that catch them
(`score`), and the diagnosis of a failing decoder by comparison with them (`diagnosis`). Read
`mutants.mutant` first. Operators and weights may be changed freely as long as the score and
docs/diagnosis.md are measured again; ids of mutants are keys of `mutants/equivalents.toml` and of
journals.
"""
