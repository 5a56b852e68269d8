"""Figures of reports: what counts, in which denominator, and what is never a pass."""

import re

import pytest
from helpers.report_documents import case, document, every_outcome

from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.reports.badge import badge_message
from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.markdown import render_markdown
from nnc_conformance.reports.results import Loaded, loaded
from nnc_conformance.reports.summary import build_report, clause_title
from nnc_conformance.reports.tally import OutcomeTally
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import ResultsError, Verdict
from nnc_conformance.suites.results.run_document import DecoderRun, RunDocument
from nnc_conformance.suites.results.standing import CaseStanding, standing


def report_of(*cases, **more):
    return build_report([loaded("results.json", document(*cases, **more))])


def test_figures_of_every_outcome():
    report = report_of(*every_outcome())
    (alpha,) = report.decoders
    # 12 outcomes but choice: 1 pass, 8 failing, 1 unsupported, 1 not run; then the network passes
    # and broken-size fails.
    assert (alpha.conformance.passed, alpha.conformance.failed, alpha.conformance.missing) == (2, 9, 1)
    assert alpha.conformance.judged == 12
    assert alpha.standings[CaseStanding.INFERRED].counts == {Outcome.FAIL: 1}
    assert alpha.standings[CaseStanding.DISPUTED].counts == {Outcome.CHOICE: 1}
    assert alpha.standings[CaseStanding.OWN].counts == {Outcome.PASS: 1}
    assert sum(figures.total for figures in alpha.standings.values()) == alpha.total.total == len(report.cases)
    assert {one.result.vector for one in report.failures} >= {"inferred", "broken-size", "case-crash"}
    assert len(report.failures) == 10


def test_groups_count_conformance_only():
    report = report_of(*every_outcome())
    levels = {row.key: row.cells[0] for row in report.levels.rows}
    assert set(levels) == {"core", "negative", "models"}
    assert (levels["core"].passed, levels["core"].judged, levels["core"].total) == (1, 10, 11)
    assert levels["negative"].counts == {Outcome.WRONGLY_ACCEPTED: 1}
    clauses, flags, rules = report.groups
    assert [(row.key, row.title, row.cells[0].total) for row in clauses.rows] == [
        ("6", "High-level syntax", 1),
        ("10", "Entropy coding", 12),
    ]
    assert [(row.key, row.cells[0].total) for row in flags.rows] == [("int", 13)]
    assert [(row.key, row.cells[0].total) for row in rules.rows] == [("unit-size-min", 1)]
    assert [(row.key, row.cells[0].total) for row in report.standings.rows] == [
        ("conformance", 13),
        ("inferred", 1),
        ("disputed", 1),
        ("own", 1),
    ]


@pytest.mark.parametrize(
    ("level", "provenance", "expected"),
    [
        (Level.CORE, Provenance.VERIFIED, CaseStanding.CONFORMANCE),
        (Level.NEGATIVE, Provenance.PUBLISHED, CaseStanding.CONFORMANCE),
        (Level.NEGATIVE, Provenance.INFERRED, CaseStanding.INFERRED),
        (Level.INFERRED, Provenance.PUBLISHED, CaseStanding.INFERRED),
        (Level.DISPUTED, Provenance.VERIFIED, CaseStanding.DISPUTED),
        (Level.STRESS, Provenance.OWN, CaseStanding.OWN),
    ],
)
def test_standing(level, provenance, expected):
    assert standing(level, provenance) is expected


@pytest.mark.parametrize(
    ("passed", "failed", "percent_text"), [(0, 0, "–"), (2999, 1, "99.9 %"), (3000, 0, "100 %"), (2, 1, "66.6 %"), (0, 5, "0.0 %")]
)
def test_percent_is_rounded_down(passed, failed, percent_text):
    assert OutcomeTally({Outcome.PASS: passed, Outcome.FAIL: failed}).percent == percent_text


@pytest.mark.parametrize("outcome", list(Outcome))
def test_verdict_follows_the_table_of_outcomes(outcome):
    # Written out here from the design's table, not derived from the package's.
    failing = {"fail", "refused", "wrongly_accepted", "nondeterministic", "crash", "timeout", "limit", "protocol"}
    expected = Verdict.FAILED if outcome in failing else Verdict.INCOMPLETE if outcome == "not_run" else Verdict.AS_EXPECTED
    report = report_of(case("one"), case("two", outcome=outcome))
    assert report.verdict is expected
    assert report.decoders[0].verdict is expected


def test_not_whole_is_never_a_pass():
    unclosed = report_of(case("one"), closed=False)
    cut = build_report([Loaded("results.json", None, ("cut",))])
    absent = report_of(case("one"), absent=("two@alpha",))
    unjudged = report_of(case("one", outcome=Outcome.UNSUPPORTED))
    empty = build_report([loaded("results.json", document())])
    for report in (unclosed, cut, absent, unjudged, empty):
        assert report.verdict is Verdict.INCOMPLETE
    assert absent.decoders[0].absent == ("two@alpha",)
    assert absent.decoders[0].conformance.percent == "50.0 %"
    assert unclosed.problems
    assert cut.problems


def test_a_failure_without_a_closing_record_stays_incomplete():
    assert report_of(case("one", outcome=Outcome.FAIL), closed=False).verdict is Verdict.INCOMPLETE


def test_one_incomplete_file_beside_a_whole_one():
    report = build_report([loaded("a", document(case("one", "alpha"))), loaded("b", document(case("one", "beta"), closed=False))])
    assert report.verdict is Verdict.INCOMPLETE
    assert [decoder.verdict for decoder in report.decoders] == [Verdict.AS_EXPECTED, Verdict.INCOMPLETE]
    assert report.problems[0].startswith("b: ")


def test_decoders_of_several_files_stand_side_by_side():
    report = build_report([loaded("a", document(case("one", "alpha"))), loaded("b", document(case("one", "beta", Outcome.FAIL)))])
    (core,) = report.levels.rows
    assert [cell.counts for cell in core.cells] == [{Outcome.PASS: 1}, {Outcome.FAIL: 1}]
    assert report.verdict is Verdict.FAILED
    with pytest.raises(ResultsError, match="alpha"):
        build_report([loaded("a", document(case("one"))), loaded("b", document(case("two")))])
    with pytest.raises(ResultsError):
        build_report([])


def test_networks_and_choices_side_by_side():
    report = report_of(*every_outcome("alpha"), case("network", "beta", Outcome.UNSUPPORTED))
    (network,) = report.measured
    assert (network.network, network.original.top1, network.reference.top1) == ("mlp", 0.98, 0.97)
    assert network.decoded[0].top1 == 0.965
    assert network.decoded[1] is None
    assert [(layer.output, layer.operator) for layer in network.layers] == [("flatten", "Flatten"), ("gemm", "Gemm"), ("relu", "Relu")]
    assert [layer.reference.relative_error for layer in network.layers] == [0, 0.01, 0.1]
    assert [layer.decoded[0].relative_error for layer in network.layers] == [0, 1, 0.5]
    assert [layer.decoded[1] for layer in network.layers] == [None] * 3
    assert [place for place, _ in network.answered] == [0]
    (choice,) = report.choices
    assert choice.cases[0].result.choices[0].choice == "ignored"
    assert choice.cases[1] is None


def test_reproduce_uses_what_the_run_was_given():
    run = RunDocument(
        results_sha256="0" * 64,
        suite="my suite",
        decoders=(DecoderRun(name="alpha", argument="command:dec {stream} {output}", command=""),),
        started="",
        finished="",
        host="",
        platform="",
        python="",
        versions={},
        jobs=1,
        limits={},
        network="none",
        logs={},
    )
    report = build_report([loaded("r", document(case("one", level=Level.STRESS), case("two", "beta")), run)])
    assert report.cases[1].reproduce == (
        "nnc-conformance run 'my suite' --decoder 'command:dec {stream} {output}' --level stress --filter id=one"
    )
    assert report.cases[0].reproduce == "nnc-conformance run 'my suite' --decoder beta --filter id=two"


def test_titles_of_deeper_clauses():
    assert clause_title("8.2.5") == "Parameter reduction"
    assert clause_title("7.3.1") == "Decoding of quantized parameters"
    assert clause_title("77") == ""


def test_broken_streams_give_no_percentage():
    """A decoder that refuses everything is right on the broken streams, which proves nothing."""
    bad = [case(f"bad-{n}", level=Level.NEGATIVE, flags=("dq", "performance-map"), policy=Policy.MUST) for n in range(40)]
    good = [case(f"good-{n}", outcome=Outcome.REFUSED, flags=("dq",)) for n in range(5)]
    report = report_of(*bad, *good, case("lps", flags=("lps",)))
    features = next(group for group in report.groups if group.field == "flag")
    assert {row.key: (row.cells[0].figures, row.cells[0].percent, features.remark(row.cells[0])) for row in features.rows} == {
        "dq": ("good 0 of 5 (0.0 %), broken 40 of 40", "0.0 %", ""),
        "performance-map": ("broken 40 of 40", "–", "unproven: broken streams only"),
        "lps": ("good 1 of 1 (100 %)", "100 %", ""),
    }
    assert {row.key: row.cells[0].figures for row in report.levels.rows} == {
        "core": "good 1 of 6 (16.6 %)",
        "negative": "broken 40 of 40",
    }
    text, page = render_markdown(report), " ".join(render_html(report).split())
    for shown in ("good 0 of 5 (0.0 %), broken 40 of 40", "broken 40 of 40 (unproven: broken streams only)"):
        assert f"| {shown} |" in text
    assert '<span>good 0 of 5</span> <small>0.0 %</small></span> <span class="frac"><span>broken 40 of 40</span> </span>' in page
    assert "unproven: broken streams only" in page
    assert not re.search(r"41 of 46|40 of 45|8\d\.\d %", text + page)


def test_a_run_of_broken_streams_alone_shows_nothing_decoded():
    report = report_of(case("bad-0", level=Level.NEGATIVE, policy=Policy.MUST), case("bad-1", level=Level.NEGATIVE, policy=Policy.MUST))
    assert report.headline == "alpha passes all 2 cases, but decoded no good stream."
    assert report.decoders[0].conformance.percent == "–"
    assert badge_message(report) == "pass, broken 2 of 2"


@pytest.mark.parametrize(
    ("levels", "vectors", "line"),
    [
        (["core", "negative"], ["one"], "Levels not run: full, stress."),
        (["negative"], ["one"], "Levels not run: core, full, stress."),
        (
            ["core", "negative", "stress"],
            ["one", "fresh-0a1b2c3d-00", "fresh-0a1b2c3d-01"],
            "Levels not run: full, stress; of stress 2 fresh streams were drawn for each decoder.",
        ),
        (["core", "full", "negative", "stress"], ["stress-1"], ""),
    ],
)
def test_the_report_says_which_levels_were_not_run(levels, vectors, line):
    cases = [case(name, level=Level.CORE if name == "one" else Level.STRESS) for name in vectors]
    results = document(*cases)
    results = results.model_copy(update={"suite": results.suite.model_copy(update={"levels": tuple(map(Level, levels))})})
    report = build_report([loaded("r", results)])
    assert report.not_run == ((line,) if line else ())
    for page in (render_markdown(report), render_html(report)):
        assert (line in page) if line else "Levels not run" not in page
