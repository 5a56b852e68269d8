"""A decoder with a mutant in force, in a forked child process.

So this process keeps its own decoder.
"""

import gc
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from multiprocessing.connection import Connection, Pipe
from time import monotonic
from typing import Any, Final, Protocol, Self

import numpy as np

from nnc_conformance.faults.mutants.entries import tables_of
from nnc_conformance.faults.mutants.mutable_code import MODULES, PACKAGE, module_of
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind
from nnc_conformance.faults.mutants.patch import changed_functions
from nnc_conformance.faults.mutants.values import set_constant
from nnc_conformance.reference.decoder import decode, decode_with
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, Tables
from nnc_conformance.reference.errors import Category, StreamError
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.updates.base_model import BaseModel

SECONDS: Final = 10.0
MEMORY: Final = 1 << 30
"""Bytes of memory that a mutated decode may take in addition to what the process has."""
_GRACE: Final = 5.0
"""Seconds after its time limit at which a child that did not stop by itself is killed."""


class Ending(StrEnum):
    """How a mutated decode ended."""

    DECODED = "decoded"
    REFUSED = "refused"
    CRASHED = "crashed"
    HUNG = "hung"


@dataclass(frozen=True)
class MutantOutcome:
    """The behaviour of a mutated decoder on a stream.

    Args:
        ending: How the decode ended.
        parameters: Name to ndarray in stream order, of a decode.
        topology: Inflated bytes of a decode's topology, if it has one.
        rule: The broken rule of a refusal.
        category: Its category.
        unit: Number of the unit of a refusal.
        byte: Byte of a refusal.
        bit: Bit of a refusal.
        element: Element of a refusal.
        detail: The message of a refusal, or how the decoder crashed.
        model: Parameters of the model after the stream by name, of a decode in a session.
    """

    ending: Ending
    parameters: dict[str, np.ndarray] | None = None
    topology: bytes | None = None
    rule: str | None = None
    category: Category | None = None
    unit: int | None = None
    byte: int | None = None
    bit: int | None = None
    element: str | None = None
    detail: str = ""
    model: dict[str, np.ndarray] | None = None


class OutOfTimeError(BaseException):
    """The time limit of one decode, which no handler of the decoder catches."""


def decode_mutated(
    mutant: Mutant, stream: bytes, *, seconds: float = SECONDS, memory: int = MEMORY, lenient: bool = False
) -> MutantOutcome:
    """Decode a stream with a mutant in a forked child.

    It has ``seconds`` of CPU time and ``memory`` bytes at most.

    The mutant runs in the plain kernel, uncompiled unless it is one of tables. Never raises:
    whatever the mutated decoder raises, leaks or breaks is its outcome.
    """
    with MutatedChild(mutant, lambda decode: iter([decode(stream, lenient, seconds)]), seconds=seconds, memory=memory) as child:
        return next(child.results(), child.ended)


class Decode(Protocol):
    """A mutated decoder."""

    def __call__(self, stream: bytes, lenient: bool, seconds: float, tables: Tables | None = None) -> MutantOutcome:
        """Decode in ``seconds`` of CPU time at most.

        ``tables``, if given, replaces the decoder's own.
        """

    def session(self, streams: Sequence[bytes], lenient: bool, seconds: float, tables: Tables | None = None) -> list[MutantOutcome]:
        """Decode a session, each stream as a call does.

        End with the first stream that does not decode.
        """


class MutatedChild:
    """A forked child process with a mutant in force.

    Args:
        mutant: The mutant; None for the decoder as it is.
        work: Runs in the child; what it yields comes back, pickled, from `results`.
        seconds: Time from one result to the next after which, with some grace, the child is killed.
        memory: Bytes that the child may take in addition to what this process has.
    """

    def __init__(
        self, mutant: Mutant | None, work: Callable[[Decode], Iterator[Any]], *, seconds: float = SECONDS, memory: int = MEMORY
    ) -> None:
        prepare()
        self.ended = MutantOutcome(Ending.CRASHED, detail="the process died")
        self.connection, writer = Pipe(duplex=False)
        self._seconds = seconds + _GRACE
        self.deadline = monotonic() + self._seconds
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self.connection.close()
            _be_child(writer, mutant, work, memory)
        writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child, whatever it is doing."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0
        self.connection.close()

    def receive(self, timeout: float | None = None) -> Any:
        """Return the next result.

        Raises:
            EOFError: There are no more, or the child died or hung; `ended` then says which.
            TimeoutError: There is none within ``timeout`` seconds, and the child may go on.
        """
        left = max(0.0, self.deadline - monotonic())
        if not self.connection.poll(left if timeout is None else min(left, timeout)):
            if monotonic() < self.deadline:
                raise TimeoutError
            self.ended = MutantOutcome(Ending.HUNG, detail="the process did not end")
            raise EOFError
        result = self.connection.recv()
        self.deadline = monotonic() + self._seconds
        return result

    def results(self) -> Iterator[Any]:
        """Yield all results."""
        with suppress(EOFError):
            while True:
                yield self.receive()


def _be_child(writer: Connection, mutant: Mutant | None, work: Callable[[Decode], Iterator[Any]], memory: int) -> None:
    """Send the results of the child's work through a pipe and end the process.

    Args:
        writer: The end of the pipe to write to.
        mutant: The mutant to put in force; None for none.
        work: Yields results, given the decoder.
        memory: Bytes that the process may allocate beyond those it has.
    """
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGPROF, _out_of_time)
        _bound_memory(memory)
        gc.freeze()
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        for result in work(decoder(mutant)):
            writer.send(result)
        code = 0
    finally:
        os._exit(code)


def _out_of_time(*_: object) -> None:
    raise OutOfTimeError


def _bound_memory(memory: int) -> None:
    """Limit this process to ``memory`` bytes more than it has now, without core dumps."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@cache
def prepare() -> None:
    """Load what every child needs into this process.

    These are all modules, and the compiled plain kernel for mutants of tables.
    """
    for module in MODULES:
        module_of(module)
    decode(WARM_UP, kernel="plain")


WARM_UP: Final = bytes.fromhex("0004000000080401001ffc80000e1409610020e0a002340080fe")
"""A stream of one small data unit, which calls every compiled function of the plain kernel."""


def decoder(mutant: Mutant | None) -> Decode:
    """Put a mutant in force in this process, and return the decoder.

    None keeps the reference as it is.

    The process must be a child that runs this mutant only.
    """
    own = DEFAULT
    if mutant is not None and mutant.kind is MutantKind.TABLE:
        own = tables_of(mutant.id)
    else:
        interpret()
    for function, code in changed_functions(mutant) if mutant is not None else ():
        function.__code__ = code
    if mutant is not None and mutant.kind is MutantKind.CONSTANT:
        set_constant(mutant)

    return _MutatedDecoder(own)


class _MutatedDecoder:
    """Decodes with the functions and tables that are in force in this process."""

    def __init__(self, own: Tables) -> None:
        self._own = own

    def __call__(self, stream: bytes, lenient: bool, seconds: float, tables: Tables | None = None) -> MutantOutcome:
        return self._step(stream, lenient, seconds, tables, None)[0]

    def session(self, streams: Sequence[bytes], lenient: bool, seconds: float, tables: Tables | None = None) -> list[MutantOutcome]:
        """Decode the streams of a session up to the first that fails.

        Args:
            streams: The streams, in order.
            lenient: Whether to forgive broken rules of policy ``may``.
            seconds: The time limit of each stream.
            tables: Tables to use in place of the standard's; None for those.
        """
        outcomes: list[MutantOutcome] = []
        model: BaseModel | None = BaseModel()
        for stream in streams:
            outcome, model = self._step(stream, lenient, seconds, tables, model)
            outcomes.append(outcome)
            if outcome.ending is not Ending.DECODED:
                break
        return outcomes

    def _step(
        self, stream: bytes, lenient: bool, seconds: float, tables: Tables | None, base: BaseModel | None
    ) -> tuple[MutantOutcome, BaseModel | None]:
        """Decode one stream; return its outcome and the model after it.

        The model is None if the stream is not decoded.

        Args:
            stream: The stream.
            lenient: Whether to forgive broken rules of policy ``may``.
            seconds: The limit of CPU time.
            tables: Tables to use in place of those of the mutant; None for these.
            base: The model before the stream; None without a session.
        """
        options = DecoderOptions(lenient=lenient, kernel="plain", tables=tables or self._own, base=base)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            decoded = decode_with(stream, options)
            model = decoded.model
            topology = None if decoded.topology is None else decoded.topology.data
            after = None if model is None else dict(model.parameters)
            return MutantOutcome(Ending.DECODED, decoded.parameters, topology, model=after), model
        except OutOfTimeError:
            return MutantOutcome(Ending.HUNG, detail=f"more than {seconds:.1f} s"), None
        except StreamError as error:
            return refusal(error), None
        except Exception as error:
            return MutantOutcome(Ending.CRASHED, detail=f"{type(error).__name__}: {error}"[:300]), None
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def refusal(error: StreamError) -> MutantOutcome:
    """Return the outcome of a decoder that refuses a stream with this error."""
    place = error.place
    return MutantOutcome(
        Ending.REFUSED, None, None, error.rule, error.category, place.unit, place.byte, place.bit, place.element, str(error)
    )


def interpret() -> None:
    """Replace every compiled function of the reference by its Python function.

    Call it in a process of its own only.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(PACKAGE):
            for key, value in list(vars(module).items()):
                if hasattr(value, "py_func"):
                    setattr(module, key, value.py_func)
