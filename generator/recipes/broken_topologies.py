"""Streams that break a rule of topologies, quantization data or aggregates (clause 6)."""

from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.editing import extended, header_of, set_to, unit_bytes
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.aggregates import with_entry_points
from nnc_conformance.generator.recipes.inferred import container, mask
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.generator.stored_blocks import deflate_bomb, deflate_stored
from nnc_conformance.reference.composer import aggregate_unit, quantization_unit, start_unit, topology_unit
from nnc_conformance.reference.syntax.structures.topology import (
    DEFLATE,
    NNR_TPL_BMSK,
    NNR_TPL_DICT,
    NNR_TPL_NNEF,
    NNR_TPL_UNREC,
    RAW,
)
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_TEXT = b"version 1.0;\ngraph g(x) -> (x) {}\n"
_DEFLATED = deflate_stored(_TEXT)
_TPL, _QNT = "topology_data", "quantization_data"


def topology(data: bytes, storage: int = NNR_TPL_NNEF, compression: int = RAW) -> list[Values]:
    """Build a stream with a topology and a tensor."""
    return [*opening(), topology_unit(storage, compression, {"topology_data": data}), small()]


def deflated(name: str, *, title: str, catches: str, data: bytes) -> Recipe:
    """Build the recipe of topology data that claims to be deflated and does not inflate.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        catches: The faults that it catches.
        data: The data.
    """
    return broken(
        "deflate",
        name,
        title=title,
        catches=catches,
        element=_TPL,
        units=topology(data, compression=DEFLATE),
    )


def aggregate(name: str, rule: str, *, title: str, catches: str, element: str, units: list[Values]) -> Recipe:
    """Build the recipe, of level inferred, of an aggregate that breaks a rule.

    Args:
        name: The end of the vector's id.
        rule: Id of the rule.
        title: The vector's title.
        catches: The faults that it catches.
        element: The element at fault.
        units: The stream's units.
    """
    return broken(
        rule,
        name,
        title=title,
        catches=catches,
        element=element,
        units=units,
        level=Level.INFERRED,
    )


def entry_points(change: int, unit_type_change: int = 0) -> list[Values]:
    """Build an aggregate of three units whose second entry is wrong.

    Args:
        change: Added to its nnr_unit_entry_point.
        unit_type_change: Added to its nnr_unit_type.
    """
    units = with_entry_points(opening(), [small("a"), small("b"), small("c")])
    entries = [dict(entry) for entry in units[-1]["nnr_unit_header"]["nnr_unit_entry"]]
    entries[1]["nnr_unit_entry_point"] += change
    entries[1]["nnr_unit_type"] += unit_type_change
    return [*units[:-1], header_of(units[-1], nnr_unit_entry=entries)]


def one_more(stream: bytes) -> bytes:
    """Change a written aggregate of two units so that it counts three.

    Return the stream. The third quant_bitdepth takes the bits of byte_alignment(), which moves
    behind it.
    """
    return set_to("num_of_nnr_units_minus2", 1)(set_to("byte_alignment", 0b100001, 1)(stream))


_CONTAINER = [*opening(), container(NNR_TPL_BMSK, prune=1, prune_bit_mask=mask(1, 0, 1)), small()]
_AGGREGATE = [*opening(), aggregate_unit([small("a"), small("b")])]
_INDEXED = [
    *opening(indexed_references=True),
    reference_list(["a", "b"]),
    container(NNR_TPL_DICT, prune=1, count_ids=1, pruned_element=[{"element_id_index": 2, "count_dims": 1, "dim": [2]}]),
]

RECIPES = (
    *(
        broken(
            "storage-format",
            f"tpl-{value}",
            title=f"topology_storage_format {value}",
            catches="A decoder that indexes a table by it.",
            element="topology_storage_format",
            units=topology(_TEXT, value),
        )
        for value in (7, 255)
    ),
    broken(
        "storage-format",
        "qnt-7",
        title="quantization_storage_format 7",
        catches="A decoder that indexes a table by it.",
        element="quantization_storage_format",
        units=[*opening(), quantization_unit(7, RAW, _TEXT), small()],
    ),
    *(
        broken(
            "compression-format",
            f"tpl-{value}",
            title=f"topology_compression_format {value}",
            catches="A decoder that takes it for deflate.",
            element="topology_compression_format",
            units=topology(_DEFLATED, compression=value),
        )
        for value in (2, 255)
    ),
    broken(
        "compression-format",
        "qnt-2",
        title="quantization_compression_format 2",
        catches="A decoder that takes it for deflate.",
        element="quantization_compression_format",
        units=[*opening(), quantization_unit(NNR_TPL_UNREC, 2, _DEFLATED), small()],
    ),
    *(
        broken(
            "rep-type",
            str(value),
            title=f"nnr_rep_type {value}",
            catches="A decoder that takes it for a dictionary.",
            element="nnr_rep_type",
            units=_CONTAINER,
            edit=set_to("nnr_rep_type", value),
        )
        for value in (2, 3)
    ),
    deflated(
        "garbage",
        title="Data that was never deflated",
        catches="A decoder that gives raw data out.",
        data=_TEXT,
    ),
    deflated(
        "empty",
        title="No bytes where deflated data should be",
        catches="A decoder that takes it for an empty topology.",
        data=b"",
    ),
    deflated(
        "cut",
        title="Deflated data that is cut",
        catches="A decoder that gives out what it has.",
        data=_DEFLATED[:-9],
    ),
    deflated(
        "no-checksum",
        title="Deflated data without its checksum",
        catches="A decoder that does not wait for the checksum.",
        data=_DEFLATED[:-4],
    ),
    deflated(
        "checksum",
        title="Deflated data with a wrong checksum",
        catches="A decoder that does not check.",
        data=_DEFLATED[:-1] + bytes([_DEFLATED[-1] ^ 1]),
    ),
    deflated(
        "dictionary",
        title="Deflated data that wants a dictionary",
        catches="A decoder that ignores the flag.",
        data=b"\x78\x20\x00\x00\x00\x00" + _DEFLATED[2:],
    ),
    deflated(
        "block-length",
        title="A stored block whose lengths disagree",
        catches="A decoder that does not check.",
        data=_DEFLATED[:3] + b"\x01" + _DEFLATED[4:],
    ),
    deflated(
        "trailing",
        title="Bytes after deflated data",
        catches="A decoder that ignores them.",
        data=_DEFLATED + b"\x01",
    ),
    deflated(
        "bomb",
        title="64 KiB that inflate to 64 MiB",
        catches="A decoder that inflates without a limit.",
        data=deflate_bomb(1 << 26),
    ),
    broken(
        "deflate",
        "qnt",
        title="Quantization data that does not inflate",
        catches="A decoder that inflates topologies only.",
        element=_QNT,
        units=[*opening(), quantization_unit(NNR_TPL_UNREC, DEFLATE, _TEXT), small()],
    ),
    aggregate(
        "aggregate",
        "aggregate-nest",
        title="An aggregate in an aggregate",
        catches="A decoder without a limit to its recursion.",
        element="nnr_unit_type",
        units=[*opening(), aggregate_unit([aggregate_unit([small("a"), small("b")]), small("c")])],
    ),
    aggregate(
        "str",
        "aggregate-nest",
        title="An NNR_STR in an aggregate",
        catches="A decoder that starts all over.",
        element="nnr_unit_type",
        units=[*opening(), aggregate_unit([start_unit(), small("b")])],
    ),
    *(
        aggregate(
            str(value),
            "aggregate-type",
            title=f"nnr_aggregate_unit_type {value}",
            catches="A decoder that does not look at the type.",
            element="nnr_aggregate_unit_type",
            units=[*opening(), header_of(_AGGREGATE[-1], nnr_aggregate_unit_type=value)],
        )
        for value in (1, 255)
    ),
    aggregate(
        "offset",
        "aggregate-entry",
        title="An entry point one byte off",
        catches="A decoder that enters units there.",
        element="nnr_unit_entry_point",
        units=entry_points(1),
    ),
    aggregate(
        "beyond",
        "aggregate-entry",
        title="An entry point beyond the aggregate",
        catches="A decoder that reads there.",
        element="nnr_unit_entry_point",
        units=entry_points(1 << 33),
    ),
    aggregate(
        "type",
        "aggregate-entry",
        title="An entry with another type",
        catches="A decoder that believes it.",
        element="nnr_unit_entry_point",
        units=entry_points(0, -1),
    ),
    broken(
        "unit-size-end",
        "aggregate-count",
        title="An aggregate with fewer units than it counts",
        catches="A decoder that reads on behind it.",
        element="num_of_nnr_units_minus2",
        units=_AGGREGATE,
        edit=one_more,
        level=Level.INFERRED,
    ),
    broken(
        "payload-end",
        "aggregate-count",
        title="An aggregate with more units than it counts",
        catches="A decoder that decodes them all the same.",
        element="num_of_nnr_units_minus2",
        units=_AGGREGATE,
        edit=extended(unit_bytes(small("c"))),
        level=Level.INFERRED,
    ),
    aggregate(
        "aggregate-reserved",
        "reserved-bits",
        title="Reserved bits of an aggregate",
        catches="A decoder that reads flags there.",
        element="nnr_reserved_zero_7bits",
        units=[*opening(), header_of(_AGGREGATE[-1], nnr_reserved_zero_7bits=3)],
    ),
    broken(
        "reserved-bits",
        "pruning",
        title="Reserved bits of a pruning container",
        catches="A decoder that reads flags there.",
        element="nnr_reserved_zero_3bits",
        units=_CONTAINER,
        edit=set_to("nnr_reserved_zero_3bits", 5),
        level=Level.INFERRED,
    ),
    broken(
        "index-range",
        "dictionary",
        title="A dictionary with an index beyond the list",
        catches="A decoder that checks data units only.",
        element="element_id_index",
        units=_INDEXED,
        level=Level.INFERRED,
    ),
)
