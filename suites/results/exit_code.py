"""What a command returns to the shell."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Every code that a command ends with; ``FAILED`` is what it looked for and found: a wrong decoder, a finding, a reason to refuse."""

    AS_EXPECTED = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4
    INTERRUPTED = 130
