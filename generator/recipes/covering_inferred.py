"""Inferred structures whose elements meet every value class (clause 6)."""

from collections.abc import Callable

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, header, ndu, opening
from nnc_conformance.generator.coverage.catalogue import wanted_values
from nnc_conformance.generator.coverage.costs import most_dimensions
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.covering_units import names
from nnc_conformance.generator.recipes.inferred import container
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import (
    aggregate_unit,
    layer_parameter_set,
    model_parameter_set,
    start_unit,
)
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_INT, DimensionMapping
from nnc_conformance.reference.syntax.structures.parameter_sets import NNR_QSU
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_DICT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_PRUNING = ("6 nnr_pruning_topology_container",)
_MAPPING = ("6 topology_tensor_dimension_mapping",)
_AGGREGATE = ("6 nnr_aggregate_unit_header",)
ELEMENT_IDS = ("", "a", "n" * 128, "ß", "重", "𝛼")


def pruned(count: int, number: int) -> Values:
    """Build an element of a pruning dictionary: an id and its new dimensions.

    Args:
        count: Number of dimensions.
        number: Number of the element; it chooses the id and the first dimension among those to
            cover.
    """
    sizes = wanted_values("dim", "ue(7)")
    dimensions = [sizes[(number + place) % len(sizes)] for place in range(count)]
    return {"element_id": ELEMENT_IDS[number % len(ELEMENT_IDS)], "count_dims": count, "dim": dimensions}


def dictionaries() -> list[Values]:
    """Build pruning dictionaries of each number of elements, and of dimensions, to cover."""
    counts = wanted_values("count_dims", "ue(1)")
    units = opening()
    for elements in wanted_values("count_ids", "u(8)"):
        content = [pruned(number % 4, number) for number in range(elements)]
        units.append(container(NNR_TPL_DICT, prune=1, count_ids=elements, pruned_element=content))
    most = [pruned(count, number) for number, count in enumerate(counts)]
    return [*units, container(NNR_TPL_DICT, prune=1, count_ids=len(most), pruned_element=most), small()]


def indexed_dictionary() -> list[Values]:
    """Build a pruning dictionary that names elements by indexes of each code length.

    The indexes point into a reference list that stands before it.
    """
    indexes = wanted_values("element_id_index", "ue(7)")
    listed = names(indexes[-1] + 1)
    content = [{"element_id_index": index, "count_dims": 1, "dim": [3]} for index in indexes]
    unit = container(NNR_TPL_DICT, prune=1, count_ids=len(content), pruned_element=content)
    return [*opening(indexed_references=True), reference_list(listed), unit]


def splits() -> list[Values]:
    """Build a tensor that a dimension mapping splits at an index of each code length."""
    indexes = wanted_values("split_index", "ue(7)")
    ids = tuple(f"part{number}" for number in range(len(indexes) + 1))
    mapping = DimensionMapping(0, tuple(indexes), ((),) * len(ids))
    size = indexes[-1] + 3
    return [*opening(), ndu(header(NNR_PT_INT, ids, (size,), mapping=mapping), Coded([*([0] * (size - 2)), 1, -1]))]


def shifts() -> list[Values]:
    """Build tensors whose dimension mapping moves axes by each number of places to cover.

    Others have each number of such moves to cover.
    """
    units, axes = opening(), most_dimensions()
    for number, places in enumerate(wanted_values("shift_value", "ue(1)")):
        mapping = DimensionMapping(0, (0,), (((axes - 1, places), (0, 0)), ()))
        dimensions = (3, *(1,) * (axes - 2), 2)
        units.append(ndu(header(NNR_PT_INT, (f"a{number}", f"b{number}"), dimensions, mapping=mapping), Coded([1, 2, 3, 4, 5, 6])))
    for number, count in enumerate(wanted_values("number_of_shifts", "ue(1)")):
        mapping = DimensionMapping(1, (0,), (((1, 1),) * count, ((1, 0),)))
        units.append(ndu(header(NNR_PT_INT, (f"c{number}", f"d{number}"), (2, 2), mapping=mapping), Coded([1, 2, 3, 4])))
    mapping = DimensionMapping(3, (0,), ((), ()))
    units.append(ndu(header(NNR_PT_INT, ("e", "f"), (2, 1, 1, 2), mapping=mapping), Coded([1, 2, 3, 4])))
    return units


def aggregates() -> list[Values]:
    """Build aggregates of few and many units, with each quant_bitdepth.

    Both values of ctu_scan_order occur.
    """
    units: list[Values] = [start_unit(), model_parameter_set(SIXTEENTHS), layer_with_unification()]
    for bitdepth in wanted_values("quant_bitdepth", "u(5)"):
        unit = aggregate_unit([layer_with_unification(), layer_with_unification()], unification=True, quant_bitdepth=bitdepth)
        for inner in unit["nnr_unit_header"]["nnr_unit_coding"]:
            inner["ctu_scan_order"] = bitdepth & 1
        units.append(unit)
    for more in wanted_values("num_of_nnr_units_minus2", "u(16)"):
        units.append(aggregate_unit([layer_with_unification()] * (more + 2), unification=True))
    return [*units, small()]


def layer_with_unification() -> Values:
    """Build an LPS with an empty unification map."""
    return layer_parameter_set(SIXTEENTHS, maps={"unification": {"upm_count_thresholds": 0}})


def layers_without_qp() -> list[Values]:
    """Build an LPS for each combination of methods that has no qp."""
    flags = [value for value in range(8) if not value & (NNR_QSU | 2)]
    return [*opening(), *(layer_parameter_set(None, method_flags=value) for value in flags), small()]


def inferred(name: str, *, title: str, tests: str, catches: str, clauses: tuple[str, ...], units: Callable[[], list[Values]]) -> Recipe:
    """Build a recipe of level inferred.

    Args:
        name: The vector's id.
        title: The vector's title.
        tests: What it tests.
        catches: The faults that it catches.
        clauses: Its clauses.
        units: Makes the stream's units.
    """
    return Recipe(
        id=name,
        title=title,
        tests=tests,
        catches=catches,
        clauses=clauses,
        units=lambda _: units(),
        level=Level.INFERRED,
    )


RECIPES: tuple[Recipe, ...] = (
    inferred(
        "tpl-prun-value-classes",
        title="Pruning dictionaries of every size",
        tests="Dictionaries of 0 to 255 elements, of up to 8190 dimensions.",
        catches="A decoder that reads counts or dimensions in too few bits.",
        clauses=_PRUNING,
        units=dictionaries,
    ),
    inferred(
        "tpl-prun-index-code-lengths",
        title="A pruning dictionary with indexes of each code length",
        tests="Elements are named by indexes into the reference list.",
        catches="A decoder that reads the index in too few bits.",
        clauses=_PRUNING,
        units=indexed_dictionary,
    ),
    inferred(
        "mapping-split-code-lengths",
        title="Splits at indexes of each code length",
        tests="A vector is cut into parts at indexes first and last in each code length.",
        catches="A decoder that reads split_index in too few bits.",
        clauses=_MAPPING,
        units=splits,
    ),
    inferred(
        "mapping-shift-value-classes",
        title="Shifts by each number of places, and many shifts",
        tests="Axes move by up to 62 places; up to 4094 shifts follow one another.",
        catches="A decoder that applies shifts in another order, or has room for few.",
        clauses=_MAPPING,
        units=shifts,
    ),
    inferred(
        "aggregate-value-classes",
        title="Aggregates of two to many units, with coding parameters of every class",
        tests="quant_bitdepth and ctu_scan_order stand for each unit; they change no tensor.",
        catches="A decoder that reads ctu_scan_order though unification is off, or loses count of the units.",
        clauses=_AGGREGATE,
        units=aggregates,
    ),
    inferred(
        "lps-methods-without-qp",
        title="LPS of each combination of methods without a qp",
        tests="The qp is absent unless NNR_QSU or NNR_QCB is set.",
        catches="A decoder that reads a qp that is not there.",
        clauses=("6 nnr_layer_parameter_set",),
        units=layers_without_qp,
    ),
)
