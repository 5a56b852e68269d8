"""A session on disk (second edition).

Streams are applied in order to a model that a state file keeps.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from nnc_conformance.reference import Decoded, DecodeLimits, Interpretation, decode
from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.reference.syntax.bitstream import read_units, write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.rules import Enforcement
from nnc_conformance.reference.syntax.structures.unit import NNR_STR
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.reference.updates.finishing import final_parameters
from nnc_conformance.storage.carriage_files import NO_TYPES, states_types
from nnc_conformance.storage.inputs import read_bytes
from nnc_conformance.storage.model_files import GRAPH_FORMATS, Model, read_stream, refuse_no_stream
from nnc_conformance.storage.state_files import STATE_SUFFIX, SessionState, StateError, is_state, parse_state, staged_state

_HEAD_BYTES: Final = 64
"""Bytes of an existing output that show what it is."""


class SessionError(NNCError):
    """A stream of a session that cannot be applied.

    The message names it and the streams before it.
    """


class Session:
    """Applies streams to a model and keeps its state."""

    def __init__(self, state: SessionState, path: Path | None, loaded: bytes | None, limits: DecodeLimits) -> None:
        self._state = state
        self._path = path
        self._loaded = None if loaded is None else hashlib.sha256(loaded).digest()
        self._limits = limits
        self._names: list[str] = []
        self._bytes = 0

    @classmethod
    def begin(
        cls,
        path: Path | None,
        interpretation: Interpretation,
        *,
        lenient: bool = False,
        restart: bool = False,
        limits: DecodeLimits | None = None,
    ) -> "Session":
        """Begin with the model in a state file, or with none.

        Args:
            path: The state file; None keeps no state.
            interpretation: One choice for each disputed point, the same in all steps.
            lenient: Forgive broken rules of policy ``may``, in all steps.
            restart: Begin anew, whatever the file holds.
            limits: Bounds on the session and on each decode.

        Raises:
            StateError: The file cannot be used, or was made with other choices.
        """
        bounds = limits or DecodeLimits()
        new = SessionState(interpretation=interpretation, lenient=lenient)
        if path is None or not path.exists():
            return cls(new, path, None, bounds)
        if not path.is_file():
            raise StateError(f"{path} is not a regular file, which a state file must be; name another")
        loaded = read_bytes(path)
        if restart:
            return cls(new, path, loaded, bounds)
        state = parse_state(loaded, str(path))
        if state.interpretation != interpretation or state.lenient != lenient:
            names = [name for name in Interpretation.switches(2024) if getattr(state.interpretation, name) != getattr(interpretation, name)]
            differing = [*names, *(["lenient"] if state.lenient != lenient else [])]
            raise StateError(f"{path} was made with other choices of {', '.join(differing)}; use the same, or --restart")
        return cls(state, path, loaded, bounds)

    @classmethod
    def of_encoder(cls, bases: Sequence[Path], path: Path | None, *, threads: int = 1) -> "Session":
        """Begin with the model that a decoder has before the stream to encode.

        Args:
            bases: A state file, or streams of one session in order, or both; none for a base model.
            path: The state file to keep the model in; None keeps no state.
            threads: Threads to decode with.

        Raises:
            StateError: A state file cannot be used, or ``path`` exists and is not the state in ``bases``.
            SessionError: A stream cannot be applied.
        """
        first = bases[0] if bases and _holds_a_state(bases[0]) else None
        loaded = None if first is None else read_bytes(first)
        begun = SessionState() if loaded is None else parse_state(loaded, str(first))
        goes_on = path is not None and first is not None and path.exists() and path.samefile(first)
        if path is not None and path.exists() and not goes_on:
            raise StateError(f"{path} exists; name it with --base to go on from it, or remove it")
        session = cls(begun, path, loaded if goes_on else None, DecodeLimits())
        for stream in bases if first is None else bases[1:]:
            session.apply(read_stream(stream).stream, str(stream), threads=threads)
        return session

    @property
    def interpretation(self) -> Interpretation:
        """The choices at disputed points under which the streams are decoded."""
        return self._state.interpretation

    @property
    def model(self) -> BaseModel:
        """The model after the streams so far."""
        return self._state.model

    def apply(self, stream: bytes, name: str, *, threads: int = 1) -> Decoded:
        """Decode the next stream onto the model.

        Raise `SessionError` or `StateError`, and leave the model as it was.

        Args:
            stream: The bitstream.
            name: Its name in messages.
            threads: Threads to decode with.
        """
        self._state.refuse_again(stream, name)
        self._bytes += len(stream)
        if len(self._state.streams) >= self._limits.session_streams or self._bytes > self._limits.session_bytes:
            most = f"{self._limits.session_streams} streams and {self._limits.session_bytes} bytes"
            raise SessionError(f"{name}: a session has at most {most}; begin a new one with a whole model")
        try:
            decoded = decode(
                stream,
                base=self.model,
                interpretation=self._state.interpretation,
                lenient=self._state.lenient,
                limits=self._limits,
                threads=threads,
            )
        except StreamError as error:
            raise SessionError(f"{name}: {error}{self._order(name, error.rule)}") from None
        if decoded.model is None:
            raise SessionError(f"{name}: no model came out of the decoder")
        if len(self._state.streams) > len(self._names) and not decoded.updates:
            raise SessionError(
                f"{name} is a base stream, and {self._path or 'the state'} holds a session already; use --restart to begin a new one"
            )
        self._names.append(name)
        self._state = self._state.after(stream, decoded.model)
        return decoded

    def distinct(self, stream: bytes) -> bytes:
        """Return an update as it has to be sent: unlike every stream before.

        An update that repeats an earlier one, as when a model returns to a state before, gets a
        base_model_id: the SHA-256 of the stream before it.

        Args:
            stream: A stream of our encoder: NNR_STR, NNR_MPS, and the rest.
        """
        if hashlib.sha256(stream).hexdigest() not in self._state.streams:
            return stream
        units = read_units(stream, StreamContext(), interpretation=self.interpretation)
        start, parameter_set = next(units), next(units)
        named = parameter_set.payload | {"base_model_id_present_flag": 1, "base_model_id": self._state.streams[-1]}
        payloads = ((start.header, start.payload), (parameter_set.header, named))
        head = write_units([{"nnr_unit_header": header, "nnr_unit_payload": payload} for header, payload in payloads])
        return head + stream[parameter_set.offset + parameter_set.size :]

    def _order(self, name: str, rule: str) -> str:
        """Return, in brackets, the order in which streams were applied.

        It ends errors that depend on the order. For a single stream it says that none was applied
        before, if the broken ``rule`` is that of a difference without its tensor; else it is empty.
        """
        before = len(self._state.streams) - len(self._names)
        kept = [f"{before} streams of {self._path}"] if before else []
        order = [*kept, *self._names, name]
        if len(order) > 1:
            return f" (applied in the order {', '.join(order)})"
        return " (no stream was applied before it; name the whole model and earlier updates first)" if rule == "update-base" else ""

    def final_parameters(self, *, recombine: bool = False) -> dict[str, np.ndarray]:
        """Return the model's parameters, converted, and with ``recombine`` its blocks put together."""
        return final_parameters(self.model, recombine=recombine)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Replace the state file after the body has written what belongs to it.

        Raises `StateError` before the body if another process has changed the file meanwhile; then
        nothing is replaced.
        """
        if self._path is None:
            yield
            return
        with alone_in(self._path.resolve().parent), staged_state(self._state, self._path) as put_in_place:
            now = hashlib.sha256(read_bytes(self._path)).digest() if self._path.exists() else None
            if now != self._loaded:
                raise StateError(f"{self._path} was changed meanwhile; run the command again")
            yield
            put_in_place()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other sessions from writing into a folder during the body.

    This needs file locks of the system.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def named(name: str, *, alone: bool) -> Iterator[None]:
    """Name the stream in a `StreamError` of the body, as a `SessionError`.

    The error of an only stream stays as it is.
    """
    try:
        yield
    except StreamError as error:
        if alone:
            raise
        raise SessionError(f"{name}: {error}") from None


def steps_of(
    paths: Sequence[Path], interpretation: Interpretation, *, lenient: bool = False
) -> Iterator[tuple[str, bytes, BaseModel | None]]:
    """Yield name, bytes and model before each stream of a session, in order.

    A lone stream has None for the model. Raises `SessionError`, `StateError` and `OSError`.

    Args:
        paths: The files of the streams.
        interpretation: One choice for each disputed point.
        lenient: Forgive broken rules of policy ``may``.
    """
    session = Session.begin(None, interpretation, lenient=lenient)
    for number, path in enumerate(paths):
        stream = read_bytes(path)
        refuse_no_stream(stream, str(path))
        yield str(path), stream, session.model if len(paths) > 1 else None
        if number + 1 < len(paths):
            session.apply(stream, str(path))


def topology_of_update(model: Model, base: BaseModel, name: str) -> Topology | None:
    """Return the topology that an update has to carry; None for none.

    It is that of the new model, if it differs from the base model's. A model that needs no types
    ends those of the base model with an empty topology.

    Args:
        model: The new model.
        base: The model that the decoder has.
        name: The new model's name in messages.

    Raises:
        SessionError: The new model lacks tensors of the base model, or has a graph of another
            format.
    """
    held = {*model.parameters, *model.plain, *model.unchanged}
    missing = [known for known in base.parameters if known not in held]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        detail = "an update cannot remove tensors; encode the model without --base"
        raise SessionError(f"{name} lacks {missing[0]!r}{more} of the base model: {detail}")
    if model.topology == base.topology:
        return None
    if model.topology is None:
        return NO_TYPES if states_types(base.topology) else None
    if base.topology is None:
        return model.topology
    formats = dict(GRAPH_FORMATS.values())
    new, old = (formats.get(topology.storage_format, "another format") for topology in (model.topology, base.topology))
    if new != old:
        raise SessionError(f"{name} has a graph in {new}, and the base model one in {old}; convert it, or encode it without --base")
    return model.topology


def quantization_of_update(model: Model, base: BaseModel, name: str) -> Topology | None:
    """Return the quantization data that an update has to carry, None for none.

    They are those of the new model, unless the base model has the same.

    Args:
        model: The new model.
        base: The model that the decoder has.
        name: The new model's name in messages.

    Raises `SessionError` for a graph without the quantization data that the base model has.
    """
    if model.topology is not None and model.quantization is None and base.quantization_data is not None:
        raise SessionError(f"{name} lacks the quantization of the base model: an update cannot remove it; encode the model without --base")
    return None if model.quantization == base.quantization_data else model.quantization


def _holds_a_state(path: Path) -> bool:
    """Return whether a file is a state, or is named as one; raise `OSError`."""
    if path.suffix == STATE_SUFFIX:
        return True
    with path.open("rb") as file:
        return is_state(file.read(_HEAD_BYTES))


def refuse_streams_and_states(out: Path) -> None:
    """Raise `SessionError` if an output exists and holds a stream or a state.

    This happens when the name of OUT was forgotten.
    """
    if not out.is_file():
        return
    with out.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if is_state(head) or _begins_a_stream(head):
        kind = "a state file" if is_state(head) else "a stream"
        raise SessionError(f"{out} is {kind} and would be overwritten; name the file to write last")


def _begins_a_stream(head: bytes) -> bool:
    """Return whether bytes begin with an NNR_STR."""
    try:
        unit = next(read_units(head, StreamContext(), interpretation=Interpretation(), rules=Enforcement(lenient=True)), None)
    except StreamError:
        return False
    return unit is not None and unit.unit_type == NNR_STR
