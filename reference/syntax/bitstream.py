"""The whole bitstream: a sequence of units, read one at a time or written."""

from collections.abc import Iterator

from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.reader import Reader
from nnc_conformance.reference.syntax.rules import Enforcement
from nnc_conformance.reference.syntax.structures.unit import Unit, nnr_unit
from nnc_conformance.reference.syntax.walker import Observer, Values
from nnc_conformance.reference.syntax.writer import Writer


def read_units(
    stream: bytes,
    context: StreamContext,
    *,
    interpretation: Interpretation,
    rules: Enforcement | None = None,
    observer: Observer | None = None,
) -> Iterator[Unit]:
    """Yield the units of a stream in order, an aggregate with the units in it.

    Raise `StreamError`.

    Args:
        stream: The bitstream.
        context: The state that units leave behind, up to date with each unit when it is yielded.
        interpretation: One choice for each disputed point.
        rules: Decides what becomes of broken rules; strict if None.
        observer: Called with each element.
    """
    reader = Reader(stream, interpretation=interpretation, rules=rules, observer=observer)
    reader.require("first-unit", len(stream) > 0, "an empty stream")
    index = 0
    while reader.bytes_left():
        yield nnr_unit(reader, context, index)
        reader.values.clear()
        index += 1
    reader.require("partial-order", context.partial is None, "the stream ends within a set of partial data units")


def write_units(
    units: list[Values],
    *,
    context: StreamContext | None = None,
    interpretation: Interpretation | None = None,
    enforce: bool = True,
    observer: Observer | None = None,
) -> bytes:
    """Write units, each the `Values` of an nnr_unit(); raise `EncodeError` for broken rules.

    The values are ``nnr_unit_header`` and ``nnr_unit_payload``. With ``enforce`` False a stream
    that breaks rules is written all the same.
    """
    context = StreamContext() if context is None else context
    writer = Writer(
        {"nnr_unit": units}, interpretation=interpretation or Interpretation(), enforce=enforce, observer=observer
    )  # fmt: skip
    for index in range(len(units)):
        nnr_unit(writer, context, index)
    return bytes(writer.bits.buffer)
