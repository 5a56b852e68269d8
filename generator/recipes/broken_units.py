"""Streams that break a rule of units, their order and their sizes (clause 6)."""

from typing import Final

import numpy as np

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, header, ndu, opening
from nnc_conformance.generator.editing import (
    StreamEdit,
    cut_within,
    extended,
    header_of,
    last_unit,
    payload_of,
    set_to,
    with_last_size,
    with_unit_before_last,
)
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.either_reading import maps, number
from nnc_conformance.generator.recipes.partial_data import split
from nnc_conformance.generator.recipes.topology import reference_list, singles
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import (
    HeaderForm,
    ids_list,
    layer_parameter_set,
    model_parameter_set,
    start_unit,
    unit,
)
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, LS, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.structures.unit import NNR_MPS
from nnc_conformance.reference.syntax.walker import Values

_LARGEST_31_BIT = (1 << 31) - 1
_AS_VECTOR: Final = header(NNR_PT_RAW_FLOAT, "w", (8, 8), None, parameter_types=LS, unary_length=61)
"""The header of a matrix; with node_id_present_flag as its first bit, that of a vector of 64."""

_QP_OF_ID: Final = Quantization(0, -256)
"""A quantization parameter whose bytes are a base_model_id of one character."""


def maps_after_id() -> dict[str, Values]:
    """Build maps that read the same with either number of entries.

    After a base_model_id in the place of the qp their first two bytes are a qp of 258, and their
    rest is a sparsification map of no entry and a pruning map of one.
    """
    made = maps()
    (entry,) = made["sparsification"]["entry"]
    entry |= {
        "sparsification_threshold": number(2, 0, 1, 0x3E),
        "non_zero_ratio": number(0, 0, 0, 0x3F),
        "spm_nn_accuracy": number(0, 1, 0x83, 0),
    }
    return made


def resized(size: int) -> StreamEdit:
    """Return an edit that changes the last unit's nnr_unit_size and nothing else."""
    return lambda stream: with_last_size(stream, last_unit(stream), size)


def sized(rule: str, name: str, size: int, *, title: str, catches: str, wide: bool = False) -> Recipe:
    """Build the recipe of a last unit with a wrong nnr_unit_size.

    Args:
        rule: The rule that it breaks.
        name: End of the vector's id.
        size: The wrong size in bytes.
        title: The vector's title.
        catches: The faults that it catches.
        wide: Whether the size field has 31 bits.
    """
    units = [*opening(), small("w", **({"nnr_unit_size_flag": 1} if wide else {}))]
    return broken(
        rule,
        name,
        title=title,
        catches=catches,
        element="nnr_unit_size",
        units=units,
        edit=resized(size),
    )


def named(text: bytes) -> list[Values]:
    """Build a tensor with these bytes as its id."""
    return [*opening(), header_of(small(), topology_elem_id=text)]


def utf8(name: str, text: bytes, *, title: str) -> Recipe:
    """Build the recipe of a tensor id that is not UTF-8.

    Args:
        name: The end of the vector's id.
        text: The id's bytes.
        title: The vector's title.
    """
    catches = "A decoder that passes bytes through unseen, or dies in its conversion of text."
    return broken(
        "string-utf8",
        name,
        title=title,
        catches=catches,
        element="topology_elem_id",
        units=named(text),
    )


def of_type(unit_type: int) -> Recipe:
    """Build the recipe of a unit of a type without meaning, between two tensors.

    Args:
        unit_type: The type, reserved or unspecified.
    """
    kind = "reserved" if unit_type < 32 else "unspecified"
    units = [*opening(), small("a"), unit(unit_type, None, {"skipped_unit_data": b"\x01\x02\x03"}), small("b")]
    return broken(
        "unit-type",
        str(unit_type),
        title=f"A unit of {kind} type {unit_type}",
        catches="A decoder that takes it for another type.",
        element="nnr_unit_type",
        units=units,
    )


def unfinished(name: str, *, title: str, catches: str, units: list[Values], edit: StreamEdit | None = None) -> Recipe:
    """Build the recipe of a set of partial data whose counter breaks its order.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        catches: The faults that it catches.
        units: The stream's units.
        edit: A change to the written bytes, if the fault is not in the units.
    """
    return broken(
        "partial-order",
        name,
        title=title,
        catches=catches,
        element="partial_data_counter",
        units=units,
        edit=edit,
    )


def pieces(count: int) -> list[Values]:
    """Build a FLOAT in ``count`` pieces, after an opening."""
    whole = ndu(header(NNR_PT_FLOAT, "w", (6,)), Coded([1, -2, 300, 0, 5, 77]))
    return split(opening(), whole, list(range(1, count)))


_LAYER = layer_parameter_set(Quantization(2, -9))

RECIPES = (
    sized(
        "unit-size-min",
        "0",
        0,
        title="nnr_unit_size 0",
        catches="A decoder that never moves on.",
    ),
    sized(
        "unit-size-min",
        "1",
        1,
        title="nnr_unit_size 1",
        catches="A decoder that goes back into the size field.",
    ),
    sized(
        "unit-size-min",
        "2",
        2,
        title="A unit of its 15-bit size field alone",
        catches="A decoder that reads the header from the next unit.",
    ),
    sized(
        "unit-size-min",
        "31-bit-0",
        0,
        title="nnr_unit_size 0 in 31 bits",
        catches="A decoder that never moves on.",
        wide=True,
    ),
    sized(
        "unit-size-min",
        "31-bit-4",
        4,
        title="A unit of its 31-bit size field alone",
        catches="A decoder that allows for two bytes.",
        wide=True,
    ),
    broken(
        "unit-size-end",
        "one-byte",
        title="A stream cut by its last byte",
        catches="A decoder that pads what is missing.",
        element="nnr_unit_size",
        edit=lambda stream: stream[:-1],
    ),
    broken(
        "unit-size-end",
        "one-more",
        title="A last unit that claims one byte more",
        catches="A decoder that compares sizes off by one.",
        element="nnr_unit_size",
        edit=lambda stream: with_last_size(stream, last_unit(stream), len(stream) - last_unit(stream) + 1),
    ),
    sized(
        "unit-size-end",
        "32767",
        32767,
        title="A short unit that claims 32767 bytes",
        catches="A decoder that reads past its buffer.",
    ),
    sized(
        "unit-size-end",
        "31-bit-largest",
        _LARGEST_31_BIT,
        title="A short unit that claims 2147483647 bytes",
        catches="A decoder that allocates what a unit claims.",
        wide=True,
    ),
    broken(
        "unit-size-end",
        "overlap",
        title="A unit that claims bytes past the stream's end after good units",
        catches="A decoder that finds the end by other means.",
        element="nnr_unit_size",
        units=[*opening(), small("a"), small("b")],
        edit=resized(200),
    ),
    broken(
        "unit-size-end",
        "cut-15-bit-size",
        title="A stream that ends within a 15-bit size",
        catches="A decoder that reads a short integer unchecked.",
        element="nnr_unit_size",
        edit=lambda stream: stream + b"\x00",
    ),
    broken(
        "unit-size-end",
        "cut-31-bit-size",
        title="A stream that ends within a 31-bit size",
        catches="A decoder that reads a long integer unchecked.",
        element="nnr_unit_size",
        edit=lambda stream: stream + b"\x80\x00\x00",
    ),
    broken(
        "string-end",
        "ndu",
        title="An id without its zero byte",
        catches="A decoder that reads an id past its unit.",
        element="topology_elem_id",
        units=[*opening(), small("a_long_name")],
        edit=cut_within("topology_elem_id"),
    ),
    broken(
        "string-end",
        "list",
        title="A list whose last id has no zero byte",
        catches="A decoder that reads an id past its unit.",
        element="topology_elem_id_list",
        units=[*opening(), reference_list(["a", "b"])],
        edit=cut_within("topology_elem_id_list", 1),
    ),
    broken(
        "string-end",
        "list-short",
        title="A list with fewer ids than it counts",
        catches="A decoder that allocates for the count.",
        element="topology_elem_id_list",
        units=[
            *opening(),
            payload_of(
                reference_list(["a", "b"]),
                topology_elements_ids_list={"count_topology_elements_minus2": 1, "topology_elem_id_list": ["a", "b", "c"]},
            ),
        ],
        edit=cut_within("topology_elem_id_list", 2),
    ),
    utf8(
        "invalid-byte",
        b"w\xff",
        title="An id with a byte that UTF-8 never has",
    ),
    utf8(
        "overlong",
        b"\xc0\xafw",
        title="An id with an overlong form",
    ),
    utf8(
        "surrogate",
        b"\xed\xa0\x80",
        title="An id with a surrogate",
    ),
    utf8(
        "beyond-unicode",
        b"\xf4\x90\x80\x80",
        title="An id with a character beyond U+10FFFF",
    ),
    utf8(
        "cut-character",
        b"w\xe9\x87",
        title="An id that ends within a character",
    ),
    *(
        utf8(name, data, title=title)
        for name, data, title in (
            ("overlong-nul", b"w\xc0\x80", "An id with an overlong form of the character 0"),
            ("overlong-last-of-two", b"\xc1\xbf", "An id with an overlong form of U+007F"),
            ("overlong-three-bytes", b"\xe0\x80\xaf", "An id with an overlong form of three bytes"),
            ("overlong-last-of-three", b"\xe0\x9f\xbf", "An id with an overlong form of U+07FF"),
            ("overlong-four-bytes", b"\xf0\x80\x80\xaf", "An id with an overlong form of four bytes"),
            ("overlong-last-of-four", b"\xf0\x8f\xbf\xbf", "An id with an overlong form of U+FFFF"),
            ("last-surrogate", b"\xed\xbf\xbf", "An id with the last surrogate"),
            ("surrogate-pair", b"\xed\xa0\xb5\xed\xb0\x80", "An id with a pair of surrogates in place of a character"),
            ("lone-continuation", b"w\x80w", "An id with a continuation byte alone"),
            ("lone-last-continuation", b"\xbf", "An id of one continuation byte"),
            ("missing-continuation-of-two", b"\xc3w", "An id that lacks the continuation byte of a character of two bytes"),
            ("missing-continuation-of-three", b"\xe9\x87w", "An id that lacks the last byte of a character of three bytes"),
            ("missing-continuation-of-four", b"\xf0\x9d\x9bw", "An id that lacks the last byte of a character of four bytes"),
            ("lead-after-lead", b"\xe9\xc3\xa9", "An id with the first byte of a character within another"),
            ("cut-after-lead", b"w\xc3", "An id that ends after the first byte of a character"),
            ("f5", b"\xf5\x80\x80\x80", "An id with the byte F5"),
            ("f8", b"\xf8\x88\x80\x80\x80", "An id with a form of five bytes"),
            ("fc", b"\xfc\x84\x80\x80\x80\x80", "An id with a form of six bytes"),
            ("fe", b"\xfew", "An id with the byte FE"),
        )
    ),
    broken(
        "string-utf8",
        "list",
        title="A list with an id that is not UTF-8",
        catches="A decoder that checks single ids only.",
        element="topology_elem_id_list",
        units=[
            *opening(),
            payload_of(
                reference_list(["a", "b"]),
                topology_elements_ids_list={"count_topology_elements_minus2": 0, "topology_elem_id_list": ["a", b"\x80"]},
            ),
        ],
    ),
    *map(of_type, (7, 31, 32, 63)),
    broken(
        "first-unit",
        "mps",
        title="A stream that starts with an NNR_MPS",
        catches="A decoder that needs no NNR_STR.",
        element="nnr_unit_type",
        units=[*opening()[1:], small()],
    ),
    broken(
        "first-unit",
        "empty",
        title="A stream of no bytes",
        catches="A decoder that takes nothing for a model without parameters.",
        element="nnr_unit_type",
        units=[],
    ),
    *(
        broken(
            "profile",
            str(profile),
            title=f"general_profile_idc {profile}",
            catches="A decoder that does not look at the profile.",
            element="general_profile_idc",
            units=[start_unit(profile), *opening()[1:], small()],
        )
        for profile in (2, 255)
    ),
    broken(
        "profile",
        "2-as-second-edition",
        title="general_profile_idc 2, with a matrix that the second edition's syntax reads as a vector",
        catches="A decoder that takes every profile but 0 for the second edition.",
        element="general_profile_idc",
        units=[start_unit(2), *opening()[1:], ndu(_AS_VECTOR, np.arange(64, dtype=np.float32).reshape(8, 8))],
    ),
    broken(
        "mps-first",
        "none",
        title="Data without an NNR_MPS",
        catches="A decoder that decodes with defaults.",
        element="nnr_unit_type",
        units=[start_unit(), small()],
    ),
    broken(
        "mps-first",
        "later",
        title="Data before the NNR_MPS",
        catches="A decoder that looks for the NNR_MPS anywhere.",
        element="nnr_unit_type",
        units=[start_unit(), small(), opening()[1]],
    ),
    broken(
        "mps-first",
        "lps",
        title="Data under an NNR_LPS that is not self-contained",
        catches="A decoder that takes any parameter set.",
        element="nnr_unit_type",
        units=[start_unit(), layer_parameter_set(SIXTEENTHS), small()],
    ),
    broken(
        "mps-once",
        "replaced",
        title="A second NNR_MPS with another qp",
        catches="A decoder that keeps the first, silently.",
        element="nnr_unit_type",
        units=[
            *opening(),
            model_parameter_set(Quantization(3, -21)),
            ndu(header(NNR_PT_FLOAT, "w", (3,), Quantization(3, -21)), Coded([1, -2, 3])),
        ],
    ),
    broken(
        "mps-once",
        "after-data",
        title="A second NNR_MPS at the end",
        catches="A decoder that ignores late parameter sets.",
        element="nnr_unit_type",
        units=[*opening(), small(), opening()[1]],
    ),
    broken(
        "str-once",
        "middle",
        title="A second NNR_STR between data",
        catches="A decoder that starts all over.",
        element="nnr_unit_type",
        units=[*opening(), small("a"), start_unit(), small("b")],
    ),
    broken(
        "str-once",
        "end",
        title="A second NNR_STR at the end",
        catches="A decoder that forgets what it decoded.",
        element="nnr_unit_type",
        units=[*opening(), small(), start_unit()],
    ),
    broken(
        "index-list",
        "single",
        title="An index without a list",
        catches="A decoder that takes the index for a name.",
        element="topology_elem_id_index",
        units=[*opening(indexed_references=True), *singles(["a", "b"], [1])],
    ),
    broken(
        "index-list",
        "later",
        title="A list after the index into it",
        catches="A decoder that resolves indexes at the end.",
        element="topology_elem_id_index",
        units=[*opening(indexed_references=True), *singles(["a", "b"], [1]), reference_list(["a", "b"])],
    ),
    broken(
        "index-list",
        "list",
        title="A list of indexes without a list of ids",
        catches="A decoder that takes indexes for names.",
        element="topology_elem_id_index_list",
        units=[
            *opening(indexed_references=True),
            ndu(block_header(BI, (2, 2)), {"w": Coded([1, 2, 3, 4]), "bias": Coded([1, 2])}, form=HeaderForm(reference_list=["w", "bias"])),
        ],
    ),
    *(
        broken(
            "index-range",
            str(index),
            title=f"Index {index} into a list of two",
            catches="A decoder that does not check an index.",
            element="topology_elem_id_index",
            units=[*opening(indexed_references=True), reference_list(["a", "b"]), *singles(["a", "b", *"c" * 400], [index])],
        )
        for index in (2, 3, 401)
    ),
    broken(
        "index-range",
        "block",
        title="An index beyond the list, in a BLOCK",
        catches="A decoder that checks single indexes only.",
        element="topology_elem_id_index_list",
        units=[
            *opening(indexed_references=True),
            reference_list(["w", "b"]),
            ndu(
                block_header(BI, (2, 2)),
                {"w": Coded([1, 2, 3, 4]), "bias": Coded([1, 2])},
                form=HeaderForm(reference_list=["w", "b", "bias"]),
            ),
        ],
    ),
    broken(
        "id-unique",
        "two-units",
        title="One id in two units",
        catches="A decoder that keeps the first, or both.",
        element="topology_elem_id",
        units=[*opening(), small(), ndu(header(NNR_PT_INT, "w", (2,)), Coded([8, 9]))],
    ),
    broken(
        "id-unique",
        "one-list",
        title="One id twice in a BLOCK",
        catches="A decoder that gives both parts the same tensor.",
        element="topology_elem_id_list",
        units=[
            *opening(),
            header_of(
                ndu(block_header(BI, (2, 2)), {"w": Coded([1, 2, 3, 4]), "bias": Coded([8, 9])}),
                topology_elements_ids_list=ids_list(["w", "w"]),
            ),
        ],
    ),
    broken(
        "reserved-bits",
        "mps",
        title="A reserved bit of an NNR_MPS",
        catches="A decoder that shifts what follows.",
        element="nnr_reserved_zero_7bits",
        edit=set_to("nnr_reserved_zero_7bits", 1),
    ),
    broken(
        "reserved-bits",
        "mps-high",
        title="The first reserved bit of an NNR_MPS",
        catches="A decoder that reads a flag there.",
        element="nnr_reserved_zero_7bits",
        edit=set_to("nnr_reserved_zero_7bits", 64),
    ),
    broken(
        "reserved-bits",
        "mps-as-second-edition",
        title="The first reserved bit of an NNR_MPS that the second edition's syntax reads with another qp",
        catches="A decoder that reads base_model_id whatever the profile.",
        element="nnr_reserved_zero_7bits",
        units=[*opening(_QP_OF_ID, maps=maps_after_id()), ndu(header(NNR_PT_FLOAT, "w", (3,), _QP_OF_ID), Coded([1, 2, 5]))],
        edit=set_to("nnr_reserved_zero_7bits", 64),
    ),
    broken(
        "reserved-bits",
        "lps-header",
        title="The reserved bits of an NNR_LPS header",
        catches="A decoder that reads flags there.",
        element="nnr_reserved_zero_7bits",
        units=[*opening(), _LAYER, small()],
        edit=set_to("nnr_reserved_zero_7bits", 127, 1),
    ),
    *(
        broken(
            "reserved-bits",
            f"lps-{place}",
            title=f"The {place} reserved bit of an NNR_LPS",
            catches="A decoder that reads a flag there.",
            element="nnr_reserved_zero_1bit",
            units=[*opening(), _LAYER, small()],
            edit=set_to("nnr_reserved_zero_1bit", 1, number),
        )
        for number, place in enumerate(("first", "second"))
    ),
    *(
        broken(
            "alignment-one",
            name,
            title=title,
            catches="A decoder that looks for the next 1, or does not look at all.",
            element="byte_alignment",
            units=units,
            edit=set_to("byte_alignment", 0, number),
        )
        for name, title, units, number in (
            ("mps", "No 1 before the end of an NNR_MPS", None, 0),
            ("ndu", "No 1 before the payload of an NNR_NDU", None, 1),
            ("list", "No 1 before the strings of a list", [*opening(), reference_list(["a", "b"]), small()], 1),
        )
    ),
    unfinished(
        "stream-ends",
        title="A set whose last unit is missing",
        catches="A decoder that decodes what it has.",
        units=pieces(3)[:-1],
    ),
    unfinished(
        "skips",
        title="A counter that skips a number",
        catches="A decoder that only looks for 0.",
        units=[*pieces(3)[:3], pieces(3)[-1]],
    ),
    unfinished(
        "repeats",
        title="A counter that stays the same",
        catches="A decoder that only looks for 0.",
        units=[*pieces(2)[:3], *pieces(2)[2:]],
    ),
    unfinished(
        "rises",
        title="A counter that rises",
        catches="A decoder that counts units in place of reading counters.",
        units=[*pieces(3)[:3], header_of(pieces(3)[3], partial_data_counter=2), pieces(3)[-1]],
    ),
    unfinished(
        "other-type",
        title="A set that goes on with another type",
        catches="A decoder that joins whatever follows.",
        units=pieces(2),
        edit=set_to("nnr_unit_type", NNR_MPS, 3),
    ),
    unfinished(
        "whole-unit",
        title="A whole unit within a set",
        catches="A decoder that keeps the set open.",
        units=pieces(2),
        edit=with_unit_before_last(small("b")),
    ),
    unfinished(
        "other-header",
        title="A set whose headers differ",
        catches="A decoder that looks at the first header only.",
        units=[*pieces(2)[:3], header_of(pieces(2)[-1], topology_elem_id="other")],
    ),
    *(
        broken(
            "payload-end",
            name,
            title=f"Bytes after the payload of {kind}",
            catches="A decoder that reads on, or overlooks what it does not know.",
            element="nnr_unit_size",
            units=units,
            edit=extended(b"\x00" * count),
        )
        for name, kind, units, count in (
            ("str", "an NNR_STR", [start_unit()], 1),
            ("mps", "an NNR_MPS", opening(), 1),
            ("lps", "an NNR_LPS", [*opening(), _LAYER], 3),
            ("reflist", "a reference list", [*opening(), reference_list(["a", "b"])], 1),
        )
    ),
)
