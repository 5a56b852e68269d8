"""The disputed points, with a named switch for each.

On these, published codecs and the standard's text differ.

The first choice of each switch is the default. Nothing else in the package guesses: code that
depends on a disputed point asks the `Interpretation` it was given.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Final

from nnc_conformance.reference.errors import unknown


class Choice(Enum):
    """A choice of a switch; the value is the name that commands and reports use."""


class MapEntries(Choice):
    """Entries of a performance map's outer loop."""

    COUNT = "count"
    COUNT_MINUS_1 = "count-minus-1"


class UnificationClassLoop(Choice):
    """The bound of the class loop in the unification map."""

    COUNT_CLASSES = "upm_count_classes"
    CLASS_BITMASK = "upm_class_bitmask"


class IntDqFlag(Choice):
    """The effect of dq_flag in an NNR_PT_INT payload."""

    APPLIES = "applies"
    IGNORED = "ignored"


class ColumnBlockScan(Choice):
    """The block scan of an N x 1 tensor with several block rows."""

    AS_MATRIX = "as-any-matrix"
    AS_SCAN_0 = "as-scan-0"


class DataFormat(Choice):
    """The effect of nnr_decompressed_data_format."""

    CONVERTS = "converts"
    IGNORED = "ignored"


class PlainProduct(Choice):
    """Arithmetic of index * step without a codebook."""

    BINARY32 = "binary32"
    BINARY64 = "binary64"


class CodebookProduct(Choice):
    """Arithmetic of codebook value * step."""

    BINARY64 = "binary64"
    BINARY32 = "binary32"


class DataString(Choice):
    """The descriptor of topology_data and quantization_data."""

    BS = "bs"
    ST = "st"


class AlignmentBits(Choice):
    """Whether a reader checks the bits after byte_alignment()'s 1."""

    ANY = "any"
    CHECKED = "checked"


class DimensionsCount0(Choice):
    """What count_tensor_dimensions 0 means."""

    REFUSED = "refused"
    ONE_ELEMENT = "one-element"


class ZeroProduct(Choice):
    """The product of 0 and a step beyond the range of its arithmetic."""

    NAN = "nan"
    ZERO = "zero"


_2024: Final = {"edition": 2024}
"""Metadata of a switch that only streams of the second edition depend on."""


class PreFlag(Choice):
    """The effect of nnr_pre_flag."""

    SUM = "sum"
    RESIDUAL = "residual"


class DimensionShift(Choice):
    """The effect of first_tensor_dimension_shift."""

    AS_CODED = "as-coded"
    MOVES = "moves"


class ParentId(Choice):
    """The effect of parent_device_id and of the digests of a parent."""

    IGNORED = "ignored"
    IDENTIFIES = "identifies"


class SkippedStretch(Choice):
    """How far the trellis steps over the part of a skipped row in a block."""

    ROW_WIDTH = "row-width"
    SKIPPED_INDEXES = "skipped-indexes"


class CodebookGreaterSets(Choice):
    """The number of parameter-set flags that a codebook leaves to abs_level_greater_x."""

    ONE_MORE = "one-more"
    POSSIBLE_BINS = "possible-bins"


class CodebookPrefixSets(Choice):
    """The number of parameter-set flags that a codebook leaves to abs_level_greater_x2."""

    ONE_MORE = "one-more"
    POSSIBLE_BINS = "possible-bins"


class CodebookDq(Choice):
    """The meaning of a codebook together with dq_flag."""

    LIMIT_BEFORE_DOUBLING = "limit-before-doubling"
    REFUSED = "refused"


class HdspHistory(Choice):
    """Which data units the history of HDSP counts."""

    UPDATE_STREAMS = "update-streams"
    CHAIN_OF_PARENTS = "chain-of-parents"


class TcaBase(Choice):
    """Which indexes are the base of TCA."""

    LAST = "last"
    NAMED = "named"


class TcaWithoutParent(Choice):
    """Behaviour of a decoder for TCA without a known parent."""

    REFUSED = "refused"
    OFF = "off"


class RawFloatTca(Choice):
    """Effect of temporal_context_modeling_flag 1 in a RAW_FLOAT."""

    REFUSED = "refused"
    IGNORED = "ignored"


class RawFloatNode(Choice):
    """Whether a RAW_FLOAT becomes the tensor's last node."""

    KEEPS_THE_NODE = "keeps-the-node"
    IS_A_NODE = "is-a-node"


class ParentWithoutNodeId(Choice):
    """Whether parent ids of type 0 may stand in units without a node id."""

    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Interpretation:
    """One choice for each disputed point.

    Every field is a switch, with the first choice as its default.
    """

    map_entries: MapEntries = MapEntries.COUNT
    unification_class_loop: UnificationClassLoop = UnificationClassLoop.COUNT_CLASSES
    int_dq_flag: IntDqFlag = IntDqFlag.APPLIES
    column_block_scan: ColumnBlockScan = ColumnBlockScan.AS_MATRIX
    data_format: DataFormat = DataFormat.CONVERTS
    plain_product: PlainProduct = PlainProduct.BINARY32
    codebook_product: CodebookProduct = CodebookProduct.BINARY64
    data_string: DataString = DataString.BS
    alignment_bits: AlignmentBits = AlignmentBits.ANY
    dimensions_count_0: DimensionsCount0 = DimensionsCount0.REFUSED
    zero_product: ZeroProduct = ZeroProduct.NAN
    pre: PreFlag = field(default=PreFlag.SUM, metadata=_2024)
    dimension_shift: DimensionShift = field(default=DimensionShift.AS_CODED, metadata=_2024)
    parent_id: ParentId = field(default=ParentId.IGNORED, metadata=_2024)
    skipped_stretch: SkippedStretch = field(default=SkippedStretch.ROW_WIDTH, metadata=_2024)
    codebook_greater_sets: CodebookGreaterSets = field(default=CodebookGreaterSets.ONE_MORE, metadata=_2024)
    codebook_prefix_sets: CodebookPrefixSets = field(default=CodebookPrefixSets.ONE_MORE, metadata=_2024)
    codebook_dq: CodebookDq = field(default=CodebookDq.LIMIT_BEFORE_DOUBLING, metadata=_2024)
    hdsp_history: HdspHistory = field(default=HdspHistory.UPDATE_STREAMS, metadata=_2024)
    tca_base: TcaBase = field(default=TcaBase.LAST, metadata=_2024)
    tca_without_parent: TcaWithoutParent = field(default=TcaWithoutParent.REFUSED, metadata=_2024)
    raw_float_tca: RawFloatTca = field(default=RawFloatTca.REFUSED, metadata=_2024)
    raw_float_node: RawFloatNode = field(default=RawFloatNode.KEEPS_THE_NODE, metadata=_2024)
    parent_without_node_id: ParentWithoutNodeId = field(default=ParentWithoutNodeId.ALLOWED, metadata=_2024)

    def __post_init__(self) -> None:
        """Turn choices given as text into members; raise `ValueError` for another choice."""
        for name, choices in self.switches(2024).items():
            choice = getattr(self, name)
            try:
                object.__setattr__(self, name, choices(choice))
            except ValueError:
                known = (str(each.value) for each in choices)
                raise ValueError(unknown(f"choice of {name}", choice, known)) from None

    @classmethod
    def switches(cls, edition: int = 2022) -> dict[str, type[Choice]]:
        """Return the choices of each switch that streams of an edition can depend on.

        Args:
            edition: 2022 for the points of the first edition, 2024 for all.
        """
        return {field.name: type(field.default) for field in fields(cls) if field.metadata.get("edition", 2022) <= edition}  # type: ignore[misc]

    def one_changed(self) -> Iterator[tuple[str, Choice, "Interpretation"]]:
        """Yield each interpretation that differs at one disputed point, with its switch and choice."""
        for switch, choices in self.switches(2024).items():
            for choice in choices:
                if getattr(self, switch) is not choice:
                    changed: dict[str, Any] = {switch: choice}
                    yield switch, choice, replace(self, **changed)

    @classmethod
    def parse(cls, settings: dict[str, str]) -> "Interpretation":
        """Build from names, as commands give them.

        Raise `ValueError` for an unknown switch or choice.
        """
        switches = cls.switches(2024)
        for name in settings:
            if name not in switches:
                raise ValueError(unknown("disputed point", name, switches))
        arguments: dict[str, Any] = dict(settings)
        return cls(**arguments)
