"""The arithmetic coder of clause 10 (DeepCABAC).

Read `plain` first: it is the text of the clause, and it decides what is right. `codeword` decodes
and encodes a payload with it. `fast`, the modules `fast_*`, `machine`, `intrinsics` and `parallel`
give the same results faster; they need not be read to understand the standard, and may change
freely as long as the tests find no difference from `plain`.
"""
