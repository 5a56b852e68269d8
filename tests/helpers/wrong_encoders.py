"""Wrong encoders on trial: the reference encoder with one of its functions wrapped.

The judge and the reference decoder are never wrapped.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from unittest import mock

import numpy as np

from nnc_conformance.encoders.cases import CaseInput, Tensors
from nnc_conformance.encoders.host import EncoderEnding, EncodeRun
from nnc_conformance.encoders.reference_encoding import encode_as_asked
from nnc_conformance.reference import composer, encoder
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.entropy.coding import TensorCoding, TensorHistory, TensorToCode
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, Tables
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.quantization import codebook, quantizer
from nnc_conformance.reference.syntax.structures.data_unit import Codebook, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import NNR_STR
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel

Wrap = tuple[object, str, Callable[[Any], Any]]
"""A module or class, the name of its function, and what makes the wrapped function."""


@dataclass(frozen=True)
class EncoderBug:
    """One bug.

    Attributes:
        name: Its name.
        elements: The elements that explain it.
        wraps: The functions that are wrapped.
        before: What becomes of the input.
        after: What becomes of the stream; gets the number of streams made so far.
        forgets: Whether updates are made for the encoder's input, not the decoder's model.
    """

    name: str
    elements: tuple[str, ...]
    wraps: tuple[Wrap, ...] = ()
    before: Callable[[Tensors], Tensors] = dict
    after: Callable[[bytes, int], bytes] = lambda stream, _: stream
    forgets: bool = False

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Wrap the functions."""
        with ExitStack() as stack:
            for place, name, wrap in self.wraps:
                stack.enter_context(mock.patch.object(place, name, wrap(getattr(place, name))))
            yield

    def runs(self, one: CaseInput, numbers: Iterator[int]) -> list[EncodeRun]:
        """Encode the steps of a case, up to the first without a stream.

        ``numbers`` count streams.
        """
        made: list[EncodeRun] = []
        model: BaseModel | None = None
        for tensors in one.inputs:
            try:
                with self.seeded():
                    stream = encode_as_asked(self.before(tensors), one.case.options, one.case.blocks, model)
                stream = self.after(stream, next(numbers))
                made.append(EncodeRun(EncoderEnding.ENCODED, stream=stream))
                if len(one.inputs) > len(made):
                    model = decode(stream, base=model or BaseModel()).model
                    if self.forgets and model is not None:
                        model = replace(model, parameters={**model.parameters, **tensors})
            except (NNCError, ValueError) as error:
                made.append(EncodeRun(EncoderEnding.REFUSED, str(error)))
                break
            except (IndexError, KeyError, TypeError, AssertionError) as error:
                made.append(EncodeRun(EncoderEnding.CRASH, str(error)))
                break
        return made


def units_changed(change: Callable[[list[Values]], list[Values]]) -> Wrap:
    """Wrap the writer: a whole stream's units are changed, and rules are not enforced."""

    def wrap(write: Callable[..., bytes]) -> Callable[..., bytes]:
        def wrapped(units: list[Values], **how: Any) -> bytes:
            whole = units[0]["nnr_unit_header"]["nnr_unit_type"] == NNR_STR
            return write(change([dict(unit) for unit in units]) if whole else units, **how, enforce=False)

        return wrapped

    return encoder, "write_units", wrap


UNCHECKED: Final = units_changed(lambda units: units)
"""Write units without enforcing rules."""


def payload_changed(unit_type: int, **elements: Any) -> Wrap:
    """Wrap the writer: elements of the payloads of a type of units get other values."""

    def change(units: list[Values]) -> list[Values]:
        for unit in units:
            if unit["nnr_unit_header"]["nnr_unit_type"] == unit_type:
                known = unit["nnr_unit_payload"]
                unit["nnr_unit_payload"] = known | {
                    name: value(known.get(name, 0)) if callable(value) else value for name, value in elements.items()
                }
        return units

    return units_changed(change)


def header_changed(change: Callable[[Values, DataUnitHeader], Mapping[str, Any]]) -> tuple[Wrap, Wrap]:
    """Wrap the values of data unit headers."""

    def wrap(make: Callable[..., Values]) -> Callable[..., Values]:
        def wrapped(header: DataUnitHeader, form: Any) -> Values:
            values = make(header, form)
            return values | change(values, header)

        return wrapped

    return (composer, "header_values", wrap), UNCHECKED


def entry_points_changed(change: Callable[[Values], Mapping[str, Any]]) -> tuple[Wrap, Wrap]:
    """Wrap the values of entry point lists."""

    def wrap(make: Callable[..., Values]) -> Callable[..., Values]:
        def wrapped(*given: Any, **how: Any) -> Values:
            values = make(*given, **how)
            return values | change(values) if values.get("cabac_offset_list") else values

        return wrapped

    return (composer, "entry_point_values", wrap), UNCHECKED


def codeword_changed(
    job: Callable[[TensorToCode], TensorToCode] = lambda one: one,
    *,
    coding: Callable[[TensorCoding], TensorCoding] = lambda one: one,
    history: Callable[[TensorHistory], TensorHistory] = lambda one: one,
    tables: Tables = DEFAULT,
    end: Callable[[bytes], bytes] = lambda data: data,
) -> tuple[Wrap, Wrap, Wrap]:
    """Wrap the arithmetic coder: other tensors, codings, histories, tables or last bytes."""

    def encode(make: Callable[..., bytes]) -> Callable[..., bytes]:
        def wrapped(jobs: Sequence[TensorToCode]) -> bytes:
            changed = [job(replace(one, coding=coding(one.coding), history=history(one.history))) for one in jobs]
            return end(make(changed, tables=tables))

        return wrapped

    def decode_own(read: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(payload: bytes, codings: Sequence[TensorCoding], *, histories: Sequence[TensorHistory]) -> Any:
            return read(payload, [coding(one) for one in codings], histories=[history(one) for one in histories], tables=tables)

        return wrapped

    return (composer, "encode_codeword", encode), (composer, "decode_codeword", decode_own), UNCHECKED


def quantizer_changed(change: Callable[[np.ndarray, float, TensorCoding, np.ndarray], np.ndarray]) -> Wrap:
    """Wrap the quantizer: ``change`` gets values, step, coding and indexes."""

    def wrap(make: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        def wrapped(values: np.ndarray, step: float, coding: TensorCoding, **how: Any) -> np.ndarray:
            indexes = make(values, step, coding, **how)
            return change(np.asarray(values).reshape(-1), step, coding, indexes) if not coding.dq_flag else indexes

        return wrapped

    return quantizer, "quantize", wrap


def step_changed(change: Callable[[int, int, float], float]) -> tuple[Wrap, ...]:
    """Wrap the step by which the encoder divides; ``change`` gets density, qp and step."""

    def wrap(make: Callable[..., float]) -> Callable[..., float]:
        return lambda density, qp: change(density, qp, float(make(density, qp)))

    return ((encoder, "step_size", wrap),)


def design_changed(change: Callable[[Codebook, np.ndarray], tuple[Codebook, np.ndarray]]) -> tuple[Wrap, ...]:
    """Wrap the design of codebooks."""

    def wrap(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **how: change(*make(*given, **how))

    return (codebook, "design", wrap), UNCHECKED


def tensors_changed(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tensors], Tensors]:
    """Return a function that changes every tensor."""
    return lambda tensors: {name: change(array) for name, array in tensors.items()}


def names_changed(change: Callable[[str], str]) -> Callable[[Tensors], Tensors]:
    """Return a function that changes every name."""
    return lambda tensors: {change(name): array for name, array in tensors.items()}


def floats(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tensors], Tensors]:
    """Return a function that changes every tensor of floats."""
    return tensors_changed(lambda array: change(array).astype(array.dtype) if array.dtype.kind == "f" else array)


def ints(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Tensors], Tensors]:
    """Return a function that changes every tensor of integers."""
    return tensors_changed(lambda array: change(array).astype(array.dtype) if array.dtype.kind == "i" else array)


def table(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Tables:
    """Return the tables with one changed."""
    return DEFAULT._replace(**{name: change(getattr(DEFAULT, name).copy())})
