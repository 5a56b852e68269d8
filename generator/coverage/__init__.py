"""Coverage: the goals in the standard, and which of them streams meet.

Read `goals` first, then `catalogue` (all goals) and `measure` (the goals that a stream meets).
`standings` lists the goals that are disputed or inferred, `unreachable` those that cannot be met,
each with its reason. Tables may be changed freely; goals of branches go by the labels in the
structures.
"""
