"""Which lines of the decoder a stream makes run: a mutant is tried only on streams that run one of its lines."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, Final

from nnc_conformance.faults.mutants.mutable_code import FUNCTIONS, module_of
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.mutants.mutated_decoder import Decode, MutatedChild, OutOfTimeError

SECONDS: Final = 600.0
"""What one stream may take while its lines are noted."""
MOST_UNCOMPILED_LINES: Final = 3_000_000
"""Lines that a decode may run if a mutant of the code, which is not compiled, is to be tried on it; no more are counted."""


@dataclass(frozen=True)
class ExecutedLines:
    """What a decode met: the lines by module, and how many times a line was entered, the cost of the decode, the same everywhere.

    A decode of more than `MOST_UNCOMPILED_LINES` is stopped there: its lines are those up to then.
    """

    lines: dict[str, frozenset[int]]
    cost: int

    def meets(self, mutant: Mutant) -> bool:
        """Whether one of the mutant's lines was met; one without lines (a table, a constant) counts as met by every decode."""
        nothing: frozenset[int] = frozenset()
        spans = ((self.lines.get(module, nothing), range(first, last + 1)) for module, first, last in mutant.lines)
        return not mutant.lines or any(not met.isdisjoint(lines) for met, lines in spans)


def executed_lines_of(streams: Sequence[tuple[bytes, bool]], jobs: int = 1) -> list[ExecutedLines]:
    """What each stream (with whether it is decoded leniently) meets, in order, found in so many child processes."""
    found: list[list[ExecutedLines]] = [[] for _ in range(jobs)]
    running = {number: MutatedChild(None, _tracer(streams[number::jobs]), seconds=SECONDS) for number in range(jobs)}
    try:
        while running:
            wait([child.connection for child in running.values()])
            for number, child in list(running.items()):
                try:
                    found[number].append(child.receive(0.0))
                except TimeoutError:
                    continue
                except EOFError:
                    running.pop(number).close()
    finally:
        for child in running.values():
            child.close()
    return [found[number % jobs][number // jobs] for number in range(len(streams))]


def _tracer(streams: Sequence[tuple[bytes, bool]]) -> Callable[[Decode], Iterator[ExecutedLines]]:
    """The work of one child."""

    def work(decode: Decode) -> Iterator[ExecutedLines]:
        for stream, lenient in streams:
            yield _traced(lambda stream=stream, lenient=lenient: decode(stream, lenient, SECONDS))  # type: ignore[misc]

    return work


def _traced(run: Callable[[], Any]) -> ExecutedLines:
    names = {module_of(module).__file__: module for module in FUNCTIONS}
    lines: dict[str, set[int]] = {module: set() for module in FUNCTIONS}
    cost = 0

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        module = names.get(frame.f_code.co_filename)
        if module is None:
            return None
        met = lines[module]

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal cost
            cost += 1
            met.add(frame.f_lineno)
            if cost > MOST_UNCOMPILED_LINES:
                raise OutOfTimeError
            return line

        return line

    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(None)
    return ExecutedLines({module: frozenset(met) for module, met in lines.items() if met}, cost)
