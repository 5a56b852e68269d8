"""Shrinking: the smallest stream that a decoder still fails in the same way.

A stream is shrunk by its structure if it has one, else by its bytes.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Final

from nnc_conformance.faults.diagnosis.pieces import Piece, pieces_of, written
from nnc_conformance.faults.diagnosis.reductions import reductions
from nnc_conformance.reference.decoder import Decoded, decode
from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import ProgressCallback, no_progress
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.decoders.host import DecoderHost
from nnc_conformance.suites.judging.compare import compare
from nnc_conformance.suites.judging.judge import ENDED_BADLY
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.sandbox.limits import Limits

LIMITS: Final = DecodeLimits(seconds=10.0)
"""Limits of the reference decoder for each stream that is tried."""

DecodeStream = Callable[[bytes], Execution]
"""A decoder under test: what it does with a stream."""
DecodeSession = Callable[[Sequence[bytes]], list[Execution]]
"""A decoder under test: what it does with each stream of a session, up to the first that it does
not decode.
"""


@contextmanager
def opened_decoder(decoder: DecoderSpec, limits: Limits) -> Iterator[DecodeStream]:
    """Open a decoder to give it streams outside a run, each under ``limits``.

    A worker process stays alive between streams.
    """
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch, DecoderHost(limits, Path(scratch)) as host:
        yield lambda stream: host.decode(decoder, stream)


@contextmanager
def opened_sessions(decoder: DecoderSpec, limits: Limits) -> Iterator[DecodeSession]:
    """Open a decoder to give it sessions outside a run, each stream under ``limits``."""
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch, DecoderHost(limits, Path(scratch)) as host:
        yield lambda streams: host.decode_session(decoder, streams)


class ShrinkError(NNCError):
    """The decoder does not fail on the stream that is to be shrunk."""


@dataclass(frozen=True)
class Failure:
    """How a decoder fails.

    Args:
        outcome: The outcome.
        kind: The kind of the first difference of a wrong output.
        rule: The rule that an accepted bad stream breaks.
    """

    outcome: Outcome
    kind: str = ""
    rule: str = ""

    def __str__(self) -> str:
        more = ", ".join(part for part in (self.kind, self.rule and f"rule {self.rule}") if part)
        return f"{self.outcome}{f' ({more})' if more else ''}"


@dataclass(frozen=True)
class Shrunk:
    """The smallest stream found, and how the decoder fails on it.

    It has the number of streams tried, and the seconds that took.
    """

    stream: bytes
    failure: Failure
    tries: int
    seconds: float


def reference(stream: bytes, base: BaseModel | None = None) -> Decoded | StreamError:
    """Decode a stream with the reference.

    Return what it decodes to, or the error that refuses it.

    ``base``: the model before it, in a session.
    """
    try:
        return decode(stream, limits=LIMITS, kernel="plain", base=base)
    except StreamError as error:
        return error


def failure_of(stream: bytes, execution: Execution, base: BaseModel | None = None) -> Failure | None:
    """Return how a decoder that did this with ``stream`` fails; None if it does not.

    Accepting a bad stream is a failure only if a lenient decoder has to refuse it too. ``base``:
    the model before the stream, in a session.
    """
    if execution.ending in ENDED_BADLY:
        return Failure(ENDED_BADLY[execution.ending])
    truth = reference(stream, base)
    if isinstance(truth, StreamError):
        if execution.ending is not DecoderEnding.DECODED or accepted_leniently(stream, base):
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


def session_failure(streams: Sequence[bytes], executions: Sequence[Execution]) -> Failure | None:
    """Return how a decoder fails on a session, by what it did with each stream.

    The first step that it fails decides. Return None if it fails no step.
    """
    base = BaseModel()
    for stream, execution in zip(streams, executions, strict=False):
        failure = failure_of(stream, execution, base)
        truth = None if failure is not None else reference(stream, base)
        if not isinstance(truth, Decoded) or truth.model is None:
            return failure
        base = truth.model
    return None


def accepted_leniently(stream: bytes, base: BaseModel | None = None) -> bool:
    """Return whether a lenient decoder decodes a bad stream."""
    try:
        decode(stream, limits=LIMITS, lenient=True, kernel="plain", base=base)
    except StreamError:
        return False
    return True


Judge = Callable[[bytes], Failure | None]
"""How a decoder fails on a stream; None if it does not."""


def judge_of(decode_stream: DecodeStream) -> Judge:
    """Return the judge of a decoder against the reference."""
    return lambda stream: failure_of(stream, decode_stream(stream))


SessionJudge = Callable[[tuple[bytes, ...]], Failure | None]
"""How a decoder fails on a session; None if it does not."""


def session_judge_of(decode_session: DecodeSession) -> SessionJudge:
    """Return the judge of a decoder of sessions against the reference."""
    return lambda streams: session_failure(streams, decode_session(streams))


@dataclass(frozen=True)
class ShrunkSession:
    """The smallest session found, and how the decoder fails on it.

    It has the number of sessions tried.
    """

    streams: tuple[bytes, ...]
    failure: Failure
    tries: int


def shrink_session(streams: Sequence[bytes], judge: SessionJudge, *, seconds: float = 60.0, tries: int = 5000) -> ShrunkSession:
    """Shrink a session while it fails in the same way.

    Drop steps first, then units of each stream.

    Args:
        streams: The streams of a session that the decoder fails.
        judge: Tells how it fails.
        seconds: The time to spend.
        tries: The number of sessions to try.

    Raises:
        ShrinkError: The decoder does not fail on the session.
        ModelError: The decoder's output cannot be compared.
    """
    end, best = monotonic() + seconds, tuple(streams)
    failure = judge(best)
    if failure is None:
        raise ShrinkError("the decoder does not fail on this session")
    tried, smaller = 0, _smaller_sessions(best)
    while tried < tries and monotonic() < end and (candidate := next(smaller, None)) is not None:
        tried += 1
        if judge(candidate) == failure:
            best, smaller = candidate, _smaller_sessions(candidate)
    return ShrunkSession(best, failure, tried)


def _smaller_sessions(streams: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    """Yield the session without one of its steps, from the last to the first.

    Then yield it without one unit of a stream.
    """
    for number in reversed(range(len(streams) if len(streams) > 1 else 0)):
        yield streams[:number] + streams[number + 1 :]
    for number, stream in enumerate(streams):
        for smaller in without_units(stream):
            yield (*streams[:number], smaller, *streams[number + 1 :])


def shrink(stream: bytes, judge: Judge, *, seconds: float = 60.0, tries: int = 5000, progress: ProgressCallback = no_progress) -> Shrunk:
    """Shrink a stream until nothing smaller fails in the same way.

    End also when the time or the tries are used up.

    Args:
        stream: A stream on which the decoder fails.
        judge: Tells how it fails.
        seconds: The time to spend.
        tries: The number of streams to try.
        progress: Called with the bytes and tries of each smaller stream found.

    Raises:
        ShrinkError: The decoder does not fail on the stream.
        ModelError: The decoder's output cannot be compared.
    """
    began = monotonic()
    failure = judge(stream)
    if failure is None:
        raise ShrinkError("the decoder does not fail on this stream")
    search = _Search(stream, failure, judge, began + seconds, tries, progress)
    search.run()
    return Shrunk(search.best, failure, search.tried, monotonic() - began)


class _Search:
    """A greedy search.

    It continues from the first smaller stream that fails in the same way.
    """

    def __init__(self, stream: bytes, failure: Failure, judge: Judge, end: float, tries: int, progress: ProgressCallback) -> None:
        self.best = stream
        self.tried = 0
        self._failure, self._judge, self._end, self._most, self._progress = failure, judge, end, tries, progress
        self._seen = {stream}

    @property
    def _over(self) -> bool:
        return monotonic() >= self._end or self.tried >= self._most

    def run(self) -> None:
        """Search until nothing smaller is found."""
        while self._once() and not self._over:
            pass

    def _once(self) -> bool:
        """Try each way to shrink the best stream once; return whether it changed.

        Units are reduced and left out; single bytes only if the stream cannot be taken apart and
        nothing else helped.
        """
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
        """Take the first reduction that fails alike, and begin again until none does."""
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
        """Cut out runs of bytes wherever the failure stays.

        A run is a quarter of the stream at first, then half as long each time nothing can be cut.
        """
        size = max(1, len(self.best) // 4)
        while size and not self._over:
            for start in range(0, len(self.best), size):
                if self._over or self._take(self.best[:start] + self.best[start + size :]):
                    break
            else:
                size //= 2

    def _take(self, stream: bytes) -> bool:
        """Take a stream as the best if it is smaller and fails alike.

        A stream of the same size is taken if it is less in order. Return whether it was taken.
        """
        if stream in self._seen or (len(stream), stream) >= (len(self.best), self.best):
            return False
        self._seen.add(stream)
        self.tried += 1
        if self._judge(stream) != self._failure:
            return False
        self.best = stream
        self._progress(len(stream), self.tried)
        return True


def without_units(stream: bytes) -> Iterator[bytes]:
    """Yield the stream without one of its units, from the last to the second.

    Only the size fields are read.
    """
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
