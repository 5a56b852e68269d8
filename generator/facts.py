"""Facts that the reference decoder met in a stream.

Parts of a vector's description follow from them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.decoder import Collector, Decoded, decode
from nnc_conformance.reference.driver import Driver, RecordedCodeword
from nnc_conformance.reference.entropy.coding import BinTrace
from nnc_conformance.reference.entropy.contexts import HDSP_FLAG, ROW_SKIP_FLAG, element_name
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.syntax.context import SECOND_EDITION_PROFILE
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reference.syntax.structures.data_unit import (
    DC,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    DataUnitHeader,
)
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_PRUN, NNR_TPL_REFLIST, NNR_TPL_TEF
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_LPS, NNR_QNT, Unit
from nnc_conformance.reference.syntax.walker import Element
from nnc_conformance.reference.updates.base_model import BaseModel

Met = Mapping[str, list[Any]]
"""Values met in one unit, by element name."""

_NEW_FORMATS: Final = range(2, 10)
INT32_FORMAT: Final = 0
FLOAT32_FORMAT: Final = 1
"""Values of nnr_decompressed_data_format for int32 and float32."""


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
    "second-edition": _is("general_profile_idc", SECOND_EDITION_PROFILE),
    "updates": _any("mps_parent_signalling_enabled_flag"),
    "tca": _any("temporal_context_modeling_flag"),
    "pre": _any("nnr_pre_flag"),
    "dimension-shift": _any("first_tensor_dimension_shift"),
}
"""How capabilities of `storage.vector.CAPABILITIES` show in the high-level syntax of a unit."""

ENTROPY_SIGNS: Final = {ROW_SKIP_FLAG: "row-skip", HDSP_FLAG: "hdsp"}
"""The flags of the entropy coder that show a capability if they are 1."""

INFERRED: Final[dict[str, Callable[[Met], bool]]] = {
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
    """Return the least certain of several sources."""
    return max(sources, key=_WEIGHT.__getitem__)


class Facts(Collector):
    """A watcher that collects what a vector's description needs of its stream.

    Attributes:
        elements: Elements of the high-level syntax in order.
        by_unit: Values by element name, for each unit by its number.
        units: Units read whole, an aggregate without those in it.
        entropy_elements: Names of the entropy coder's elements in the codewords that were decoded.
        entropy_flags: Capabilities that flags of the entropy coder turn on.
        decoded: What the stream decodes to; None if an error ends it.
        error: The error that ends the decode, if any.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.by_unit: dict[int, dict[str, list[Any]]] = {}
        self.units: list[Unit] = []
        self.entropy_elements: set[str] = set()
        self.entropy_flags: set[str] = set()
        self.decoded: Decoded | None = None
        self.error: StreamError | None = None

    def element(self, element: Element) -> None:
        """Keep an element."""
        self.elements.append(element)
        self.by_unit.setdefault(element.unit, {}).setdefault(element.name, []).append(element.value)

    def unit(self, unit: Unit, depth: int) -> None:
        """Keep a unit of the stream itself."""
        if depth == 0:
            self.units.append(unit)

    def data_unit(self, unit: Unit, header: DataUnitHeader, codeword: RecordedCodeword | None) -> None:
        """Keep the names of a decoded codeword's elements, and the flags read of any codeword."""
        if codeword is not None and codeword.decoded:
            self.entropy_elements |= elements_in(codeword.trace)
        if codeword is not None:
            self.entropy_flags |= flags_in(codeword.trace)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all elements met, sorted."""
        return tuple(sorted({element.name for element in self.elements} | self.entropy_elements))

    @property
    def flags(self) -> tuple[str, ...]:
        """The capabilities that the stream needs, sorted."""
        shown = {flag for flag, shows in SIGNS.items() if any(map(shows, self.by_unit.values()))}
        return tuple(sorted(shown | self.entropy_flags))

    @property
    def inferred(self) -> tuple[str, ...]:
        """The inferred meanings that the stream needs."""
        return tuple(meaning for meaning, shows in INFERRED.items() if any(map(shows, self.by_unit.values())))

    @property
    def provenance_of_elements(self) -> Provenance:
        """The weakest source among the elements met.

        That of the element at which an error ended the stream counts, too.
        """
        last = () if self.error is None else (self.error.place.element.partition("[")[0],)
        return weakest(Provenance.VERIFIED, *(ELEMENTS[name].provenance for name in (*self.names, *last)))

    @property
    def provenance(self) -> Provenance:
        """The weakest source among all that was met."""
        return weakest(self.provenance_of_elements, *(Provenance.INFERRED for _ in self.inferred))


@dataclass(frozen=True)
class SessionFacts:
    """What the streams of a vector meet together.

    Attributes:
        steps: The facts of each stream, up to the first that ends with an error.
    """

    steps: tuple[Facts, ...]

    @property
    def last(self) -> Facts:
        """The facts of the last stream."""
        return self.steps[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all elements met, sorted."""
        return _all_of(step.names for step in self.steps)

    @property
    def flags(self) -> tuple[str, ...]:
        """The capabilities that the streams need, sorted."""
        return _all_of(step.flags for step in self.steps)

    @property
    def inferred(self) -> tuple[str, ...]:
        """The inferred meanings that the streams need, sorted."""
        return _all_of(step.inferred for step in self.steps)

    @property
    def provenance_of_elements(self) -> Provenance:
        """The weakest source among the elements met."""
        return weakest(*(step.provenance_of_elements for step in self.steps))

    @property
    def provenance(self) -> Provenance:
        """The weakest source among all that was met."""
        return weakest(*(step.provenance for step in self.steps))


def _all_of(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for some in names for name in some}))


def met_in(stream: bytes, *, lenient: bool = False, base: BaseModel | None = None) -> Facts:
    """Decode a stream once and return all that it meets.

    Decoding ends at its end or its first error.

    Args:
        stream: The stream.
        lenient: Forgive broken rules of policy ``may``.
        base: The model before the stream; None decodes it without any.
    """
    facts = Facts()
    driver = Driver(stream, facts, DecoderOptions(lenient=lenient, kernel="plain", base=base))
    try:
        driver.run()
        facts.decoded = facts.content(driver)
    except StreamError as error:
        facts.error = error
    return facts


def met_in_session(streams: Sequence[bytes], *, lenient: bool = False, base: BaseModel | None) -> SessionFacts:
    """Decode streams in order, each once, and return all that they meet.

    Decoding ends at the first error.

    Args:
        streams: The streams.
        lenient: Forgive broken rules of policy ``may`` in the last stream.
        base: The model before the first stream; None keeps no history between streams.
    """
    steps: list[Facts] = []
    for number, stream in enumerate(streams):
        facts = met_in(stream, lenient=lenient and number == len(streams) - 1, base=base)
        steps.append(facts)
        if facts.decoded is None:
            break
        base = facts.decoded.model
    return SessionFacts(tuple(steps))


def decoded_steps(
    streams: Sequence[bytes], interpretation: Interpretation, *, base: BaseModel | None, lenient: bool = False
) -> tuple[list[Decoded], StreamError | None]:
    """Decode streams in order.

    Return what the good ones give, and the error that ends them.

    Args:
        streams: The streams.
        interpretation: One choice for each disputed point.
        base: The model before the first stream; None keeps no history between streams.
        lenient: Forgive broken rules of policy ``may`` in the last stream.
    """
    steps: list[Decoded] = []
    for number, stream in enumerate(streams):
        last = number == len(streams) - 1
        try:
            steps.append(decode(stream, interpretation=interpretation, base=base, lenient=lenient and last))
        except StreamError as error:
            return steps, error
        base = steps[-1].model
    return steps, None


def flags_in(trace: BinTrace) -> set[str]:
    """Return the capabilities that the flags in a codeword turn on."""
    on = trace.events[trace.events[:, 2] == 1][:, 1].tolist()
    return {flag for element, flag in ENTROPY_SIGNS.items() if element in on}


def elements_in(trace: BinTrace) -> set[str]:
    """Return the entropy coder's elements among the bins of a codeword, by name."""
    starts = [*trace.first_events, len(trace.events)]
    names = set()
    for number, layout in enumerate(trace.layouts):
        met = np.unique(trace.events[starts[number] : starts[number + 1], 1])
        names |= {element_name(layout, int(element)).partition("[")[0] for element in met}
    return names
