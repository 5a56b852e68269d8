"""What a report says, derived once from the results files: every renderer shows a `Report` and counts nothing itself."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from nnc_conformance.reports.changes import since
from nnc_conformance.reports.report import Beside, Case, DecoderSummary, Group, Layer, Measured, Report, Row
from nnc_conformance.reports.results import Loaded
from nnc_conformance.reports.tally import STANDINGS, Standing, standing, tally
from nnc_conformance.storage.vector import CAPABILITIES, Level
from nnc_conformance.suites.judging.claims import contradicted
from nnc_conformance.suites.results.answers import AccuracyRow
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, Results, ResultsError, Verdict, case_id, close
from nnc_conformance.suites.results.run_document import RunDocument
from nnc_conformance.suites.running.invocation import Invocation

CLAUSE_TITLES: Final[dict[str, str]] = {
    "6": "High-level syntax",
    "7": "Decoding process",
    "7.3": "Decoding of quantized parameters",
    "8": "Parameter reduction",
    "9": "Parameter quantization",
    "10": "Entropy coding",
}
"""Titles of the clauses, as the fact sheets name them; a deeper clause takes its nearest parent's."""


def build_report(sources: Sequence[Loaded], baseline: Loaded | None = None) -> Report:
    """Derives the report of one or several results files, their decoders side by side; ``baseline`` is an earlier run to compare with.

    Raises `ResultsError` where there is no file, where two files have a decoder of one name, or where the baseline breaks off.
    """
    if not sources:
        raise ResultsError("no results file was given")
    if baseline is not None and baseline.results is None:
        raise ResultsError(f"{baseline.source}: {', '.join(baseline.problems)}")
    cases: list[Case] = []
    decoders: list[DecoderSummary] = []
    for source in sources:
        if source.results is None:
            continue
        repeat = source.results.suite.repeat
        invocation = Invocation.of(source.run, repeat) if source.run is not None else Invocation("", {}, repeat=repeat)
        for part in _by_decoder(source.results):
            info = part.decoders[0]
            if any(info.name == other.info.name for other in decoders):
                raise ResultsError(f"{source.source}: decoder {info.name!r} stands in another of the results files as well")
            own = [_case(result, invocation) for result in part.cases]
            cases.extend(own)
            decoders.append(_summarise(part, own))
    order = {level: place for place, level in enumerate(Level)}
    cases.sort(key=lambda case: (order[case.result.level], case.result.vector))
    names = [decoder.info.name for decoder in decoders]
    counted = [case for case in cases if case.standing is Standing.CONFORMANCE]
    verdict = _overall([source.results.verdict() if source.results is not None else Verdict.INCOMPLETE for source in sources])
    problems = tuple(f"{source.source}: {problem}" if len(sources) > 1 else problem for source in sources for problem in source.problems)
    return Report(
        verdict=verdict,
        headline=_headline(decoders, problems),
        problems=problems,
        suites=tuple(dict.fromkeys(source.results.suite for source in sources if source.results is not None)),
        decoders=tuple(decoders),
        cases=tuple(cases),
        levels=_group("level", "Level", counted, names, lambda case: (case.result.level,), list(Level)),
        groups=(
            _group("clause", "Clause", counted, names, lambda case: case.result.clauses, (), clause_title),
            _group(
                "flag", "Feature", counted, names, lambda case: case.result.flags, list(CAPABILITIES), lambda key: CAPABILITIES.get(key, "")
            ),
            _group("rule", "Rule of a good stream that the vector breaks", counted, names, _rule_of, ()),
        ),
        elements=_group("element", "Syntax element", counted, names, lambda case: case.result.elements, ()),
        standings=_group(
            "standing", "Standing", cases, names, lambda case: (case.standing,), list(Standing), lambda key: STANDINGS[Standing(key)]
        ),
        choices=_beside([case for case in cases if case.result.choices], names),
        measured=tuple(map(_measured, _beside([case for case in cases if case.result.accuracy], names))),
        environment=tuple((source.source, _environment(source.run)) for source in sources if source.run is not None),
        since=since(baseline.source, baseline.results, [case.result for case in cases], names) if baseline and baseline.results else None,
    )


def clause_title(clause: str) -> str:
    """The title of a clause, or of the nearest parent that has one; empty where none has."""
    parts = clause.split(".")
    return next((CLAUSE_TITLES[key] for n in range(len(parts), 0, -1) if (key := ".".join(parts[:n])) in CLAUSE_TITLES), "")


def flatten(value: Any, prefix: str = "") -> tuple[tuple[str, str], ...]:
    """A nested document as rows of dotted key and text, in the document's order."""
    if isinstance(value, dict):
        return tuple(row for key, inner in value.items() for row in flatten(inner, f"{prefix}.{key}" if prefix else str(key)))
    if isinstance(value, list):
        return ((prefix, ", ".join(str(item) for item in value)),)
    return ((prefix, str(value)),)


def _environment(run: RunDocument) -> tuple[tuple[str, str], ...]:
    return flatten(run.model_dump(mode="json", exclude={"format", "results_sha256", "logs", "decoders", "reproduce"})) + tuple(
        (f"decoder.{decoder.name}", decoder.argument) for decoder in run.decoders
    )


def _case(result: CaseResult, invocation: Invocation) -> Case:
    return Case(result, standing(result.level, result.provenance), OUTCOMES[result.outcome].fails, invocation.command(result))


def _by_decoder(results: Results) -> Iterable[Results]:
    """The same results, one decoder at a time, each closed where the whole is."""
    planned = set(results.planned)
    vectors = {name.partition("@")[0] for name in planned}
    for decoder in results.decoders:
        own = tuple(sorted(planned & {case_id(vector, decoder.name) for vector in vectors}))
        cases = tuple(case for case in results.cases if case.decoder == decoder.name)
        located = tuple(one for one in results.located if one.decoder == decoder.name)
        closing = close(own, cases) if results.closing is not None else None
        yield Results(suite=results.suite, decoders=(decoder,), planned=own, cases=cases, located=located, closing=closing)


def _summarise(part: Results, cases: Sequence[Case]) -> DecoderSummary:
    """The figures of one decoder; planned cases without a result count as not run, and against conformance."""
    given = {case.result.id for case in cases}
    absent = tuple(name for name in part.planned if name not in given)
    standings = {kind: tally(case.result for case in cases if case.standing is kind) for kind in Standing}
    standings[Standing.CONFORMANCE] = standings[Standing.CONFORMANCE].plus(Outcome.NOT_RUN, len(absent))
    total = tally(case.result for case in cases).plus(Outcome.NOT_RUN, len(absent))
    claims = tuple(map(str, contradicted(part)))
    return DecoderSummary(part.decoders[0], part.verdict(), total, standings, absent, claims, part.located[0] if part.located else None)


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if all(verdict is Verdict.AS_EXPECTED for verdict in verdicts):
        return Verdict.AS_EXPECTED
    return Verdict.FAILED if Verdict.FAILED in verdicts else Verdict.INCOMPLETE


def _rule_of(case: Case) -> tuple[str, ...]:
    return (case.result.rule,) if case.result.rule else ()


def _group(
    field: str,
    title: str,
    cases: Sequence[Case],
    decoders: Sequence[str],
    keys_of: Callable[[Case], Iterable[str]],
    order: Sequence[str],
    title_of: Callable[[str], str] = lambda key: "",
) -> Group:
    members: dict[str, dict[str, list[CaseResult]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        for key in keys_of(case):
            members[str(key)][case.result.decoder].append(case.result)
    known = {str(key): place for place, key in enumerate(order)}
    keys = sorted(members, key=lambda key: (known.get(key, len(known)), _natural(key)))
    return Group(field, title, tuple(Row(key, title_of(key), tuple(tally(members[key][name]) for name in decoders)) for key in keys))


def _beside(cases: Sequence[Case], decoders: Sequence[str]) -> tuple[Beside, ...]:
    vectors: dict[str, dict[str, Case]] = defaultdict(dict)
    for case in cases:
        vectors[case.result.vector][case.result.decoder] = case
    return tuple(
        Beside(vector, next(iter(by.values())).result.title, tuple(by.get(name) for name in decoders)) for vector, by in vectors.items()
    )


def _measured(beside: Beside) -> Measured:
    rows: list[dict[str, AccuracyRow]] = [
        {row.parameters: row for row in case.result.accuracy} if case is not None else {} for case in beside.cases
    ]
    first = {parameters: row for own in reversed(rows) for parameters, row in own.items()}
    original, reference = first.get("original"), first.get("reference")
    network = next(iter(first.values())).network
    decoded = tuple(own.get("decoded") for own in rows)
    return Measured(beside.id, network, original, reference, decoded, _layers(reference, decoded))


def _layers(reference: AccuracyRow | None, decoded: Sequence[AccuracyRow | None]) -> tuple[Layer, ...]:
    """The nodes that any of the runs has, each with its distance in all of them."""
    runs = [{layer.output: layer for layer in row.layers} if row is not None else {} for row in (reference, *decoded)]
    operators = {name: layer.operator for run in reversed(runs) for name, layer in run.items()}
    names = dict.fromkeys(name for run in runs for name in run)
    found = {name: [run[name].distance if name in run else None for run in runs] for name in names}
    return tuple(Layer(name, operators[name], first, tuple(others)) for name, (first, *others) in found.items())


def _natural(key: str) -> tuple[tuple[int, int | str], ...]:
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in key.split("."))


def _headline(decoders: Sequence[DecoderSummary], problems: Sequence[str]) -> str:
    if problems or not decoders:
        return "The results are not whole, so they are no pass."
    sentences = [_sentence(decoder) for decoder in decoders] if len(decoders) <= 3 else [_count_sentence(decoders)]
    if left := sum(decoder.total.missing for decoder in decoders):
        sentences.append(f"{_cases(left)} {'was' if left == 1 else 'were'} planned and not executed.")
    return " ".join(sentences)


def _sentence(decoder: DecoderSummary) -> str:
    name, total = decoder.info.name, decoder.total
    tried = total.passed + total.failed
    if total.failed:
        return f"{name} fails {total.failed} of {_cases(tried)}."
    if not tried:
        return f"{name} was judged on no case."
    return f"{name} passes its only case." if tried == 1 else f"{name} passes all {_cases(tried)}."


def _count_sentence(decoders: Sequence[DecoderSummary]) -> str:
    passing = sum(1 for decoder in decoders if decoder.verdict is Verdict.AS_EXPECTED)
    return f"{passing} of {len(decoders)} decoders pass."


def _cases(count: int) -> str:
    return f"{count:,} case{'' if count == 1 else 's'}"
