"""The lines of the decoder that a stream executes.

A mutant is tried only on streams that execute one of its lines.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from multiprocessing.connection import wait
from time import monotonic
from types import CodeType, FrameType
from typing import Any, Final

from nnc_conformance.faults.mutants.mutable_code import MODULES, module_of
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.mutants.mutated_decoder import Decode, MutatedChild, OutOfTimeError
from nnc_conformance.reference.options import ProgressCallback, no_progress

SECONDS: Final = 600.0
"""Seconds that tracing one stream may take."""
MOST_UNCOMPILED_LINES: Final = 3_000_000
"""Lines that a decode may execute if mutants of code, which are not compiled, are tried on it;
tracing stops there.
"""


@dataclass(frozen=True)
class ExecutedLines:
    """The lines that a decode executed.

    Args:
        lines: Line numbers by module.
        count: How many lines were executed, repetitions included: the cost of the decode, the same
            on every machine.
    """

    lines: dict[str, frozenset[int]]
    count: int

    def include(self, mutant: Mutant) -> bool:
        """Return whether a line of the mutant was executed.

        Every decode includes mutants of tables and constants.
        """
        nothing: frozenset[int] = frozenset()
        spans = ((self.lines.get(module, nothing), range(first, last + 1)) for module, first, last in mutant.lines)
        return not mutant.lines or any(not executed.isdisjoint(lines) for executed, lines in spans)


Decodable = bytes | tuple[bytes, ...]
"""A stream, or the streams of a session."""


def executed_lines_of(streams: Sequence[tuple[Decodable, bool]], jobs: int = 1) -> list[ExecutedLines]:
    """Trace the decoder on streams and sessions in ``jobs`` child processes.

    Each comes with whether it is lenient.

    Keep the order.
    """
    found = executed_lines_until(inf, streams, jobs)
    return [found[number] for number in range(len(streams))]


def executed_lines_until(
    deadline: float, streams: Sequence[tuple[Decodable, bool]], jobs: int = 1, progress: ProgressCallback = no_progress
) -> dict[int, ExecutedLines]:
    """Trace the decoder as `executed_lines_of` does, and stop at a deadline.

    Return what was traced, by the number of the stream.

    Args:
        deadline: The time to stop, as `time.monotonic` counts.
        streams: Streams and sessions, each with whether it is lenient; the first ones come first.
        jobs: Child processes.
        progress: The progress callback, over the streams.
    """
    if monotonic() >= deadline:
        return {}
    found: dict[int, ExecutedLines] = {}
    running = {number: MutatedChild(None, _tracer(streams[number::jobs]), seconds=SECONDS) for number in range(jobs)}
    following = dict.fromkeys(running, 0)
    try:
        while running and monotonic() < deadline:
            wait([child.connection for child in running.values()], None if deadline == inf else max(0.0, deadline - monotonic()))
            for number, child in list(running.items()):
                try:
                    found[number + jobs * following[number]] = child.receive(0.0)
                except TimeoutError:
                    continue
                except EOFError:
                    running.pop(number).close()
                else:
                    following[number] += 1
                    progress(len(found), len(streams))
    finally:
        for child in running.values():
            child.close()
    return found


def _tracer(streams: Sequence[tuple[Decodable, bool]]) -> Callable[[Decode], Iterator[ExecutedLines]]:
    """Return a function that traces streams in a child process.

    It takes the child's decoder and yields the executed lines of each stream, in order.

    Args:
        streams: Streams or sessions, each with whether it is decoded leniently.
    """

    def work(decode: Decode) -> Iterator[ExecutedLines]:
        for stream, lenient in streams:
            whole = partial(decode, stream) if isinstance(stream, bytes) else partial(decode.session, stream)
            yield _traced(partial(whole, lenient, SECONDS))

    return work


def _traced(run: Callable[[], Any]) -> ExecutedLines:
    """Watch the lines of the modules that can be mutated, up to `MOST_UNCOMPILED_LINES`."""
    names = {str(module_of(module).__file__): module for module in MODULES}
    return watch_lines(run, names, most_lines=MOST_UNCOMPILED_LINES)


def watch_lines(
    run: Callable[[], object], modules: Mapping[str, str], *, most_lines: int | None = None, most_calls: int | None = None
) -> ExecutedLines:
    """Return the lines of some modules that a call executes.

    Args:
        run: The call.
        modules: Names of the watched modules by the paths of their files.
        most_lines: Lines, repetitions included, after which `OutOfTimeError` is raised in the call.
        most_calls: Calls of each function that are watched; all without it.
    """
    lines: dict[str, set[int]] = {module: set() for module in modules.values()}
    calls: Counter[CodeType] = Counter()
    count = 0

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        """Trace a call: return the function that traces its lines, or None.

        None is for modules that are not watched and for functions called more than ``most_calls``
        times.
        """
        module = modules.get(frame.f_code.co_filename)
        if module is None:
            return None
        if most_calls is not None:
            calls[frame.f_code] += 1
            if calls[frame.f_code] > most_calls:
                return None
        met = lines[module]

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            """Note an executed line; raise `OutOfTimeError` after ``most_lines`` of them."""
            nonlocal count
            count += 1
            met.add(frame.f_lineno)
            if most_lines is not None and count > most_lines:
                raise OutOfTimeError
            return line

        return line

    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(None)
    return ExecutedLines({module: frozenset(met) for module, met in lines.items() if met}, count)
