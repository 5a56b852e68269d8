"""End with a traceback, exit code 1."""

raise RuntimeError("a bug")
