"""A page on several releases of a decoder: what each passes, what changed, and the faults.

Cases fail alike if they show the same symptom in the same releases; such cases are one fault.
"""

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import Final

from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reports.changes import CHANGE_KINDS, ChangeKind, since
from nnc_conformance.reports.markdown import code, plain, table
from nnc_conformance.reports.results import Loaded
from nnc_conformance.reports.summary import by_decoder
from nnc_conformance.reports.tally import OutcomeTally, tally
from nnc_conformance.storage.vector import CAPABILITIES, Level
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, Results, ResultsError

FEWEST_RELEASES: Final = 2
"""Releases that a page needs."""
SHOWN_VECTORS: Final = 24
"""Vectors of one kind of change that are named before the rest is only counted."""
FAILS, FAILS_OTHERWISE, PASSES, NOT_JUDGED = "✕", "≠", "✓", "–"
"""Marks of a release in the table of faults."""
_SHOWN_KINDS: Final = (ChangeKind.FIXED, ChangeKind.BROKEN, ChangeKind.UNSTABLE)
"""Kinds of changes that are listed; failures that change are listed by their symptoms."""
_WITHOUT_ANSWER: Final = (Fault.EXIT_CODE, Fault.LIMIT, Fault.STDOUT_CLOSED, Fault.TIMEOUT)
"""Faults of which it depends on the machine and its load which comes first."""
_COLUMNS: Final = 100
"""Characters of a line of prose."""
_LONGEST_SYMPTOM: Final = 160
"""Characters of a symptom before it is cut."""


@dataclass(frozen=True)
class _Release:
    """One release: its results, and what it said itself of its refusals, by vector."""

    results: Results
    details: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.results.decoders[0].name

    @cached_property
    def cases(self) -> Mapping[str, CaseResult]:
        """The cases by vector."""
        return {case.vector: case for case in self.results.cases}

    @cached_property
    def symptoms(self) -> Mapping[str, str]:
        """What is seen of each failing case, by vector."""
        return {name: _symptom(case, self.details.get(name, "")) for name, case in self.cases.items() if OUTCOMES[case.outcome].fails}


def render_releases(sources: Sequence[Loaded], sizes: Mapping[str, int]) -> str:
    """Render the page as Markdown, with a column for each decoder of the runs.

    Args:
        sources: The runs, in the order of the releases.
        sizes: Bytes of each vector's streams, by vector; those of a vector that is not in it are
            not shown.

    Raises:
        ResultsError: There are fewer than `FEWEST_RELEASES` decoders, or a run is truncated.
    """
    releases = [release for source in sources for release in _releases(source)]
    if len(releases) < FEWEST_RELEASES:
        raise ResultsError(f"releases are compared with each other; name the results of {FEWEST_RELEASES} or more")
    parts = [f"# Releases: {plain(releases[0].name)} to {plain(releases[-1].name)}", *_matrix(releases)]
    parts += ["## What changed", *(part for old, new in pairwise(releases) for part in _changes(old, new))]
    parts += _faults(releases, sizes)
    return "\n\n".join(parts) + "\n"


def _releases(source: Loaded) -> Iterator[_Release]:
    """Yield each decoder of the results as a release.

    A release has the details of its logs by vector. Raises `ResultsError` if the source has no
    results.
    """
    if source.results is None:
        raise ResultsError(f"{source.source}: {', '.join(source.problems)}")
    logs = source.run.logs if source.run is not None else {}
    for part in by_decoder(source.results):
        yield _Release(part, {case.vector: logs[case.id].detail for case in part.cases if case.id in logs})


def _symptom(case: CaseResult, detail: str) -> str:
    """Describe in Markdown what a failing case shows, without its vector's particulars."""
    rule = f" where the rule {code(case.rule)} is broken" if case.rule else ""
    if case.outcome is Outcome.WRONGLY_ACCEPTED:
        return f"decodes a stream{rule}"
    if case.outcome is Outcome.FAIL and case.differences:
        return f"decodes wrongly ({', '.join(sorted({one.kind.value for one in case.differences}))}){rule}"
    if case.fault in _WITHOUT_ANSWER:
        return f"gives no answer: it ends, or reaches a limit of time or memory{rule}"
    if case.outcome is Outcome.REFUSED:
        return f"refuses a good stream: {code(_general(detail or case.message))}"
    return f"{plain(_general(case.message))}{rule}"


def _general(message: str) -> str:
    """Cut a message to one line without what is particular to its vector.

    Each number becomes N, and a quoted name that is not of the standard '...'; a long line is cut
    off.
    """
    text = re.sub(r"(?<!\w)'([^']*)'", lambda found: found[0] if found[1] in ELEMENTS else "'...'", re.sub(r"^step \d+: ", "", message))
    line = " ".join(re.sub(r"\d+", "N", text).split())
    return line if len(line) <= _LONGEST_SYMPTOM else f"{line[:_LONGEST_SYMPTOM]}..."


def _matrix(releases: Sequence[_Release]) -> list[str]:
    """Tabulate the figures by edition and level, with what a run lacks."""
    order = list(Level)
    kinds = sorted(
        {(case.tested_edition, case.level) for release in releases for case in release.cases.values()},
        key=lambda kind: (kind[0], order.index(kind[1])),
    )
    rows = []
    for edition, level in kinds:
        tallies = [tally(case for case in one.cases.values() if (case.tested_edition, case.level) == (edition, level)) for one in releases]
        rows.append([str(edition), level.value, *map(_figures, tallies)])
    rows.append(["both" if len({edition for edition, _ in kinds}) > 1 else "all", "all", *(_figures(_whole(one)) for one in releases)])
    by_capability = _of_capabilities(releases)
    lacking = [f"- {code(one.name)}: {plain(why)}." for one in releases if (why := one.results.incomplete_because())]
    return [
        "Cases passed of cases judged. What a release does not declare is not judged, and counts as neither.",
        table(["edition", "level", *(code(one.name) for one in releases)], rows),
        *(["\n".join(lacking)] if lacking else []),
        *(["The same by capability, where releases differ.", by_capability] if by_capability else []),
    ]


def _of_capabilities(releases: Sequence[_Release]) -> str:
    """Tabulate the figures of good streams by capability, of those in which releases differ; "" without any."""
    rows = []
    for name in CAPABILITIES:
        figures = [_figures(tally(case for case in one.cases.values() if case.rule is None and name in case.flags)) for one in releases]
        if len(set(figures)) > 1:
            rows.append([code(name), *figures])
    return table(["capability", *(code(one.name) for one in releases)], rows) if rows else ""


def _whole(release: _Release) -> OutcomeTally:
    """Return the figures of a release; a case without a result counts as not run."""
    return tally(release.cases.values()).plus(Outcome.NOT_RUN, len(release.results.planned) - len(release.cases))


def _figures(counted: OutcomeTally) -> str:
    return counted.figures or NOT_JUDGED


def _changes(old: _Release, new: _Release) -> list[str]:
    """List the cases that a release does otherwise than the one before."""
    found = since(old.name, old.results, new.results.cases, [new.name])
    title = f"### {code(old.name)} to {code(new.name)}"
    items = []
    for kind in _SHOWN_KINDS:
        names = [change.vector for change in found.changes if change.kind is kind]
        if names:
            items.append(_wrapped(f"- {kind.value}: {len(names)} ({CHANGE_KINDS[kind]}): {_named(names)}"))
    otherwise = [name for name, symptom in new.symptoms.items() if old.symptoms.get(name, symptom) != symptom]
    if otherwise:
        items.append(_wrapped(f"- fails in another way: {len(otherwise)}: {_named(otherwise)}"))
    return [title, "\n".join(items) if items else "Every case does as before."]


def _wrapped(text: str) -> str:
    """Break a paragraph or item into lines of at most `_COLUMNS` characters."""
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(text, _COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _named(vectors: Sequence[str]) -> str:
    shown = ", ".join(code(name) for name in vectors[:SHOWN_VECTORS])
    return shown + (f" and {len(vectors) - SHOWN_VECTORS} more" if len(vectors) > SHOWN_VECTORS else "")


def _faults(releases: Sequence[_Release], sizes: Mapping[str, int]) -> list[str]:
    """Tabulate the faults of the last release, then those that it has no more."""
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for symptom in dict.fromkeys(text for one in releases for text in one.symptoms.values()):
        for name in dict.fromkeys(name for one in releases for name, text in one.symptoms.items() if text == symptom):
            where = tuple(number for number, one in enumerate(releases) if one.symptoms.get(name) == symptom)
            groups[symptom, where].append(name)
    last = len(releases) - 1
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    parts = []
    for title, still in ((f"## Faults that {code(releases[-1].name)} has", True), ("## Faults that are gone", False)):
        own = [(symptom, vectors) for (symptom, where), vectors in ordered if (last in where) is still]
        parts += [title, _fault_table(releases, own, sizes) if own else "None."]
    legend = (
        "One row for the cases with the same symptom in the same releases, which may be several faults of one kind. "
        f"{FAILS}: fails so; {FAILS_OTHERWISE}: fails in another way; {PASSES}: passes; {NOT_JUDGED}: not judged. "
        "The smallest vector of a row shows its fault with the fewest bytes."
    )
    parts.append(_wrapped(legend))
    return parts


def _fault_table(releases: Sequence[_Release], faults: Iterable[tuple[str, Sequence[str]]], sizes: Mapping[str, int]) -> str:
    """Return a Markdown table of faults with a column for each release.

    A row has what goes wrong, the smallest vector that shows it, and how many do.

    Args:
        releases: The releases, from left to right.
        faults: What goes wrong in words, and the ids of the vectors that show it.
        sizes: The size of a vector's stream in bytes, by vector id; some may be absent.
    """
    rows = []
    for symptom, vectors in faults:
        smallest = min(vectors, key=lambda name: (sizes.get(name, inf), name))
        size = f"{sizes[smallest]} bytes" if smallest in sizes else ""
        marks = [_mark(release, symptom, vectors) for release in releases]
        rows.append([symptom, code(smallest), size, str(len(vectors)), *marks])
    return table(["what it does", "smallest vector", "", "cases", *(code(one.name) for one in releases)], rows)


def _mark(release: _Release, symptom: str, vectors: Sequence[str]) -> str:
    """Return the mark of a release for vectors that fail alike in some releases."""
    seen = {release.symptoms[name] for name in vectors if name in release.symptoms}
    if seen:
        return FAILS if symptom in seen else FAILS_OTHERWISE
    passes = any(name in release.cases and release.cases[name].outcome is Outcome.PASS for name in vectors)
    return PASSES if passes else NOT_JUDGED
