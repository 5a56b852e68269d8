"""The disputed points: where published codecs and the text's facts differ, one named switch each.

The first choice of each switch is the default. Nothing else in the package guesses: code that depends on a disputed
point asks the `Interpretation` it was given.
"""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from nnc_conformance.reference.errors import unknown


class Choice(Enum):
    """A choice of a switch; the value is the name that commands and reports use."""


class MapEntries(Choice):
    """Entries of a performance map's outer loop."""

    COUNT = "count"
    COUNT_MINUS_1 = "count-minus-1"


class UnificationClassLoop(Choice):
    """What bounds the class loop of the unification map."""

    COUNT_CLASSES = "upm_count_classes"
    CLASS_BITMASK = "upm_class_bitmask"


class IntDqFlag(Choice):
    """What dq_flag does in an NNR_PT_INT payload."""

    APPLIES = "applies"
    IGNORED = "ignored"


class ColumnBlockScan(Choice):
    """How a block scan goes over an N x 1 tensor with several block rows."""

    AS_MATRIX = "as-any-matrix"
    AS_SCAN_0 = "as-scan-0"


class DataFormat(Choice):
    """What nnr_decompressed_data_format does."""

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


@dataclass(frozen=True)
class Interpretation:
    """One choice for each disputed point; every field is a switch, its default the sheet's."""

    map_entries: MapEntries = MapEntries.COUNT
    unification_class_loop: UnificationClassLoop = UnificationClassLoop.COUNT_CLASSES
    int_dq_flag: IntDqFlag = IntDqFlag.APPLIES
    column_block_scan: ColumnBlockScan = ColumnBlockScan.AS_MATRIX
    data_format: DataFormat = DataFormat.CONVERTS
    plain_product: PlainProduct = PlainProduct.BINARY32
    codebook_product: CodebookProduct = CodebookProduct.BINARY64
    data_string: DataString = DataString.BS
    alignment_bits: AlignmentBits = AlignmentBits.ANY

    @classmethod
    def switches(cls) -> dict[str, type[Choice]]:
        """Each switch's name with the enumeration of its choices, in the order of the sheet."""
        return {field.name: type(field.default) for field in fields(cls)}  # type: ignore[misc]

    @classmethod
    def parse(cls, settings: dict[str, str]) -> "Interpretation":
        """Builds from names, as commands give them; raises `ValueError` for an unknown switch or choice."""
        switches, chosen = cls.switches(), {}
        for name, choice in settings.items():
            if name not in switches:
                raise ValueError(unknown("disputed point", name, switches))
            try:
                chosen[name] = switches[name](choice)
            except ValueError:
                known = (str(c.value) for c in switches[name])
                raise ValueError(unknown(f"choice of {name}", choice, known)) from None
        arguments: dict[str, Any] = chosen
        return cls(**arguments)
