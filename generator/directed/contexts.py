"""Driving contexts to the extremes of their adaptation.

Indexes are chosen cycle by cycle; the search follows the contexts' states.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.directed.bins import (
    ContextBins,
    ContextState,
    after,
    bins_of,
    bins_to_extreme,
    initial_state,
    previous_class,
)
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.kernel_tables import STATES
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB

Extreme = tuple[int, int]
"""A context, and the bin that drives it: 0 to its low extreme, 1 to its high extreme."""
Node = tuple[int, int]
"""stateId and the class of the previous index."""

START: Final[Node] = (0, 0)
"""The node at which a search begins: a freshly initialised context."""


@dataclass(frozen=True)
class Cycle:
    """Indexes that lead from a node back to it.

    Args:
        node: Where the cycle starts and ends.
        quants: The indexes.
        bins: (context, bin, count) of each context that meets equal bins only.
        mixed: The contexts that meet both bins.
    """

    node: Node
    quants: tuple[int, ...]
    bins: tuple[tuple[int, int, int], ...]
    mixed: frozenset[int]


def step(layout: ContextLayout, node: Node, quant: int) -> Node:
    """Return the node after an index."""
    state_id = STATE_TRANS_TAB[node[0]][quant & 1] if layout.dq_flag else 0
    return state_id, previous_class(quant)


def after_zero(quant: int) -> tuple[int, ...]:
    """Return an index and a zero."""
    return quant, 0


def zeros(_: int) -> tuple[int, ...]:
    """Return a zero."""
    return (0,)


def steady(quant: int) -> tuple[int, ...]:
    """Return the index itself."""
    return (quant,)


def alternating(quant: int) -> tuple[int, ...]:
    """Return an index and its opposite."""
    return quant, -quant


def words(layout: ContextLayout, quants: Sequence[int]) -> list[set[tuple[int, ...]]]:
    """Return patterns of indexes to repeat, one set of patterns for each phase.

    With dependent quantization the first phases serve the significance contexts: odd indexes
    alternating with zeros take eight contexts low and eight high in one cycle; zeros alone walk all
    states, and so do even indexes. The last phase has every pattern.

    Args:
        layout: The tensor's contexts.
        quants: Positive magnitudes to use besides 0.
    """
    signed = [sign * quant for quant in quants for sign in (1, -1)]
    every = {shape(quant) for quant in signed for shape in (after_zero, zeros, steady, alternating)}
    if not layout.dq_flag:
        return [every]
    odd, even = [quant for quant in signed if quant & 1], [quant for quant in signed if not quant & 1]
    return [set(map(after_zero, odd)), {zeros(0)}, set(map(steady, even)), every]


def cycles(layout: ContextLayout, patterns: Iterable[tuple[int, ...]]) -> list[Cycle]:
    """Return the cycles of trellis state and index class that repeated patterns walk.

    Args:
        layout: The tensor's contexts.
        patterns: Short runs of indexes, each repeated from every state until it comes round.
    """
    found: dict[tuple[Node, tuple[int, ...]], Cycle] = {}
    for word in sorted(patterns):
        for state_id in range(STATES if layout.dq_flag else 1):
            node = first = (state_id, previous_class(word[-1]))
            taken: list[int] = []
            bins: list[ContextBins] = []
            while not taken or node != first:
                for quant in word:
                    bins.append(bins_of(layout, *node, quant))
                    node = step(layout, node, quant)
                    taken.append(quant)
            found[first, tuple(taken)] = _cycle(first, tuple(taken), bins)
    return list(found.values())


def _cycle(node: Node, quants: tuple[int, ...], bins: Iterable[ContextBins]) -> Cycle:
    """Sum up which contexts a cycle of indexes adapts, and in which direction.

    A context that gets both bins is mixed; others always get the same one.

    Args:
        node: The state in which the cycle begins and ends.
        quants: The indexes of the cycle.
        bins: The (context, bin) pairs of each index.
    """
    counts = Counter(met for of_index in bins for met in of_index)
    mixed = frozenset(context for context, bin_value in counts if (context, 1 - bin_value) in counts)
    pure = tuple((context, bin_value, count) for (context, bin_value), count in counts.items() if context not in mixed)
    return Cycle(node, quants, pure, mixed)


class Drive:
    """The search: the indexes chosen, and the contexts' states after them."""

    def __init__(self, layout: ContextLayout, sets: npt.NDArray[np.int64], quants: Sequence[int], targets: Collection[Extreme]) -> None:
        self.layout = layout
        self.sets = [int(number) for number in sets]
        self.phases = [cycles(layout, patterns) for patterns in words(layout, quants)]
        self.targets = set(targets)
        self.worth = self._worth()
        self.states: list[ContextState] = [initial_state(number) for number in self.sets]
        self.node = START
        self.pieces: list[npt.NDArray[np.int64]] = []

    def run(self) -> npt.NDArray[np.int64]:
        """Return indexes that reach every target, int64 of one dimension.

        They are in coded order, before any doubling.

        Raises `ValueError` for a target that no cycle serves.
        """
        for phase in self.phases[:-1]:
            while serving := [cycle for cycle in phase if self._serves_significance(cycle)]:
                self._repeat(max(serving, key=self._wanted))
        while self.targets:
            best = max(self.phases[-1], key=self._gain)
            if not self._wanted(best):
                raise ValueError(f"no cycle reaches {sorted(self.targets)}")
            self._repeat(best)
        return np.concatenate(self.pieces)

    def _serves_significance(self, cycle: Cycle) -> bool:
        """Return whether a cycle moves a significance context towards a target."""
        return any(context < self.layout.sign and (context, bin_value) in self.targets for context, bin_value, _ in cycle.bins)

    def _wanted(self, cycle: Cycle) -> Fraction:
        """Return the number of useful bins per index."""
        wanted = sum(count for context, bin_value, count in cycle.bins if (context, bin_value) in self.targets)
        return Fraction(wanted, len(cycle.quants))

    def _gain(self, cycle: Cycle) -> Fraction:
        """Return the useful bins per index of a cycle, each weighted by its `_worth`.

        A bin is useful if it takes a context towards an extreme that is still a target.
        """
        wanted = [
            (count, self.worth[context, bin_value]) for context, bin_value, count in cycle.bins if (context, bin_value) in self.targets
        ]
        return sum((count * worth for count, worth in wanted), Fraction(0)) / len(cycle.quants)

    def _worth(self) -> dict[Extreme, Fraction]:
        """Return how many indexes each bin costs at least, by (context, bin) to reach.

        The best cycle of the last phase decides.
        """
        rates: dict[Extreme, Fraction] = {}
        for cycle in self.phases[-1]:
            for context, bin_value, count in cycle.bins:
                rates[context, bin_value] = max(rates.get((context, bin_value), Fraction(0)), Fraction(count, len(cycle.quants)))
        return {target: 1 / rate for target, rate in rates.items()}

    def _repeat(self, cycle: Cycle) -> None:
        """Append a cycle of indexes as often as its first target needs.

        States, targets and indexes so far are changed.
        """
        self._go_to(cycle.node)
        wanted = [(context, bin_value, count) for context, bin_value, count in cycle.bins if (context, bin_value) in self.targets]
        times = min(-(-self._missing(context, bin_value) // count) for context, bin_value, count in wanted)
        reached = [(context, bin_value) for context, bin_value, count in wanted if times * count >= self._missing(context, bin_value)]
        for context, bin_value, count in cycle.bins:
            self.states[context] = after(self.sets[context], self.states[context], bin_value, times * count)
        if cycle.mixed:
            self._walk(cycle.quants * times, only=cycle.mixed)
        self.targets -= set(reached)
        self.pieces.append(np.tile(np.array(cycle.quants, np.int64), times))

    def _missing(self, context: int, bin_value: int) -> int:
        return bins_to_extreme(self.sets[context], self.states[context], bin_value)

    def _go_to(self, node: Node) -> None:
        """Append the fewest indexes that lead from the present node to another.

        They are zeros and magnitudes 1 and 2.
        """
        came: dict[Node, tuple[Node, int] | None] = {self.node: None}
        front = [self.node]
        while node not in came:
            following = []
            for place in front:
                for quant in (0, 1, -1, 2, -2):
                    there = step(self.layout, place, quant)
                    if there not in came:
                        came[there] = place, quant
                        following.append(there)
            front = following
        way: list[int] = []
        place = node
        while (link := came[place]) is not None:
            place = link[0]
            way.append(link[1])
        if way:
            self._walk(tuple(reversed(way)))
            self.pieces.append(np.array(way[::-1], np.int64))
        self.node = node

    def _walk(self, quants: tuple[int, ...], only: frozenset[int] | None = None) -> None:
        """Update node and context states by coding indexes one after the other.

        Args:
            quants: The indexes.
            only: The contexts to update; all without it.
        """
        node = self.node
        for quant in quants:
            for context, bin_value in bins_of(self.layout, *node, quant):
                if only is None or context in only:
                    self.states[context] = after(self.sets[context], self.states[context], bin_value, 1)
            node = step(self.layout, node, quant)


def drive(layout: ContextLayout, sets: npt.NDArray[np.int64], quants: Sequence[int], targets: Collection[Extreme]) -> npt.NDArray[np.int64]:
    """Return indexes that take contexts to extremes, int64 of one dimension.

    They are in coded order, before the doubling of dependent quantization.

    Args:
        layout: The tensor's contexts.
        sets: The parameter set of each context.
        quants: Positive magnitudes to use besides 0.
        targets: The extremes to reach, as (context, bin).

    Raises:
        ValueError: None of the magnitudes serves a target.
    """
    return Drive(layout, sets, quants, targets).run()
