"""What the reference decoder met in a stream: the elements, and what follows from them for a vector's description."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.decoder import Decoding
from nnc_conformance.reference.entropy.coding import BinTrace
from nnc_conformance.reference.entropy.contexts import element_name
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.payload import DataUnitDecoder
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import Unit
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reference.syntax.recorder import data_units
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reference.syntax.structures.data_unit import DC, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_PRUN, NNR_TPL_REFLIST, NNR_TPL_TEF
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_LPS, NNR_QNT
from nnc_conformance.reference.syntax.walker import Element

Met = Mapping[str, list[Any]]
"""Values met in one unit, by element name."""

_NEW_FORMATS: Final = range(2, 10)
INT32_FORMAT: Final = 0
FLOAT32_FORMAT: Final = 1


def _any(element: str, test: Callable[[Any], bool] = bool) -> Callable[[Met], bool]:
    return lambda met: any(test(value) for value in met.get(element, ()))


def _is(element: str, wanted: int) -> Callable[[Met], bool]:
    return _any(element, lambda value: value == wanted)


_PAYLOAD_TYPE: Final = "nnr_compressed_data_unit_payload_type"
_DECOMPOSED: Final = _any("compressed_parameter_types", lambda value: bool(value & DC))

_MAP_FLAGS: Final = ("sparsification_flag", "pruning_flag", "unification_flag", "decomposition_performance_map_flag")

SIGNS: Final[dict[str, Callable[[Met], bool]]] = {
    "int": _is(_PAYLOAD_TYPE, NNR_PT_INT),
    "float": _is(_PAYLOAD_TYPE, NNR_PT_FLOAT),
    "raw-float": _is(_PAYLOAD_TYPE, NNR_PT_RAW_FLOAT),
    "block": _is(_PAYLOAD_TYPE, NNR_PT_BLOCK),
    "block-dc": _DECOMPOSED,
    "dq": _any("dq_flag"),
    "codebook": _any("codebook_present_flag"),
    "block-scan": _any("scan_order"),
    "lps": _is("nnr_unit_type", NNR_LPS),
    "qnt": _is("nnr_unit_type", NNR_QNT),
    "aggregate": _is("nnr_unit_type", NNR_AGG),
    "topology": _any("topology_storage_format", lambda value: value <= NNR_TPL_TEF),
    "deflate": lambda met: _is("topology_compression_format", DEFLATE)(met) or _is("quantization_compression_format", DEFLATE)(met),
    "pruning": _is("topology_storage_format", NNR_TPL_PRUN),
    "indexed-reference": lambda met: (
        _is("topology_storage_format", NNR_TPL_REFLIST)(met) or _any("mps_topology_indexed_reference_flag")(met)
    ),
    "performance-map": lambda met: any(_any(f"{set_}_{kind}")(met) for set_ in ("mps", "lps") for kind in _MAP_FLAGS),
    "data-format": _any("nnr_decompressed_data_format_present_flag"),
    "partial-data": _any("partial_data_counter_present_flag"),
    "multiple-elements": lambda met: "concatentation_axis_index" in met,
}
"""How each capability of `storage.vector.CAPABILITIES` shows in a unit."""

INFERRED: Final[dict[str, Callable[[Met], bool]]] = {
    "which codebook of a decomposed block belongs to G": lambda met: (
        _is(_PAYLOAD_TYPE, NNR_PT_BLOCK)(met) and _DECOMPOSED(met) and _any("codebook_present_flag")(met)
    ),
    "dimensions of a G or H sent singly": lambda met: not _is(_PAYLOAD_TYPE, NNR_PT_BLOCK)(met) and _DECOMPOSED(met),
    "an LPS without a qp leaves the MPS's in force": lambda met: (
        "lps_quantization_method_flags" in met and "lps_quantization_parameter" not in met
    ),
    "lps_self_contained_flag frees from the MPS": _any("lps_self_contained_flag"),
    "how partial data is joined": _any("partial_data_counter"),
    "conversion to a decompressed data format": lambda met: (
        _any("nnr_decompressed_data_format", lambda value: value in _NEW_FORMATS)(met)
        or (_is(_PAYLOAD_TYPE, NNR_PT_INT)(met) and _is("nnr_decompressed_data_format", FLOAT32_FORMAT)(met))
        or (not _is(_PAYLOAD_TYPE, NNR_PT_INT)(met) and _is("nnr_decompressed_data_format", INT32_FORMAT)(met))
    ),
}
"""Meanings that are inferred though all their elements are not, and how each shows in a unit."""

_WEIGHT: Final = {Provenance.OWN: 0, Provenance.VERIFIED: 0, Provenance.PUBLISHED: 1, Provenance.INFERRED: 2}


def weakest(*sources: Provenance) -> Provenance:
    """The least certain of several sources."""
    return max(sources, key=_WEIGHT.__getitem__)


@dataclass
class Facts:
    """Elements met, those of each unit by its number, the units that were whole, and the error that ended it, if any."""

    elements: list[Element] = field(default_factory=list)
    by_unit: dict[int, dict[str, list[Any]]] = field(default_factory=dict)
    units: list[Unit] = field(default_factory=list)
    entropy_elements: set[str] = field(default_factory=set)
    error: StreamError | None = None

    def note(self, element: Element) -> None:
        """Takes in one element."""
        self.elements.append(element)
        self.by_unit.setdefault(element.unit, {}).setdefault(element.name, []).append(element.value)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all elements met, sorted."""
        return tuple(sorted({element.name for element in self.elements} | self.entropy_elements))

    @property
    def flags(self) -> tuple[str, ...]:
        """The capabilities that the stream needs, sorted."""
        return tuple(sorted(flag for flag, shows in SIGNS.items() if any(map(shows, self.by_unit.values()))))

    @property
    def inferred(self) -> tuple[str, ...]:
        """The inferred meanings that the stream needs."""
        return tuple(meaning for meaning, shows in INFERRED.items() if any(map(shows, self.by_unit.values())))

    @property
    def provenance_of_elements(self) -> Provenance:
        """The weakest source among the elements met, and the one at which an error ended it, whatever they mean."""
        last = () if self.error is None else (self.error.place.element.partition("[")[0],)
        return weakest(Provenance.VERIFIED, *(ELEMENTS[name].provenance for name in (*self.names, *last)))

    @property
    def provenance(self) -> Provenance:
        """The weakest source among all that was met."""
        return weakest(self.provenance_of_elements, *(Provenance.INFERRED for _ in self.inferred))


def met_in(stream: bytes, *, lenient: bool = False) -> Facts:
    """Decodes a stream with every element and bin observed, up to its end or its first error."""
    facts = Facts()
    payloads = DataUnitDecoder(Interpretation(), lenient, 1, [], "plain")
    decoding = Decoding(DecodeLimits(), payloads)
    units = read_units(
        stream, decoding.context(), interpretation=Interpretation(), lenient=lenient, observer=facts.note, reports=payloads.reports
    )  # fmt: skip
    try:
        for unit in units:
            facts.units.append(unit)
            for data_unit in data_units(unit):
                trace = BinTrace()
                decoding.take_data(data_unit, data_unit.facts, trace)
                facts.entropy_elements |= elements_in(trace)
    except StreamError as error:
        facts.error = error
    return facts


def elements_in(trace: BinTrace) -> set[str]:
    """Names of the entropy coder's elements among the bins of a codeword."""
    starts = [*trace.first_events, len(trace.events)]
    names = set()
    for number, layout in enumerate(trace.layouts):
        met = np.unique(trace.events[starts[number] : starts[number + 1], 1])
        names |= {element_name(layout, int(element)).partition("[")[0] for element in met}
    return names
