"""Outcomes of cases and exit codes of commands."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Outcome(StrEnum):
    """Outcome of one case: one vector on one decoder. `OUTCOMES` has the meanings."""

    PASS = "pass"
    FAIL = "fail"
    REFUSED = "refused"
    WRONGLY_ACCEPTED = "wrongly_accepted"
    NONDETERMINISTIC = "nondeterministic"
    CRASH = "crash"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    PROTOCOL = "protocol"
    UNSUPPORTED = "unsupported"
    CHOICE = "choice"
    NOT_RUN = "not_run"


class ExitCode(IntEnum):
    """Exit codes of all commands.

    ``FAILED`` means that the command found what it looks for: a wrong decoder, a problem, a reason
    to refuse.
    """

    AS_EXPECTED = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4
    INTERRUPTED = 130


@dataclass(frozen=True)
class OutcomeMeaning:
    """Meaning of an outcome.

    Attributes:
        when: When it is given.
        fails: Whether it fails the run.
        incomplete: Whether it makes the run incomplete.
        junit: JUnit element that reports it; "" for none.
    """

    when: str
    fails: bool
    incomplete: bool
    junit: str


OUTCOMES: Final[dict[Outcome, OutcomeMeaning]] = {
    Outcome.PASS: OutcomeMeaning("output as expected, or a negative vector handled as its policy allows", False, False, ""),
    Outcome.FAIL: OutcomeMeaning("output differs, or unsupported although every needed capability is declared", True, False, "failure"),
    Outcome.REFUSED: OutcomeMeaning("a good stream refused", True, False, "failure"),
    Outcome.WRONGLY_ACCEPTED: OutcomeMeaning("tensors from a stream that must be refused", True, False, "failure"),
    Outcome.NONDETERMINISTIC: OutcomeMeaning("repeats differ", True, False, "failure"),
    Outcome.CRASH: OutcomeMeaning("the decoder died", True, False, "error"),
    Outcome.TIMEOUT: OutcomeMeaning("it took too long", True, False, "error"),
    Outcome.LIMIT: OutcomeMeaning("memory, output or process limit exceeded", True, False, "error"),
    Outcome.PROTOCOL: OutcomeMeaning("unreadable or missing output, or the worker protocol broken", True, False, "error"),
    Outcome.UNSUPPORTED: OutcomeMeaning("capability not declared, or the decoder says unsupported", False, False, "skipped"),
    Outcome.CHOICE: OutcomeMeaning("a disputed vector: the choice that the decoder made", False, False, "property"),
    Outcome.NOT_RUN: OutcomeMeaning("planned, not executed", False, True, "error"),
}
"""The closed table of outcomes."""
