"""Covering arrays over the tool choices of the second edition: pairs in core, triples in full, what
is disputed apart.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.coverage.second_edition import BLOCK, FACTORS, INT, NO, RAW_FLOAT, YES, whole_choices
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.blocks import block_ids
from nnc_conformance.generator.recipes.second_edition_codebooks import codebook
from nnc_conformance.generator.recipes.updates_rows import skipping
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.syntax.structures.data_unit import BI, DC, DEFAULT_UNARY_LENGTH, LS, PAYLOAD_TYPE_NAMES
from nnc_conformance.storage.vector import Level

CLAUSES: Final = ("6 nnr_compressed_data_unit_header", "10 quant_tensor")
_DIMENSIONS: Final = (10, 12)
_SHAPES: Final = {"w": _DIMENSIONS, "w_G": (10, 2), "w_H": (2, 12)}
_SKIPPED: Final = {"w": (2, 5, 6), "w_G": (0, 4), "w_H": (1,)}
_TYPES: Final = {"none": 0, "vectors": LS | BI, "DC": DC, "DC and vectors": DC | LS | BI}
_PLAIN: Final = {"TCA": NO, "HDSP": NO, "row skip": NO, "dimensions": "coded"}


def covering(choices: npt.NDArray[np.int64], strength: int, wanted: npt.NDArray[np.int64] | None = None) -> list[int]:
    """Choose few choices that together hold every tuple of values, greedily.

    Args:
        choices: All choices, a row each, as places in `FACTORS`.
        strength: 2 for pairs, 3 for triples.
        wanted: Which rows hold the tuples to cover; by default all.

    Returns:
        The numbers of the chosen rows.
    """
    sizes = [len(values) for values in FACTORS.values()]
    ids, first = [], 0
    for columns in combinations(range(len(sizes)), strength):
        shape = [sizes[column] for column in columns]
        ids.append(first + np.ravel_multi_index(tuple(choices[:, column] for column in columns), shape))
        first += int(np.prod(shape))
    tuples = np.stack(ids, axis=1)
    missing = np.zeros(first, bool)
    missing[tuples] = True
    if wanted is not None:
        missing[tuples[wanted]] = False
    chosen = []
    while missing.any():
        best = int(np.argmax(missing[tuples].sum(axis=1)))
        chosen.append(best)
        missing[tuples[best]] = False
    return chosen


def named(choice: npt.NDArray[np.int64]) -> dict[str, str]:
    """Return a choice of tools by the names of its factors."""
    return {factor: values[place] for place, (factor, values) in zip(choice.tolist(), FACTORS.items(), strict=True)}


def data_unit(numbers: Numbers, label: str, choice: Mapping[str, str], depth: int, *, parent: bool) -> InTurn:
    """Make a data unit of random indexes with a choice of tools.

    Args:
        numbers: The recipe's random numbers.
        label: Selects the random numbers.
        choice: The value of each of `FACTORS`.
        depth: put_node_depth.
        parent: Whether the tensor's last node is its parent.
    """
    kind = PAYLOAD_TYPE_NAMES.index(choice["payload type"])
    form = HeaderForm(dimensions_present=choice["dimensions"] == "coded")
    own, has_parent = node(depth), None if parent else False
    if choice["payload type"] == RAW_FLOAT:
        values = numbers.quants(label, 120, 128).astype(np.float32).reshape(_DIMENSIONS) / np.float32(4)
        return unit(kind, "w", _DIMENSIONS, values, own, parent=has_parent, form=form)
    short = choice["unary length"] != "10"
    limit = 5 if short else 12
    types = _TYPES[choice["parts"]]
    ids = block_ids(types) if choice["payload type"] == BLOCK else ("w",)
    tensors = {}
    for name in ids:
        shape = _SHAPES.get(name, _DIMENSIONS[:1])
        quants = numbers.quants(f"{label}/{name}", int(np.prod(shape)), 170)
        if choice["codebook"] == YES and name in _SHAPES:
            most = limit // 2 if choice["dq_flag"] == YES else limit
            quants = np.clip(quants, -most, most)
        hdsp = choice["HDSP"] == YES and name in _SHAPES
        if choice["row skip"] == YES and name in _SHAPES:
            tensors[name] = skipping(quants, shape, _SKIPPED[name], int(choice["scan_order"]), hdsp=hdsp)
        else:
            tensors[name] = Coded(quants, hdsp=hdsp)
    more: dict[str, Any] = {"scan_order": int(choice["scan_order"]), "dq_flag": choice["dq_flag"] == YES, "parameter_types": types}
    more["unary_length"] = 1 if short else DEFAULT_UNARY_LENGTH
    if types & DC:
        more |= {"decomposition_rank": 2, "g_number_of_rows": 10}
    if choice["codebook"] == YES:
        more["codebook"] = codebook(limit, limit)
        if types & DC:
            more["codebook_dc"] = codebook(limit, 0)
            tensors["w_H"] = Coded(-np.abs(tensors["w_H"].quants), hdsp=tensors["w_H"].hdsp, skipped=tensors["w_H"].skipped)
    return unit(kind, ids, _DIMENSIONS, tensors, own, parent=has_parent, tca=choice["TCA"] == YES, form=form, **more)


def session(numbers: Numbers, choice: Mapping[str, str]) -> list[StepUnits]:
    """Make the streams before a data unit with a choice of tools, and its own.

    These are none, a base stream, or a base stream and an update, as the choice's ``parent`` says.

    Args:
        numbers: The recipe's random numbers.
        choice: The value of each of `FACTORS`.
    """
    if choice["parent"] == "base stream":
        return [stream(data_unit(numbers, "0", choice, 0, parent=False))]
    base = stream(data_unit(numbers, "0", dict(choice) | _PLAIN, 0, parent=False))
    if choice["parent"] != "node":
        return [base, update(data_unit(numbers, "1", choice, 0, parent=False))]
    if choice["payload type"] == RAW_FLOAT:  # no node, so that nothing can be deeper than it
        return [base, update(data_unit(numbers, "1", choice, 1, parent=True))]
    first = update(data_unit(numbers, "1", dict(choice) | _PLAIN, 1, parent=True))
    return [base, first, update(data_unit(numbers, "2", choice, 2, parent=True))]


def recipe(prefix: str, number: int, choice: Mapping[str, str], level: Level, switch: str | None = None) -> SessionRecipe:
    """Build the recipe of a session in which some tools of updates are used together.

    Args:
        prefix: The beginning of the vector's id.
        number: The end of the vector's id.
        choice: The value of each of `FACTORS`, such as ``dq_flag`` or ``TCA``.
        level: The vector's level.
        switch: Id of the disputed point that the choice depends on; None if on none.
    """
    says = ", ".join(f"{factor} {value}" for factor, value in choice.items() if value not in (NO, "none"))
    return SessionRecipe(
        id=f"{prefix}-{number:03}",
        title=f"Tools together: {says}"[:200],
        tests="The tools named in the title work together." if switch is None else "The tools named in the title, on a disputed point.",
        catches="A decoder in which one of the tools disturbs another." if switch is None else "Nothing: the point is disputed.",
        clauses=CLAUSES,
        level=level,
        switch=switch,
        steps=lambda numbers: session(numbers, choice),
    )


def _recipes() -> Iterator[SessionRecipe]:
    """Yield recipes that together have every pair, and every triple, of tools.

    Those with disputed tools are apart.
    """
    certified = whole_choices(disputed=False)
    pairs = covering(certified, 2)
    for number, row in enumerate(pairs):
        yield recipe("tools-2024-pairs", number, named(certified[row]), Level.CORE)
    for number, row in enumerate(covering(certified, 3, np.array(pairs))):
        yield recipe("tools-2024-triples", number, named(certified[row]), Level.FULL)
    disputed = [choice for choice in map(named, whole_choices(disputed=True)) if _switches(choice)]
    single = np.array([_places(choice) for choice in disputed if len(_switches(choice)) == 1])
    every = np.concatenate([single, certified])
    for number, row in enumerate(covering(every, 3, np.arange(len(single), len(every)))):
        choice = named(every[row])
        yield recipe("tools-2024-disputed", number, choice, Level.DISPUTED, _switches(choice)[0])


def _places(choice: Mapping[str, str]) -> list[int]:
    return [FACTORS[factor].index(value) for factor, value in choice.items()]


def _switches(choice: Mapping[str, str]) -> list[str]:
    """Return the disputed points on which a choice depends."""
    found = {"int_dq_flag": choice["payload type"] == INT, "codebook_dq": choice["codebook"] == YES}
    return [switch for switch, depends in found.items() if depends and choice["dq_flag"] == YES]


RECIPES = tuple(_recipes())
