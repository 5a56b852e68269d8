"""Each disputed point measured: streams that tell its choices apart, and which choice the peer is
seen to make on them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from helpers.peer_driver import PeerError
from interop.codec import Codec, Tensors, difference
from interop.composing import zero_entry_points
from interop.judging import symptom_line

from nnc_conformance.generator.composition import Coded, book, header, ndu, opening
from nnc_conformance.generator.editing import dirty_alignment, header_of
from nnc_conformance.generator.recipe import write
from nnc_conformance.generator.recipes.disputed import performance_map
from nnc_conformance.reference import Interpretation, decode
from nnc_conformance.reference.composer import MAP_COUNTS, topology_unit
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import (
    Choice,
    ColumnBlockScan,
    DimensionsCount0,
    MapEntries,
    UnificationClassLoop,
)
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.suite_folder import StoredVector

REFUSED: Final = None
QUANTS: Final = [1, 0, -2, 3, 0, 0, 1, -1, 5, 0, 0, 2]
FRACTION: Final = Quantization(3, -19)
"""A step with a mantissa of several bits."""
HALF: Final = np.float32(0.5)


@dataclass(frozen=True)
class Probe:
    """The streams of a disputed point by what they hold.

    ``clauses``: where it belongs; ``base``: the other switches.
    """

    switch: str
    clauses: tuple[str, ...]
    streams: Mapping[str, bytes]
    base: Interpretation = field(default_factory=Interpretation)


@dataclass(frozen=True)
class Seen:
    """What the peer made of a stream: the choices of a switch that give the same, and whether it
    refused, with what words.
    """

    stream: str
    choices: tuple[str, ...]
    refusal: str


def ours_or_refused(stream: bytes, interpretation: Interpretation) -> Tensors | None:
    """What we decode; `REFUSED` where we refuse."""
    try:
        return decode(stream, interpretation=interpretation).parameters
    except StreamError:
        return REFUSED


def theirs_or_refused(stream: bytes, peer: Codec) -> tuple[Tensors | None, str]:
    """What the peer decodes, or `REFUSED` and its words."""
    try:
        return peer.decode(stream), ""
    except PeerError as error:
        return REFUSED, symptom_line(str(error))


def agree(ours: Tensors | None, theirs: Tensors | None) -> bool:
    """Whether both refuse, or give the same."""
    return ours is theirs if ours is REFUSED or theirs is REFUSED else not difference(ours, theirs)


def seen(name: str, stream: bytes, by_choice: Mapping[str, Tensors | None], peer: Codec) -> Seen:
    """Compares the peer's tensors, or its refusal, with those of each choice."""
    theirs, refusal = theirs_or_refused(stream, peer)
    return Seen(name, tuple(choice for choice, ours in by_choice.items() if agree(ours, theirs)), refusal)


def measured(probe: Probe, peer: Codec) -> list[Seen]:
    """What the peer makes of each stream of a probe."""
    choices = Interpretation.switches()[probe.switch]
    ways = {str(choice.value): turned(probe.base, probe.switch, choice) for choice in choices}
    return [
        seen(name, stream, {choice: ours_or_refused(stream, way) for choice, way in ways.items()}, peer)
        for name, stream in probe.streams.items()
    ]


def measured_vector(stored: StoredVector, base: Interpretation, peer: Codec) -> Seen:
    """What the peer makes of a published vector, by what each choice gives with the other switches
    as the peer reads.
    """
    switch, stream = stored.vector.choices[0].switch, stored.read(stored.vector.stream)
    ways = {choice.choice: turned(base, switch, Interpretation.switches()[switch](choice.choice)) for choice in stored.vector.choices}
    return seen(stored.vector.id, stream, {choice: ours_or_refused(stream, way) for choice, way in ways.items()}, peer)


def choices_seen(found: Sequence[Seen], switch: str) -> tuple[str, ...]:
    """The choices that no stream speaks against."""
    names = [str(choice.value) for choice in Interpretation.switches()[switch]]
    return tuple(name for name in names if all(name in one.choices for one in found))


def turned(base: Interpretation, switch: str, choice: Choice) -> Interpretation:
    """The base with another choice."""
    settings: dict[str, Any] = {switch: choice}
    return replace(base, **settings)


def by_choice(switch: str, units: Callable[[Interpretation], list[Values]], base: Interpretation | None = None) -> dict[str, bytes]:
    """The same content written as each choice has it."""
    ways = {choice: turned(base or Interpretation(), switch, choice) for choice in Interpretation.switches()[switch]}
    return {f"as {choice.value}": write(units(way), way) for choice, way in ways.items()}


def small() -> Values:
    """A tensor that all decode alike."""
    return ndu(header(NNR_PT_INT, "w", (2, 3)), Coded([3, -1, 0, 2, -5, 1]))


def maps(kind: str) -> Callable[[Interpretation], list[Values]]:
    """A map of two entries, its count as a choice has it."""

    def units(way: Interpretation) -> list[Values]:
        spare = int(way.map_entries is MapEntries.COUNT_MINUS_1)
        return [*opening(maps=performance_map(kind, 2 + spare, 2)), small()]

    return units


def class_loop(way: Interpretation) -> list[Values]:
    """A unification map of two classes and bitmask 1."""
    (values,) = performance_map("unification", 2, 1).values()
    looped = 2 if way.unification_class_loop is UnificationClassLoop.COUNT_CLASSES else 1
    entry = values["entry"][0] | {"upm_count_classes": 2, "upm_class_bitmask": 1, "upm_nn_class_accuracy": [HALF] * looped}
    return [*opening(maps={"unification": values | {"entry": [entry]}}), small()]


def int_dq(way: Interpretation) -> list[Values]:
    """An NNR_PT_INT with dq_flag."""
    return [*opening(), ndu(header(NNR_PT_INT, "w", (3, 4), dq_flag=True), Coded(QUANTS), interpretation=way)]


def column(way: Interpretation) -> list[Values]:
    """Return a column of three block rows.

    Its entry points are zeros if it is scanned as scan 0.
    """
    unit = ndu(header(NNR_PT_FLOAT, "w", (20, 1), scan_order=1), Coded([number % 4 - 1 for number in range(20)]), interpretation=way)
    if way.column_block_scan is ColumnBlockScan.AS_SCAN_0:
        unit["nnr_unit_header"] |= zero_entry_points(2)
    return [*opening(), unit]


def formats() -> dict[str, bytes]:
    """Formats other than the payload's own."""
    return {
        f"{name} to {number}": write([*opening(), ndu(header(payload, "w", (3, 4), data_format=number), Coded(QUANTS))])
        for name, payload, number in (("INT", NNR_PT_INT, 7), ("FLOAT", NNR_PT_FLOAT, 9))
    }


def products() -> dict[str, bytes]:
    """Indexes of more than 24 bits, without and with dq_flag."""
    quants = Coded([(1 << 24) + 1, (1 << 25) + 3, -((1 << 26) + 7), (1 << 30) - 1])
    return {
        f"dq_flag {dq}": write([*opening(FRACTION), ndu(header(NNR_PT_FLOAT, "w", (2, 2), FRACTION, dq_flag=bool(dq)), quants)])
        for dq in (0, 1)
    }


def codebook_products() -> dict[str, bytes]:
    """Codebook values of more than 24 bits."""
    values = book(1, -((1 << 26) + 7), 0, 3, (1 << 24) + 1, (1 << 25) + 3, (1 << 31) - 1)
    head = header(NNR_PT_FLOAT, "w", (6,), FRACTION, codebook=values)
    return {"codebook": write([*opening(FRACTION), ndu(head, Coded([0, -1, 1, 2, 3, 4]))])}


def topologies() -> dict[str, bytes]:
    """Topologies without a zero byte, ended by one, and with one within."""
    contents = {"no zero byte": b"data", "a zero byte at the end": b"data\0", "a zero byte within": b"da\0ta"}
    return {
        name: write([*opening(topology_carriage=True), topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": data}), small()])
        for name, data in contents.items()
    }


def no_dimensions() -> bytes:
    """A tensor of one index that gives a count of 0 dimensions."""
    unit = header_of(ndu(header(NNR_PT_INT, "w", (1,)), Coded([-7])), count_tensor_dimensions=0, tensor_dimensions=[])
    return write([*opening(), unit], Interpretation(dimensions_count_0=DimensionsCount0.ONE_ELEMENT))


def infinite_steps() -> dict[str, bytes]:
    """Zeros under the largest step, without and with a codebook."""
    largest = Quantization(0, 4095)
    heads = {
        name: header(NNR_PT_FLOAT, "w", (3,), largest, codebook=codebook)
        for name, codebook in (("no codebook", None), ("codebook", book(1, -3, 0, 5)))
    }
    return {name: write([*opening(largest), ndu(head, Coded([0, 1, -1]))]) for name, head in heads.items()}


MINUS_1: Final = Interpretation(map_entries=MapEntries.COUNT_MINUS_1)


def probes() -> tuple[Probe, ...]:
    """One probe for each switch, in the order of `Interpretation`."""
    found = (
        Probe(
            "map_entries",
            tuple(f"6 {kind}_performance_map" for kind in MAP_COUNTS),
            {f"{kind} map {name}": stream for kind in MAP_COUNTS for name, stream in by_choice("map_entries", maps(kind)).items()},
        ),
        Probe(
            "unification_class_loop",
            (clause_of("upm_class_bitmask"),),
            by_choice("unification_class_loop", class_loop, MINUS_1),
            MINUS_1,
        ),
        Probe("int_dq_flag", (clause_of("dq_flag"), "9"), by_choice("int_dq_flag", int_dq)),
        Probe(
            "column_block_scan",
            (clause_of("IvlOffset"),),
            by_choice("column_block_scan", column),
        ),
        Probe("data_format", (clause_of("nnr_decompressed_data_format"),), formats()),
        Probe("plain_product", ("9",), products()),
        Probe("codebook_product", ("9",), codebook_products()),
        Probe("data_string", (clause_of("topology_data"),), topologies()),
        Probe("alignment_bits", (clause_of("byte_alignment"),), {"ones after the first": dirty_alignment(write([*opening(), small()]))}),
        Probe("dimensions_count_0", (clause_of("count_tensor_dimensions"),), {"one index": no_dimensions()}),
        Probe("zero_product", ("9",), infinite_steps()),
    )
    assert [probe.switch for probe in found] == list(Interpretation.switches())
    return found
