"""Named faults: seeded bugs written by hand.

They are sorted by the subjects of the vectors that state them, and by other sources.

`published` has faults of published decoders, `misreadings` and `implementers` plausible ones, the
other modules those that vectors state. Add a fault to the module of its subject; `catalogue`
collects them all. Names are stable: vectors and pages refer to them.
"""
