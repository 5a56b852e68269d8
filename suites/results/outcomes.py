"""The closed table of outcomes: what each says of a decoder, and what it does to a run."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Outcome(StrEnum):
    """What became of one case (one vector on one decoder)."""

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
    """Every code that a command ends with; ``FAILED`` is what it looked for and found: a wrong decoder, a finding, a reason to refuse."""

    AS_EXPECTED = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4
    INTERRUPTED = 130


@dataclass(frozen=True)
class OutcomeMeaning:
    """One row: when it is given, whether it fails the run, whether it makes it incomplete, and its JUnit element."""

    when: str
    fails: bool
    incomplete: bool
    junit: str


OUTCOMES: Final[dict[Outcome, OutcomeMeaning]] = {
    Outcome.PASS: OutcomeMeaning("output as expected, or a negative vector treated as its policy allows", False, False, ""),
    Outcome.FAIL: OutcomeMeaning("output differs, or unsupported although all that the vector needs is declared", True, False, "failure"),
    Outcome.REFUSED: OutcomeMeaning("a good stream refused", True, False, "failure"),
    Outcome.WRONGLY_ACCEPTED: OutcomeMeaning("tensors from a stream that must be refused", True, False, "failure"),
    Outcome.NONDETERMINISTIC: OutcomeMeaning("repeats differ", True, False, "failure"),
    Outcome.CRASH: OutcomeMeaning("the decoder died", True, False, "error"),
    Outcome.TIMEOUT: OutcomeMeaning("it took too long", True, False, "error"),
    Outcome.LIMIT: OutcomeMeaning("memory, output or process limit passed", True, False, "error"),
    Outcome.PROTOCOL: OutcomeMeaning("unreadable or missing output, or breach of the worker protocol", True, False, "error"),
    Outcome.UNSUPPORTED: OutcomeMeaning("declared so, or exit 69", False, False, "skipped"),
    Outcome.CHOICE: OutcomeMeaning("a disputed vector: which choice it made", False, False, "property"),
    Outcome.NOT_RUN: OutcomeMeaning("planned, not executed", False, True, "error"),
}
