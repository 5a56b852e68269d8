"""The measure: the goals that the reference decoder meets in streams, and how often."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnc_conformance.generator.coverage import events, second_edition
from nnc_conformance.generator.coverage.catalogue import MET, PLACES, catalogue, catalogue_2024, catalogue_of, value_key
from nnc_conformance.generator.coverage.choices import Surroundings, choice_of, keys_of
from nnc_conformance.generator.coverage.classes import classes_of, float_classes, variants
from nnc_conformance.generator.coverage.contexts import StillBins, saturated, still_bins
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding, Key
from nnc_conformance.generator.coverage.states import StateCounter
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.driver import RecordedCodeword, Watcher, record
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.branches import Branch, indexed_elements
from nnc_conformance.reference.syntax.elements import ELEMENTS, FIRST_EDITION
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.topology import DEFLATE
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.syntax.walker import Element
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import EDITIONS, Edition


class GoalCounter(Watcher):
    """A `driver.Watcher` that counts the goals met in one stream."""

    def __init__(self, histories: second_edition.HistoryCounter | None = None) -> None:
        self._histories = histories or second_edition.HistoryCounter()
        self._dimensions_coded: dict[int, bool] = {}
        self.counts: Counter[Key] = Counter()
        self._lengths: Counter[tuple[int, tuple[str, ...], str]] = Counter()
        self._unit_flags: dict[int, dict[str, int]] = {}
        self._topology: tuple[int | None, bool] = (None, False)
        self._indexed = False
        self._states = StateCounter()

    def element(self, element: Element) -> None:
        """Count the goals that an element meets: itself, its value class, and its place.

        The place is that in an array, first or later, if the element is coded with an index.
        """
        name, value = element.name, element.value
        self._states.element(element)
        self.counts[Key(GoalKind.ELEMENT, name, MET)] += 1
        if name == "raw_float32_parameter":
            size = len(value) & ~3
            self._values(name, "flt(32)", float_classes(np.frombuffer(value[:size], dtype="<f4")))
        else:
            descriptor = "u(1)" if element.descriptor == "u(1)[]" else element.descriptor
            self._values(name, descriptor, classes_of(name, descriptor).of(value))
        if name in indexed_elements():
            self.counts[Key(GoalKind.VALUE, f"{name} array", PLACES[1 if element.index else 0])] += 1
            self._lengths[element.unit, element.path, name] += 1
        self._notice(element)

    def _values(self, name: str, descriptor: str, labels: tuple[str, ...] | list[str]) -> None:
        for label in labels:
            self.counts[value_key(name, descriptor, label)] += 1

    def _notice(self, element: Element) -> None:
        """Keep the elements that a data unit's choice of tools depends on.

        They stand in unit headers, parameter sets and topologies, outside the data unit's own
        header.
        """
        match element.name:
            case "nnr_unit_size_flag" | "cabac_unary_length_flag":
                self._unit_flags.setdefault(element.unit, {})[element.name] = element.value
            case "tensor_dimensions_flag":
                self._dimensions_coded[element.unit] = bool(element.value)
            case "mps_topology_indexed_reference_flag":
                self._indexed = bool(element.value)
            case "topology_storage_format":
                self._topology = element.value, False
            case "topology_compression_format":
                self._topology = self._topology[0], element.value == DEFLATE

    def branch(self, branch: Branch, side: str) -> None:
        """Count the side of a branch that was taken."""
        self.counts[Key(GoalKind.BRANCH, branch.label, side)] += 1

    def unit(self, unit: Unit, depth: int) -> None:
        """Pass a unit to the counter of states."""
        self._states.unit(unit)

    def data_unit(self, unit: Unit, header: DataUnitHeader, codeword: RecordedCodeword | None) -> None:
        """Count the tool choices of a data unit, and the goals that its codeword meets."""
        if header.update is not None:
            coded = self._dimensions_coded.get(unit.number, False)
            self.counts.update(second_edition.unit_goals(header, codeword, self._histories, dimensions_coded=coded))
            if codeword is not None and codeword.decoded:
                self._second_edition_elements(codeword)
            return
        flags = self._unit_flags.get(unit.number, {})
        around = Surroundings(
            flags.get("nnr_unit_size_flag", 0), self._indexed, bool(flags.get("cabac_unary_length_flag")), *self._topology
        )  # fmt: skip
        self.counts.update(keys_of(choice_of(header, around)))
        self.counts.update(self._states.header(header))
        if codeword is not None:
            self.counts.update(self._states.codeword(header, codeword, self._codeword(codeword)))

    def _second_edition_elements(self, codeword: RecordedCodeword) -> None:
        """Count the elements that the second edition adds to a codeword."""
        for name, value, times in second_edition.flag_values(codeword):
            self.counts[Key(GoalKind.ELEMENT, name, MET)] += times
            self._values(name, (descriptor := variants(ELEMENTS[name])[0]), classes_of(name, descriptor).of(value))

    def _codeword(self, codeword: RecordedCodeword) -> list[StillBins]:
        """Count the goals that a codeword meets; it codes one tensor or several.

        Return the `still_bins` of each of these tensors whose bins were recorded.
        """
        bins = codeword.trace.events
        self.counts.update(events.engine_events(bins))
        self.counts.update(events.scan_events(codeword.codings, tuple(part.is_weight for part in codeword.parts)))
        starts = [*codeword.trace.first_events, len(bins)]
        still = []
        for number, coding in enumerate(codeword.codings[: len(starts) - 1]):
            own = bins[starts[number] : starts[number + 1]]
            still.append(still_bins(own, coding))
            if not len(own):
                continue
            self.counts.update(saturated(own, coding, still[-1]))
            self.counts.update(events.index_events(own, coding))
            for name, descriptor, value, times in events.entropy_values(own, coding, first=number == 0):
                self.counts[Key(GoalKind.ELEMENT, name, MET)] += times
                for label in classes_of(name, descriptor).of(value):
                    self.counts[value_key(name, descriptor, label)] += times
        return still

    def finish(self) -> Counter[Key]:
        """Count the length class of each array met, and return all goals with their counts."""
        for (_, _, name), length in self._lengths.items():
            self.counts[Key(GoalKind.VALUE, f"{name} array", PLACES[2 if length == 1 else 3])] += 1
        self._lengths.clear()
        return self.counts


@dataclass(frozen=True)
class StreamCoverage:
    """What one stream covers.

    It has the error that the stream ends with, empty for a good one, and how often each goal was
    met up to there.
    """

    error: str
    counts: Mapping[Key, int]


def measure(stream: bytes, *, limits: DecodeLimits | None = None, interpretation: Interpretation | None = None) -> StreamCoverage:
    """Run the reference decoder over a stream, and count the goals that it meets."""
    return measure_session((stream,), limits=limits, interpretation=interpretation, base=None)


def measure_session(
    streams: Sequence[bytes], *, limits: DecodeLimits | None = None, interpretation: Interpretation | None = None, base: BaseModel | None
) -> StreamCoverage:
    """Run the reference decoder over streams in order and count the goals met.

    Counting ends at the first error.

    Args:
        streams: The streams.
        limits: Bounds on each decode.
        interpretation: One choice for each disputed point.
        base: The model before the first stream; None keeps no history between streams.
    """
    counts: Counter[Key] = Counter()
    histories = second_edition.HistoryCounter()
    for number, stream in enumerate(streams):
        hits = GoalCounter(histories)
        error = record(stream, hits, limits=limits, interpretation=interpretation, base=base)
        counts.update(hits.finish())
        if error is not None:
            return StreamCoverage(str(error), counts)
        histories.end_of_stream()
        if number < len(streams) - 1 and base is not None:
            base = decode(stream, limits=limits, interpretation=interpretation, base=base).model
    return StreamCoverage("", counts)


@dataclass(frozen=True)
class GoalTally:
    """Goals reached of those reachable."""

    reached: int
    reachable: int

    @property
    def share(self) -> float:
        """Reached over reachable; 1 if no goal is reachable."""
        return self.reached / self.reachable if self.reachable else 1.0


@dataclass(frozen=True)
class Coverage:
    """The coverage of a set of streams: that of each by its name."""

    streams: Mapping[str, StreamCoverage]

    @cached_property
    def totals(self) -> Counter[Key]:
        """How often each goal was met, over all streams."""
        totals: Counter[Key] = Counter()
        for measured in self.streams.values():
            totals.update(measured.counts)
        return totals

    @cached_property
    def streams_of(self) -> dict[Key, list[str]]:
        """Names of the streams that meet each goal."""
        found: dict[Key, list[str]] = {}
        for name, measured in self.streams.items():
            for key in measured.counts:
                found.setdefault(key, []).append(name)
        return found

    @cached_property
    def editions(self) -> tuple[Edition, ...]:
        """The editions whose goals are counted.

        The second is counted if a stream has an element of it.
        """
        found = (key for key in catalogue_2024() if key.kind is GoalKind.ELEMENT and key in self.totals)
        return EDITIONS if any(found) else EDITIONS[:1]

    def tally(self, kind: GoalKind, standing: GoalStanding, edition: int = FIRST_EDITION) -> GoalTally:
        """Count the reached and the reachable goals of a kind and standing.

        Args:
            kind: The kind of goals.
            standing: Certified, disputed or inferred.
            edition: The edition that brought the goals.
        """
        goals = [
            goal for goal in catalogue_of(edition).values() if goal.key.kind is kind and goal.standing is standing and not goal.unreachable
        ]
        return GoalTally(sum(goal.key in self.totals for goal in goals), len(goals))

    def core_goals(self) -> dict[str, set[Key]]:
        """Return the goals of each stream that count for core.

        They are certified and reachable, triples of choices included.
        """
        wanted = {key for key, goal in catalogue().items() if goal.standing is GoalStanding.CERTIFIED and not goal.unreachable}
        return {name: wanted.intersection(measured.counts) for name, measured in self.streams.items()}
