"""Diagnosis: from a failing decoder to the syntax element and the likely bug.

Shrinking and fuzzing of streams.

Read `explain` first, then `weights`, which has the formulas, and `ranking`. `shrink` and `fuzz`
stand on `pieces` (a stream as parts that can be changed). The weights may be changed freely as long
as docs/diagnosis.md is measured again.
"""
