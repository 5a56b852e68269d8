"""Parameter reduction (clause 8): tools that shrink a network before it is encoded, and pipelines.

Read `network` first (the value that every tool takes and returns), then `tool` and one of the
tools, each in a file named after it; `document` validates the pipelines that users write, and
`pipeline` runs them. A tool's algorithm may change freely; its name, its parameters and its
performance map belong to the pipeline format.
"""
