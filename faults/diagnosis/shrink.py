"""The smallest stream that a decoder still fails in the same way: by structure first, byte by byte only where there is none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from time import monotonic
from typing import Final

from nnc_conformance.faults.diagnosis.asking import Ask
from nnc_conformance.faults.diagnosis.pieces import Piece, pieces_of, written
from nnc_conformance.faults.diagnosis.reductions import reductions
from nnc_conformance.reference.decoder import Decoded, decode
from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.reference.options import DecodeLimits
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.compare import compare
from nnc_conformance.suites.judging.judge import ENDED_BADLY
from nnc_conformance.suites.results.outcomes import Outcome

LIMITS: Final = DecodeLimits(seconds=10.0)


class ShrinkError(NNCError):
    """The decoder does not fail on the stream that is to be shrunk."""


@dataclass(frozen=True)
class Failure:
    """How a decoder fails: the outcome; for wrong output the kind of the first difference; the rule that a bad stream breaks."""

    outcome: Outcome
    kind: str = ""
    rule: str = ""

    def __str__(self) -> str:
        more = ", ".join(part for part in (self.kind, self.rule and f"rule {self.rule}") if part)
        return f"{self.outcome}{f' ({more})' if more else ''}"


@dataclass(frozen=True)
class Shrunk:
    """The smallest stream found, how the decoder fails on it, and how many streams were tried."""

    stream: bytes
    failure: Failure
    tries: int
    seconds: float


def reference(stream: bytes) -> Decoded | StreamError:
    """What the reference makes of a stream: what it decodes to, or why it is refused."""
    try:
        return decode(stream, limits=LIMITS, kernel="plain")
    except StreamError as error:
        return error


def failure_of(stream: bytes, execution: Execution) -> Failure | None:
    """How a decoder that did this with ``stream`` fails; None where it does not, or where the standard leaves room.

    Of a bad stream only a broken ``must`` rule counts.
    """
    if execution.ending in ENDED_BADLY:
        return Failure(ENDED_BADLY[execution.ending])
    truth = reference(stream)
    if isinstance(truth, StreamError):
        if execution.ending is not DecoderEnding.DECODED or accepted_leniently(stream):
            return None
        return Failure(Outcome.WRONGLY_ACCEPTED, rule=truth.rule)
    if execution.ending is DecoderEnding.REFUSED:
        return Failure(Outcome.REFUSED)
    if execution.ending is not DecoderEnding.DECODED:
        return None
    differences = compare(truth.parameters, execution.tensors or {})
    if differences:
        return Failure(Outcome.FAIL, differences[0].kind)
    topology = truth.topology.data if truth.topology is not None else None
    return Failure(Outcome.FAIL, "topology") if execution.topology and execution.topology != topology else None


def accepted_leniently(stream: bytes) -> bool:
    """Whether a lenient decoder may decode a bad stream."""
    try:
        decode(stream, limits=LIMITS, lenient=True, kernel="plain")
    except StreamError:
        return False
    return True


Judge = Callable[[bytes], Failure | None]
"""How a decoder fails on a stream; None where it does not."""


def judge_of(ask: Ask) -> Judge:
    """The judge of a decoder against the reference."""
    return lambda stream: failure_of(stream, ask(stream))


def shrink(
    stream: bytes, judge: Judge, *, seconds: float = 60.0, tries: int = 5000, told: Callable[[int, int], None] = lambda size, tries: None
) -> Shrunk:
    """Shrinks ``stream`` until nothing smaller fails in the same way, or ``seconds`` or ``tries`` are used up.

    Raises `ShrinkError` where the decoder does not fail on it, and `ModelError` where its output cannot be compared.
    """
    began = monotonic()
    failure = judge(stream)
    if failure is None:
        raise ShrinkError("the decoder does not fail on this stream")
    search = _Search(stream, failure, judge, began + seconds, tries, told)
    search.run()
    return Shrunk(search.best, failure, search.tried, monotonic() - began)


class _Search:
    """A greedy search: the first smaller stream that fails in the same way is gone on from."""

    def __init__(self, stream: bytes, failure: Failure, judge: Judge, end: float, tries: int, told: Callable[[int, int], None]) -> None:
        self.best = stream
        self.tried = 0
        self._failure, self._judge, self._end, self._most, self._told = failure, judge, end, tries, told
        self._seen = {stream}

    @property
    def _over(self) -> bool:
        return monotonic() >= self._end or self.tried >= self._most

    def run(self) -> None:
        """Goes on until nothing helps any more."""
        while self._once() and not self._over:
            pass

    def _once(self) -> bool:
        before = self.best
        pieces = pieces_of(self.best)
        if pieces is not None:
            self._by_structure(pieces)
        for smaller in without_units(self.best):
            if self._over or self._take(smaller):
                break
        if pieces is None and self.best == before:
            self._by_bytes()
        return self.best != before

    def _by_structure(self, pieces: tuple[Piece, ...]) -> None:
        """Takes reductions as long as any helps, each kind again while it does."""
        helped = True
        while helped and not self._over:
            helped = False
            for reduced in reductions(pieces):
                if self._over:
                    return
                smaller = written(reduced)
                if smaller is not None and self._take(smaller):
                    pieces, helped = reduced, True
                    break

    def _by_bytes(self) -> None:
        size = max(1, len(self.best) // 4)
        while size and not self._over:
            for start in range(0, len(self.best), size):
                if self._over or self._take(self.best[:start] + self.best[start + size :]):
                    break
            else:
                size //= 2

    def _take(self, stream: bytes) -> bool:
        """Whether a stream is smaller, or of the same size and before the best in order, and fails in the same way; it is the best then."""
        if stream in self._seen or (len(stream), stream) >= (len(self.best), self.best):
            return False
        self._seen.add(stream)
        self.tried += 1
        if self._judge(stream) != self._failure:
            return False
        self.best = stream
        self._told(len(stream), self.tried)
        return True


def without_units(stream: bytes) -> Iterator[bytes]:
    """The stream without each of its units but the first, from the last on, as their size fields frame them."""
    starts = [0]
    while starts[-1] + 2 <= len(stream):
        at = starts[-1]
        long = stream[at] >> 7
        size = int.from_bytes(stream[at : at + (4 if long else 2)]) & (0x7FFFFFFF if long else 0x7FFF)
        if size < 3 or at + size > len(stream):
            break
        starts.append(at + size)
    bounds = [*starts, len(stream)] if starts[-1] < len(stream) else starts
    for first, after in reversed(list(pairwise(bounds[1:]))):
        yield stream[:first] + stream[after:]
