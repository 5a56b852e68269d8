"""Building a `Report` from results files; renderers only show it and count nothing themselves."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from nnc_conformance.reports.changes import since
from nnc_conformance.reports.report import (
    DecoderSummary,
    LayerErrors,
    MatrixGroup,
    MatrixRow,
    MeasuredNetwork,
    Report,
    ReportedCase,
    VectorRow,
)
from nnc_conformance.reports.results import Loaded
from nnc_conformance.reports.tally import Tone, tally, tone
from nnc_conformance.reports.target import TargetFigures, target_figures
from nnc_conformance.reports.text import one_line
from nnc_conformance.storage.vector import CAPABILITIES, EDITIONS, VECTOR_FILE, Level
from nnc_conformance.suites.judging.claims import contradicted
from nnc_conformance.suites.results.answers import AccuracyRow
from nnc_conformance.suites.results.expected_failures import NONE_KNOWN, KnownFailures
from nnc_conformance.suites.results.fresh_ids import fresh_count, is_fresh
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, Results, ResultsError, Verdict, case_id, close
from nnc_conformance.suites.results.run_document import RunDocument
from nnc_conformance.suites.results.standing import STANDINGS, CaseStanding, standing
from nnc_conformance.suites.running.invocation import Invocation

FEATURE_FIELDS: Final = ("clause", "flag", "element")
"""Attributes of cases whose values are parts of the standard that a decoder may lack."""
_STDERR_LINES: Final = 5
_STDERR_CHARACTERS: Final = 1000
CLAUSE_TITLES: Final[dict[str, str]] = {
    "6": "High-level syntax",
    "7": "Decoding process",
    "7.3": "Decoding of quantized parameters",
    "8": "Parameter reduction",
    "9": "Parameter quantization",
    "10": "Entropy coding",
}
"""Titles of clauses; a deeper clause has the title of its nearest ancestor."""


def build_report(sources: Sequence[Loaded], baseline: Loaded | None = None) -> Report:
    """Build the report of one or several results files.

    ``baseline`` is an earlier run to compare with.

    Raises `ResultsError` without a file, if two files have a decoder of the same name, or if the
    baseline is truncated.
    """
    if not sources:
        raise ResultsError("no results file given")
    if baseline is not None and baseline.results is None:
        raise ResultsError(f"{baseline.source}: {', '.join(baseline.problems)}")
    cases: list[ReportedCase] = []
    decoders: list[DecoderSummary] = []
    for source in sources:
        if source.results is None:
            continue
        repeat = source.results.suite.repeat
        invocation = Invocation.of(source.run, repeat) if source.run is not None else Invocation("", {}, repeat=repeat)
        for part in by_decoder(source.results):
            info = part.decoders[0]
            if any(info.name == other.info.name for other in decoders):
                raise ResultsError(
                    f"{source.source}: another file has a decoder named {info.name!r} too; give each decoder.toml a name of its own"
                )
            own = [_case(result, invocation, source.run) for result in part.cases]
            cases.extend(own)
            decoders.append(_summarise(part, own, source.run))
    order = {level: place for place, level in enumerate(Level)}
    cases.sort(key=lambda case: (order[case.result.level], case.result.vector))
    names = [decoder.info.name for decoder in decoders]
    counted = [case for case in cases if case.standing is CaseStanding.CONFORMANCE]
    verdict = _overall([_verdict(source.results, source.run) if source.results is not None else Verdict.INCOMPLETE for source in sources])
    problems = tuple(f"{source.source}: {problem}" if len(sources) > 1 else problem for source in sources for problem in source.problems)
    unrun = dict.fromkeys(_levels_not_run(source.results) for source in sources if source.results is not None)
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
                "flag",
                "Feature",
                counted,
                names,
                lambda case: case.result.flags,
                list(CAPABILITIES),
                _capability_meaning,
            ),
            _group("rule", "Broken rule", counted, names, _rule_of, ()),
            *_editions(counted, names),
        ),
        elements=_group("element", "Syntax element", counted, names, lambda case: case.result.elements, ()),
        standings=_group(
            "standing",
            "Standing",
            cases,
            names,
            lambda case: (case.standing,),
            list(CaseStanding),
            lambda key: STANDINGS[CaseStanding(key)],
        ),
        choices=_vector_rows([case for case in cases if case.result.choices], names),
        measured=tuple(
            network for row in _vector_rows([case for case in cases if case.result.accuracy], names) for network in _measured(row)
        ),
        environment=tuple((source.source, _environment(source.run)) for source in sources if source.run is not None),
        since=since(baseline.source, baseline.results, [case.result for case in cases], names) if baseline and baseline.results else None,
        targets=_targets(sources),
        not_selected=tuple(source.run.not_selected for source in sources if source.run is not None and source.run.not_selected),
        not_run=tuple(line for line in unrun if line),
    )


def _levels_not_run(results: Results) -> str:
    """Say in a line which levels that count a run left out; "" if none.

    Fresh streams are of level stress, but a few of them are not the level.
    """
    stress = [case.vector for case in results.cases if case.level is Level.STRESS]
    fresh = fresh_count(vector for vector in stress if is_fresh(vector))
    run = set(results.suite.levels) - ({Level.STRESS} if all(map(is_fresh, stress)) else set())
    left = [level for level in (Level.CORE, Level.NEGATIVE, Level.FULL, Level.STRESS) if level not in run]
    if not left:
        return ""
    drawn = f"; of stress {fresh} fresh streams were drawn for each decoder" if fresh else ""
    return f"Levels not run: {', '.join(left)}{drawn}."


def clause_title(clause: str) -> str:
    """Return the title of a clause or of its nearest titled ancestor.

    Return "" if there is no such title.
    """
    parts = clause.split(".")
    return next((CLAUSE_TITLES[key] for n in range(len(parts), 0, -1) if (key := ".".join(parts[:n])) in CLAUSE_TITLES), "")


def _targets(sources: Sequence[Loaded]) -> tuple[TargetFigures, ...]:
    """Return the figures of targets from whole runs of core and negative vectors.

    A run of other levels, or filtered by anything but a target, says nothing of one.
    """
    whole = [
        source.results
        for source in sources
        if source.results is not None
        and not source.results.incomplete_because()
        and {Level.CORE, Level.NEGATIVE} <= set(source.results.suite.levels)
        and all(text.startswith("target=") for text in source.results.suite.filters)
    ]
    return tuple(
        figures
        for results in whole
        for decoder in results.decoders
        for figures in target_figures(decoder, results.cases)
        if all(text == f"target={figures.target.name}" for text in results.suite.filters)
    )


def _editions(counted: Sequence[ReportedCase], names: Sequence[str]) -> tuple[MatrixGroup, ...]:
    """Return the figures of each edition, if there is a case of the second."""
    if all(case.result.tested_edition == EDITIONS[0] for case in counted):
        return ()
    return (_group("edition", "Edition", counted, names, lambda case: (str(case.result.tested_edition),), list(map(str, EDITIONS))),)


def _capability_meaning(name: str) -> str:
    return CAPABILITIES[name].meaning if name in CAPABILITIES else ""


def flatten(value: Any, prefix: str = "") -> tuple[tuple[str, str], ...]:
    """Flatten a nested document to rows of dotted key and text.

    Rows are in the order of the document.
    """
    if isinstance(value, dict):
        return tuple(row for key, inner in value.items() for row in flatten(inner, f"{prefix}.{key}" if prefix else str(key)))
    if isinstance(value, list):
        return ((prefix, ", ".join(str(item) for item in value)),)
    return ((prefix, str(value)),)


def _environment(run: RunDocument) -> tuple[tuple[str, str], ...]:
    return flatten(
        run.model_dump(mode="json", exclude={"format", "results_sha256", "logs", "decoders", "reproduce", "expected_failures"})
    ) + tuple((f"decoder.{decoder.name}", decoder.argument) for decoder in run.decoders)


def _case(result: CaseResult, invocation: Invocation, run: RunDocument | None) -> ReportedCase:
    """Put a result together with what a report shows of it.

    That is whether it counts and fails, the command that repeats it, and from run.json the end of
    standard error, the time, and whether the failure was expected; without ``run`` these are empty.
    """
    log = run.logs.get(result.id) if run is not None else None
    fails = OUTCOMES[result.outcome].fails
    explained = tone(result.outcome) is Tone.ERROR or result.outcome is Outcome.REFUSED
    stderr = _last_lines(log.stderr) if log is not None and explained else ""
    said = one_line(log.detail) if log is not None and fails else ""
    own = standing(result.level, result.provenance)
    expected = _expected(run)
    known, stale = expected.known.get(result.id, ""), expected.stale.get(result.id, "")
    seconds = log.seconds if log is not None else 0.0
    retried = log.retried if log is not None else ""
    return ReportedCase(
        result,
        own,
        fails and not known,
        invocation.command(result),
        stderr,
        said,
        known,
        stale,
        seconds,
        retried,
        _vector_file(result, run),
    )


def _vector_file(result: CaseResult, run: RunDocument | None) -> str:
    """Return the path of a vector's file, below the suite of the run or ``vectors``.

    Return "" if it has none.
    """
    root = run.suite if run is not None and run.suite else "vectors"
    return "" if is_fresh(result.vector) else f"{root}/{result.level}/{result.vector}/{VECTOR_FILE}"


def _expected(run: RunDocument | None) -> KnownFailures:
    return NONE_KNOWN if run is None else run.expected_failures


def _verdict(results: Results, run: RunDocument | None) -> Verdict:
    expected = _expected(run)
    return results.verdict(expected.known, expected.stale)


def _last_lines(text: str) -> str:
    """Return the last lines of a decoder's standard error, for a page."""
    return "\n".join(text.strip()[-_STDERR_CHARACTERS:].splitlines()[-_STDERR_LINES:])


def by_decoder(results: Results) -> Iterable[Results]:
    """Yield the results of each decoder.

    A part has a closing record if the whole has one.
    """
    planned = set(results.planned)
    vectors = {name.partition("@")[0] for name in planned}
    for decoder in results.decoders:
        own = tuple(sorted(planned & {case_id(vector, decoder.name) for vector in vectors}))
        cases = tuple(case for case in results.cases if case.decoder == decoder.name)
        located = tuple(location for location in results.located if location.decoder == decoder.name)
        closing = close(own, cases) if results.closing is not None else None
        part = {"decoders": (decoder,), "planned": own, "cases": cases, "located": located, "closing": closing}
        yield results.model_copy(update=part)


def _summarise(part: Results, cases: Sequence[ReportedCase], run: RunDocument | None) -> DecoderSummary:
    """Summarize one decoder.

    Planned cases without a result count as not run, and against conformance.
    """
    given = {case.result.id for case in cases}
    absent = tuple(name for name in part.planned if name not in given)
    standings = {kind: tally(case.result for case in cases if case.standing is kind) for kind in CaseStanding}
    standings[CaseStanding.CONFORMANCE] = standings[CaseStanding.CONFORMANCE].plus(Outcome.NOT_RUN, len(absent))
    total = tally(case.result for case in cases).plus(Outcome.NOT_RUN, len(absent))
    claims = tuple(map(str, contradicted(part)))
    return DecoderSummary(
        part.decoders[0],
        _verdict(part, run),
        total,
        standings,
        absent,
        claims,
        part.located[0] if part.located else None,
        known=sum(bool(case.known) for case in cases),
        stale=sum(bool(case.stale) for case in cases),
        started=run.started if run is not None else "",
    )


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if all(verdict is Verdict.AS_EXPECTED for verdict in verdicts):
        return Verdict.AS_EXPECTED
    return Verdict.FAILED if Verdict.FAILED in verdicts else Verdict.INCOMPLETE


def _rule_of(case: ReportedCase) -> tuple[str, ...]:
    return (case.result.rule,) if case.result.rule else ()


def _group(
    field: str,
    title: str,
    cases: Sequence[ReportedCase],
    decoders: Sequence[str],
    keys_of: Callable[[ReportedCase], Iterable[str]],
    order: Sequence[str],
    title_of: Callable[[str], str] = lambda key: "",
) -> MatrixGroup:
    """Count results by feature and decoder.

    Each key, such as a level or clause, has a row, and each decoder a cell in it.

    Args:
        field: The name of the group in documents, such as ``level``.
        title: Its heading.
        cases: The cases.
        decoders: The decoders, one column each.
        keys_of: The keys of a case; it counts in the row of each.
        order: Keys that come first, in this order; others follow sorted.
        title_of: The words that explain a key.
    """
    members: dict[str, dict[str, list[CaseResult]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        for key in keys_of(case):
            members[str(key)][case.result.decoder].append(case.result)
    known = {str(key): place for place, key in enumerate(order)}
    keys = sorted(members, key=lambda key: (known.get(key, len(known)), _natural(key)))
    rows = tuple(MatrixRow(key, title_of(key), tuple(tally(members[key][name]) for name in decoders)) for key in keys)
    return MatrixGroup(field, title, rows, field in FEATURE_FIELDS)


def _vector_rows(cases: Sequence[ReportedCase], decoders: Sequence[str]) -> tuple[VectorRow, ...]:
    """Put the cases of each vector into one row, by decoder.

    A decoder without a result has None.
    """
    vectors: dict[str, dict[str, ReportedCase]] = defaultdict(dict)
    for case in cases:
        vectors[case.result.vector][case.result.decoder] = case
    return tuple(
        VectorRow(vector, next(iter(own.values())).result.title, tuple(own.get(name) for name in decoders))
        for vector, own in vectors.items()
    )


def _measured(vector: VectorRow) -> list[MeasuredNetwork]:
    """Return the networks of a vector: one, or for a sequence one after each step."""
    answers = [case.result.accuracy if case is not None else () for case in vector.cases]
    networks = dict.fromkeys(row.network for own in answers for row in own)
    return [_measured_network(vector.id, network, answers) for network in networks]


def _measured_network(vector_id: str, network: str, answers: Sequence[Sequence[AccuracyRow]]) -> MeasuredNetwork:
    """Collect the accuracies of one network: original, reference and each decoder.

    Args:
        vector_id: The vector with the network's stream.
        network: The network's name.
        answers: The measured rows of each decoder.
    """
    rows: list[dict[str, AccuracyRow]] = [{row.parameters: row for row in own if row.network == network} for own in answers]
    first = {parameters: row for own in reversed(rows) for parameters, row in own.items()}
    original, reference = first.get("original"), first.get("reference")
    decoded = tuple(own.get("decoded") for own in rows)
    return MeasuredNetwork(vector_id, network, original, reference, decoded, _layers(reference, decoded))


def _layers(reference: AccuracyRow | None, decoded: Sequence[AccuracyRow | None]) -> tuple[LayerErrors, ...]:
    """Collect the errors of all layers, in graph order.

    A layer has its errors with the reference's and with each decoder's parameters; None if
    unmeasured.
    """
    runs = [{layer.output: layer for layer in row.layers} if row is not None else {} for row in (reference, *decoded)]
    operators = {name: layer.operator for run in reversed(runs) for name, layer in run.items()}
    names = dict.fromkeys(name for run in runs for name in run)
    distances = {name: [run[name].distance if name in run else None for run in runs] for name in names}
    return tuple(LayerErrors(name, operators[name], first, tuple(others)) for name, (first, *others) in distances.items())


def _natural(key: str) -> tuple[tuple[int, int | str], ...]:
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in key.split("."))


def _headline(decoders: Sequence[DecoderSummary], problems: Sequence[str]) -> str:
    """Sum the run up in a few sentences: what passes, fails, is missing or unexpected."""
    if problems or not decoders:
        return "The results are incomplete, so they are not a pass."
    sentences = [_sentence(decoder) for decoder in decoders] if len(decoders) <= 3 else [_count_sentence(decoders)]
    if left := sum(decoder.total.missing for decoder in decoders):
        sentences.append(f"{_cases(left)} {'was' if left == 1 else 'were'} planned but not executed.")
    if stale := sum(decoder.stale for decoder in decoders):
        verb, entries = ("passes", "it") if stale == 1 else ("pass", "them")
        sentences.append(f"{_cases(stale)} {verb} although expected to fail: remove {entries} from the list.")
    return " ".join(sentences)


def _sentence(decoder: DecoderSummary) -> str:
    """Say in a sentence how many cases a decoder passes or fails."""
    name, total = decoder.info.name, decoder.total
    tried = total.passed + total.failed
    if unexpected := total.failed - decoder.known:
        known = f", and {decoder.known} {'more' if decoder.known == 1 else 'others'} as expected" if decoder.known else ""
        return f"{name} fails {unexpected} of {_cases(tried)}{known}."
    if decoder.known:
        verb = "is" if decoder.known == 1 else "are"
        return f"{name} passes {total.passed} of {_cases(tried)}; the other {decoder.known} {verb} known to fail."
    if not tried:
        return f"{name} was not judged on any case."
    passes = f"{name} passes its only case" if tried == 1 else f"{name} passes all {_cases(tried)}"
    return f"{passes}, but decoded no good stream." if total.refusals_only else f"{passes}."


def _count_sentence(decoders: Sequence[DecoderSummary]) -> str:
    passing = sum(1 for decoder in decoders if decoder.verdict is Verdict.AS_EXPECTED)
    return f"{passing} of {len(decoders)} decoders pass."


def _cases(count: int) -> str:
    return f"{count:,} case{'' if count == 1 else 's'}"
