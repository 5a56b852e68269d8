"""What a decoder remembers of earlier streams where its own parts can be mixed up (clauses 6 and
10).
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.second_edition_codebooks import codebook
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.entropy.contexts import context_layout
from nnc_conformance.reference.entropy.kernel_tables import SETS
from nnc_conformance.reference.syntax.structures.data_unit import (
    DEFAULT_UNARY_LENGTH,
    NNR_PT_FLOAT,
    NNR_PT_RAW_FLOAT,
    Codebook,
)
from nnc_conformance.storage.vector import Level

_DIMENSIONS: Final = (12, 40)
_COUNT: Final = 480
_SMALL: Final = (6, 10)
_LENGTH_WITH_BOOK: Final = 3
"""cabac_unary_length with which the readings agree on the sets of a codebook up to magnitude 7."""
_WITHOUT_ZERO: Final = Codebook(np.array([-30, -7, -2, 5, 9, 11, 40], np.int32), 3)
"""A codebook whose index 0 stands for 5."""


def each_in_its_own_set(numbers: Numbers, *, dq: bool) -> list[StepUnits]:
    """Make a tensor and two updates with TCA and HDSP.

    Neighbouring contexts have different parameter sets.

    Args:
        numbers: The recipe's random numbers.
        dq: Whether dependent quantization is used.
    """
    sets = (np.arange(context_layout(dq, DEFAULT_UNARY_LENGTH, tca=True, hdsp=True).flag) * 4 + 1) % SETS

    def step(depth: int) -> InTurn:
        coded = Coded(numbers.quants(f"update {depth}", _COUNT, 190), parameter_sets=sets if depth else "default", hdsp=depth > 0)
        return unit(NNR_PT_FLOAT, "w", _DIMENSIONS, coded, node(depth), tca=depth > 0, dq_flag=dq)

    return [stream(step(0)), update(step(1)), update(step(2))]


def mixed_with_books(numbers: Numbers) -> list[StepUnits]:
    """Make a tensor and updates by codebooks with both tools, neighbouring contexts in different
    sets.

    Index 0 lies inside the first codebook and at either end of the others, which so have no signs.
    """
    layout = context_layout(False, _LENGTH_WITH_BOOK, tca=True, hdsp=True)
    sets = (np.arange(layout.flag) * 4 + 1) % SETS

    def step(depth: int, negative: int, positive: int) -> InTurn:
        """Code the tensor of a step with a codebook from -negative to positive."""
        drawn = numbers.quants(f"update {depth}", _COUNT, 190)
        magnitudes = np.abs(drawn)
        quants = np.where(
            (drawn < 0) & (negative > 0) | (positive == 0), -np.minimum(magnitudes, negative), np.minimum(magnitudes, positive)
        )
        coded = Coded(quants, parameter_sets=sets if depth else "default", hdsp=depth > 0)
        book = codebook(negative, positive)
        return unit(NNR_PT_FLOAT, "w", _DIMENSIONS, coded, node(depth), tca=depth > 0, codebook=book, unary_length=_LENGTH_WITH_BOOK)

    sides = ((4, 7), (7, 4), (0, 7), (7, 0))
    return [(update if depth else stream)(step(depth, *limits)) for depth, limits in enumerate(sides)]


def plain(numbers: Numbers, depth: int, name: str = "w", parameter_id: int = 0, *, form: HeaderForm | None = None) -> InTurn:
    """Make a FLOAT of six rows and ten columns without tools."""
    return unit(NNR_PT_FLOAT, name, _SMALL, Coded(numbers.quants(f"{name} {depth}", 60, 150)), node(depth, parameter_id), form=form)


def by_history(numbers: Numbers, depth: int) -> InTurn:
    """Make a FLOAT of the same shape with history dependent significance."""
    return unit(NNR_PT_FLOAT, "w", _SMALL, Coded(numbers.quants("last", 60, 170), hdsp=True), node(depth))


def after_book(numbers: Numbers) -> list[StepUnits]:
    """Make an update by a codebook without 0, and one whose contexts use it."""
    indexes = Coded(np.clip(numbers.quants("book", 60, 130), -3, 3))
    book = unit(NNR_PT_FLOAT, "w", _SMALL, indexes, node(1), codebook=_WITHOUT_ZERO, unary_length=1)
    return [stream(plain(numbers, 0)), update(book), update(by_history(numbers, 2))]


def after_raw(numbers: Numbers) -> list[StepUnits]:
    """Make an update of raw numbers, and one that repeats its depth."""
    values = numbers.quants("raw", 60, 128).astype(np.float32).reshape(_SMALL) / np.float32(8)
    raw = unit(NNR_PT_RAW_FLOAT, "w", _SMALL, values, node(1))
    return [stream(plain(numbers, 0)), update(raw), update(by_history(numbers, 1))]


def after_silence(numbers: Numbers) -> list[StepUnits]:
    """Make an update that omits a tensor, and one without coded dimensions."""
    return [
        stream(plain(numbers, 0), plain(numbers, 0, "v", 1)),
        update(plain(numbers, 1, "v", 1)),
        update(plain(numbers, 1, form=HeaderForm(dimensions_present=False))),
    ]


def _recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of what a decoder remembers from one update to the next."""
    for dq in (False, True):
        end, how = ("-dq", " with dependent quantization") if dq else ("", "")
        yield SessionRecipe(
            id=f"update-sets-mixed{end}",
            title=f"Updates with neighbouring contexts in different parameter sets{how}",
            tests="Each context, those of temporal adaptation and of the history included, adapts with the set that was signalled for it.",
            catches="A decoder that exchanges two contexts, such as those of the sign after a positive and after a negative parent.",
            clauses=("10 quant_param", "10 shift_parameter_ids"),
            steps=lambda numbers, dq=dq: each_in_its_own_set(numbers, dq=dq),  # type: ignore[misc]
        )
    yield SessionRecipe(
        id="update-sets-mixed-codebook",
        title="Updates by codebooks with neighbouring contexts in different parameter sets",
        tests="Sets are signalled for the contexts that each codebook leaves; signs have none where index 0 is at an end.",
        catches="A decoder that gives the sets to the first contexts in turn, though a codebook leaves out contexts between them.",
        clauses=("10 quant_param", "10 shift_parameter_ids", "6 codebook"),
        steps=mixed_with_books,
    )
    yield SessionRecipe(
        id="update-hdsp-after-book-without-zero",
        title="History dependent significance after a codebook without the value 0",
        tests="A place counts as seen where an earlier index is not 0, although index 0 stands for another value.",
        catches="A decoder that counts the places where an earlier value is not 0.",
        clauses=("10 quant_tensor",),
        steps=after_book,
    )
    yield SessionRecipe(
        id="update-hdsp-after-raw",
        level=Level.DISPUTED,
        switch="raw_float_node",
        title="History dependent significance after an update of raw numbers",
        tests="A place counts as seen where a raw number is not 0.",
        catches="A decoder that does not count the values of NNR_PT_RAW_FLOAT.",
        clauses=("10 quant_tensor",),
        steps=after_raw,
    )
    yield SessionRecipe(
        id="update-dimensions-after-silence",
        title="Dimensions from the base after an update that leaves the tensor out",
        tests="The dimensions of a tensor are known from a stream before the last.",
        catches="A decoder that remembers the dimensions of the last stream only.",
        clauses=("6 nnr_compressed_data_unit_header",),
        steps=after_silence,
    )


RECIPES = tuple(_recipes())
