"""Streams that break a rule of topologies, quantization data and aggregates (clause 6)."""

from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.negative import broken, extended, header_of, set_to, unit_bytes
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
    """A stream with a topology and a tensor."""
    return [*opening(), topology_unit(storage, compression, {"topology_data": data}), small()]


def deflated(name: str, title: str, catches: str, data: bytes) -> Recipe:
    """A deflated topology that does not inflate."""
    return broken("deflate", name, title, catches, _TPL, topology(data, compression=DEFLATE))


def aggregate(name: str, rule: str, title: str, catches: str, about: str, units: list[Values]) -> Recipe:
    """An aggregate that breaks a rule."""
    return broken(rule, name, title, catches, about, units, level=Level.INFERRED)


def entry_points(change: int, unit_type_change: int = 0) -> list[Values]:
    """An aggregate whose second entry is wrong."""
    units = with_entry_points(opening(), [small("a"), small("b"), small("c")])
    entries = [dict(entry) for entry in units[-1]["nnr_unit_header"]["nnr_unit_entry"]]
    entries[1]["nnr_unit_entry_point"] += change
    entries[1]["nnr_unit_type"] += unit_type_change
    return [*units[:-1], header_of(units[-1], nnr_unit_entry=entries)]


def one_more(stream: bytes) -> bytes:
    """Counts a third unit in an aggregate of two: its quant_bitdepth comes from the bits of byte_alignment(), which moves behind it."""
    return set_to("num_of_nnr_units_minus2", 1)(set_to("byte_alignment", 0b100001, 1)(stream))


_CONTAINER = [*opening(), container(NNR_TPL_BMSK, prune=1, prune_bit_mask=mask(1, 0, 1)), small()]
_AGGREGATE = [*opening(), aggregate_unit([small("a"), small("b")])]
_INDEXED = [
    *opening(indexed_references=True),
    reference_list(["a", "b"]),
    container(NNR_TPL_DICT, prune=1, count_ids=1, pruned_element=[{"element_id_index": 2, "count_dims": 1, "dim": [2]}]),
]

# fmt: off
RECIPES = (
    *(broken("storage-format", f"tpl-{value}", f"topology_storage_format {value}", "A decoder that indexes a table by it.",
             "topology_storage_format", topology(_TEXT, value)) for value in (7, 255)),
    broken("storage-format", "qnt-7", "quantization_storage_format 7", "A decoder that indexes a table by it.",
           "quantization_storage_format",
           [*opening(), quantization_unit(7, RAW, _TEXT), small()]),
    *(broken("compression-format", f"tpl-{value}", f"topology_compression_format {value}", "A decoder that takes it for deflate.",
             "topology_compression_format", topology(_DEFLATED, compression=value)) for value in (2, 255)),
    broken("compression-format", "qnt-2", "quantization_compression_format 2", "A decoder that takes it for deflate.",
           "quantization_compression_format", [*opening(), quantization_unit(NNR_TPL_UNREC, 2, _DEFLATED), small()]),
    *(broken("rep-type", str(value), f"nnr_rep_type {value}", "A decoder that takes it for a dictionary.", "nnr_rep_type", _CONTAINER,
             set_to("nnr_rep_type", value)) for value in (2, 3)),
    deflated("garbage", "Data that was never deflated", "A decoder that gives raw data out.", _TEXT),
    deflated("empty", "No bytes where deflated data should be", "A decoder that takes it for an empty topology.", b""),
    deflated("cut", "Deflated data that is cut", "A decoder that gives out what it has.", _DEFLATED[:-9]),
    deflated("no-checksum", "Deflated data without its checksum", "A decoder that does not wait for the checksum.", _DEFLATED[:-4]),
    deflated("checksum", "Deflated data with a wrong checksum", "A decoder that does not check.",
             _DEFLATED[:-1] + bytes([_DEFLATED[-1] ^ 1])),
    deflated("dictionary", "Deflated data that wants a dictionary", "A decoder that ignores the flag.",
             b"\x78\x20\x00\x00\x00\x00" + _DEFLATED[2:]),
    deflated("block-length", "A stored block whose lengths disagree", "A decoder that does not check.",
             _DEFLATED[:3] + b"\x01" + _DEFLATED[4:]),
    deflated("trailing", "Bytes after deflated data", "A decoder that ignores them.", _DEFLATED + b"\x01"),
    deflated("bomb", "64 KiB that inflate to 64 MiB", "A decoder that inflates without a limit.", deflate_bomb(1 << 26)),
    broken("deflate", "qnt", "Quantization data that does not inflate", "A decoder that inflates topologies only.", _QNT,
           [*opening(), quantization_unit(NNR_TPL_UNREC, DEFLATE, _TEXT), small()]),
    aggregate("aggregate", "aggregate-nest", "An aggregate in an aggregate", "A decoder without a limit to its recursion.", "nnr_unit_type",
              [*opening(), aggregate_unit([aggregate_unit([small("a"), small("b")]), small("c")])]),
    aggregate("str", "aggregate-nest", "An NNR_STR in an aggregate", "A decoder that starts all over.", "nnr_unit_type",
              [*opening(), aggregate_unit([start_unit(), small("b")])]),
    *(aggregate(str(value), "aggregate-type", f"nnr_aggregate_unit_type {value}", "A decoder that does not look at the type.",
                "nnr_aggregate_unit_type", [*opening(), header_of(_AGGREGATE[-1], nnr_aggregate_unit_type=value)]) for value in (1, 255)),
    aggregate("offset", "aggregate-entry", "An entry point one byte off", "A decoder that enters units there.", "nnr_unit_entry_point",
              entry_points(1)),
    aggregate("beyond", "aggregate-entry", "An entry point beyond the aggregate", "A decoder that reads there.", "nnr_unit_entry_point",
              entry_points(1 << 33)),
    aggregate("type", "aggregate-entry", "An entry with another type", "A decoder that believes it.", "nnr_unit_entry_point",
              entry_points(0, -1)),
    broken("unit-size-end", "aggregate-count", "An aggregate with fewer units than it counts", "A decoder that reads on behind it.",
           "num_of_nnr_units_minus2", _AGGREGATE, one_more, Level.INFERRED),
    broken("payload-end", "aggregate-count", "An aggregate with more units than it counts", "A decoder that decodes them all the same.",
           "num_of_nnr_units_minus2", _AGGREGATE, extended(unit_bytes(small("c"))), Level.INFERRED),
    aggregate("aggregate-reserved", "reserved-bits", "Reserved bits of an aggregate", "A decoder that reads flags there.",
              "nnr_reserved_zero_7bits", [*opening(), header_of(_AGGREGATE[-1], nnr_reserved_zero_7bits=3)]),
    broken("reserved-bits", "pruning", "Reserved bits of a pruning container", "A decoder that reads flags there.",
           "nnr_reserved_zero_3bits",
           _CONTAINER, set_to("nnr_reserved_zero_3bits", 5), Level.INFERRED),
    broken("index-range", "dictionary", "A dictionary with an index beyond the list", "A decoder that checks data units only.",
           "element_id_index", _INDEXED, level=Level.INFERRED),
)
# fmt: on
