"""Spectrum of a stream: the values of each syntax element in it.

They are as the reference decodes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from nnc_conformance.generator.coverage.choices import PARAMETER_TYPES
from nnc_conformance.generator.coverage.classes import classes_of, float_classes
from nnc_conformance.generator.coverage.contexts import INDEX, STATE, by_context
from nnc_conformance.generator.coverage.events import engine_events, entropy_values
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.driver import RecordedCodeword, Watcher, record
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.syntax.walker import Element
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.suite_folder import StoredVector

MASKS = {"compressed_parameter_types": {f"with {name}": bit for name, bit in PARAMETER_TYPES.items()}}
"""Elements whose bits have a meaning of their own, with labels for these."""
CONSEQUENCES = {"nnr_unit_size", "IvlOffset", "cabac_offset_list", "bit_offset_delta1", "bit_offset_delta2"}
"""Elements whose values only follow from the rest of the stream, so that they say nothing."""
LPS_RANGE_TABLE = "lps_range_table"
"""Treated like an element: a decoder may have a wrong entry in this table of the coder."""
CONTEXT_STATE = "context_state"
"""Treated like an element: how far contexts adapt, by the magnitude of 16 * S0 + S1 and by the bins
that one context codes.
"""
HALVED = {"codebook_size"}
"""Elements of which the standard takes the half, so that a decoder may round it wrongly."""


@dataclass
class Extent:
    """Values of an element in a stream: their classes, the least and the greatest.

    For strings, least and greatest are their lengths in characters.
    """

    classes: set[str] = field(default_factory=set)
    least: int | None = None
    greatest: int | None = None

    def take(self, value: int) -> None:
        """Widen the extent to ``value``."""
        self.least = value if self.least is None else min(self.least, value)
        self.greatest = value if self.greatest is None else max(self.greatest, value)


SPECTRA_KEPT: Final = 1 << 12
"""Spectra that are kept, since decoders of a run, and runs of a process, share vectors."""
Spectrum = Mapping[str, Extent]
"""Extent of each element of a stream, by the element's name."""


class _Meter(Watcher):
    """Watcher that collects the extents."""

    def __init__(self) -> None:
        self.extents: dict[str, Extent] = {}

    def element(self, element: Element) -> None:
        """Add the value of an element of the high-level syntax to the element's extent."""
        name, value = element.name, element.value
        if name == "raw_float32_parameter":
            self._take(name, float_classes(np.frombuffer(value[: len(value) & ~3], dtype="<f4")))
            return
        descriptor = "u(1)" if element.descriptor == "u(1)[]" else element.descriptor
        extent = self._take(name, classes_of(name, descriptor).of(value))
        extent.classes.update(label for label, bit in MASKS.get(name, {}).items() if value & bit)
        if element.index:
            extent.classes.add("after the first entry")
        if name in HALVED:
            extent.classes.add("odd" if value & 1 else "even")
        if isinstance(value, int) and name not in CONSEQUENCES:
            extent.take(value)
        elif isinstance(value, str):
            extent.take(len(value))

    def _take(self, name: str, classes: Iterable[str]) -> Extent:
        extent = self.extents.setdefault(name, Extent())
        extent.classes.update(classes)
        return extent

    def data_unit(self, unit: Unit, header: DataUnitHeader, codeword: RecordedCodeword | None) -> None:
        """Add the values of all elements of a codeword to their extents."""
        if codeword is None:
            return
        bins = codeword.trace.events
        for key in engine_events(bins):
            if key.subject.startswith(LPS_RANGE_TABLE):
                row, column = key.subject.removeprefix(LPS_RANGE_TABLE).strip(), key.case.partition(",")[0]
                self._take(LPS_RANGE_TABLE, [f"{row}, {column}"])
        starts = [*codeword.trace.first_events, len(bins)]
        for number, coding in enumerate(codeword.codings[: len(starts) - 1]):
            own = bins[starts[number] : starts[number + 1]]
            if len(own):
                self._adaptation(own, coding)
                for name, descriptor, value, _ in entropy_values(own, coding, first=number == 0):
                    self._take(name, () if name in CONSEQUENCES else classes_of(name, descriptor).of(value))
                    if name not in CONSEQUENCES:
                        self.extents[name].take(int(value))

    def _adaptation(self, events: IntArray, coding: TensorCoding) -> None:
        """Add how far the contexts of a tensor adapt, as the element `CONTEXT_STATE`.

        Its classes are numbers of bins of one context, its values the magnitudes of states.

        Args:
            events: The recorded bins of the tensor, a row each.
            coding: Its coding.
        """
        context, bins = by_context(events[events[:, INDEX] >= 0], coding)
        if not len(bins):
            return
        most = int(np.unique(context, return_counts=True)[1].max())
        extent = self._take(CONTEXT_STATE, (f"{1 << n} or more bins of one context" for n in range(most.bit_length())))
        extent.take(int(np.abs(bins[:, STATE]).max()))


@lru_cache(maxsize=SPECTRA_KEPT)
def kept_spectrum(stored: StoredVector) -> Spectrum:
    """Return which elements, with which values, a vector's streams have.

    The result is kept, so that a process decodes a vector once. Raises `SuiteError` or `ModelError`
    if a stream cannot be read.
    """
    return spectrum_of(*stored.streams())


def spectrum_of(*streams: bytes) -> Spectrum:
    """Return which elements, with which values, a strict decode of streams meets.

    Several streams are those of a session, up to the first that is refused.
    """
    meter = _Meter()
    base = BaseModel() if len(streams) > 1 else None
    for stream in streams:
        if record(stream, meter, base=base) is not None:
            break
        if base is not None:
            base = decode(stream, base=base).model
    return meter.extents
