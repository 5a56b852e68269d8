"""Coverage: what there is to cover in the standard, and what streams meet of it.

Read `goals` first, then `catalogue` (all goals) and `measure` (the goals that a stream meets).
`standings` says which goals are disputed or inferred, `unreachable` which cannot be met and why.
Tables may be changed freely; goals of branches go by the labels in the structures.
"""
