"""What a report says since an earlier run, the published schema of results, and a GitHub step's
summary.
"""

import json
from pathlib import Path

import jsonschema
import pytest
from helpers.html_page import Page
from helpers.report_documents import ACCURACY, HOSTILE, case, document, every_outcome
from markdown_it import MarkdownIt

from nnc_conformance.cli.printing import print_verdict
from nnc_conformance.reports.changes import ChangeKind, since
from nnc_conformance.reports.drawings import accuracy_plot, heat_map, histogram
from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.markdown import render_markdown
from nnc_conformance.reports.pages import write_step_summary
from nnc_conformance.reports.results import SCHEMAS, Loaded, loaded, results_schema
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.differences import DifferencePicture
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import ResultsError
from nnc_conformance.suites.results.result_files import results_text

DOCS = Path(__file__).parents[2] / "docs"
EARLIER = document(
    case("broken"),
    case("fixed", outcome=Outcome.CRASH),
    case("gone"),
    case("same", outcome=Outcome.FAIL),
    case("other", outcome=Outcome.FAIL),
    case("output", output_sha256="1" * 64),
)
LATER = (
    case("broken", outcome=Outcome.TIMEOUT),
    case("fixed"),
    case("new"),
    case("same", outcome=Outcome.FAIL),
    case("other", outcome=Outcome.REFUSED),
    case("output", output_sha256="2" * 64),
)
EXPECTED = [
    (ChangeKind.BROKEN, "broken", Outcome.PASS, Outcome.TIMEOUT),
    (ChangeKind.FIXED, "fixed", Outcome.CRASH, Outcome.PASS),
    (ChangeKind.CHANGED, "other", Outcome.FAIL, Outcome.REFUSED),
    (ChangeKind.CHANGED, "output", Outcome.PASS, Outcome.PASS),
    (ChangeKind.NEW, "new", None, Outcome.PASS),
    (ChangeKind.GONE, "gone", Outcome.PASS, None),
]


def test_vectors_that_were_revised_renamed_or_retired_are_known_as_such() -> None:
    earlier = document(
        case("revised", revision=1),
        case("old-name", title="a scan of one row"),
        case("same-name", title="kept"),
        case("retired"),
        case("twin-1", title="a twin"),
        case("twin-2", title="a twin"),
        case("fresh-0123abcd-00", title="drawn"),
    )
    later = (
        case("revised", revision=2, outcome=Outcome.FAIL),
        case("new-name", title="a scan of one row", catches="bug of old-name", outcome=Outcome.FAIL),
        case("same-name", title="kept"),
        case("twin-3", title="a twin"),
    )
    found = since("earlier", earlier, later, ["alpha"], retired=["retired"])
    notes = {change.vector: (change.kind, change.note) for change in found.changes}
    assert notes["revised"] == (ChangeKind.BROKEN, "revision 1 -> 2")
    assert notes["new-name"] == (ChangeKind.BROKEN, "renamed from old-name")
    assert notes["retired"] == (ChangeKind.GONE, "retired")
    assert notes["twin-3"] == (ChangeKind.NEW, "")
    assert "old-name" not in notes


def test_each_change_has_its_kind() -> None:
    found = since("earlier", EARLIER, LATER, ["alpha"])
    assert [(change.kind, change.vector, change.old, change.new) for change in found.changes] == EXPECTED
    assert found.unchanged == 1


def test_decoders_that_were_not_judged_before_are_not_new() -> None:
    of_beta = tuple(one.model_copy(update={"decoder": "beta"}) for one in LATER)
    found = since("earlier", EARLIER, (*LATER, *of_beta), ["alpha", "beta"])
    assert {change.decoder for change in found.changes} == {"alpha"}
    assert len(since("earlier", EARLIER, of_beta, ["beta"]).changes) == len(EXPECTED)


def test_pages_tell_what_changed() -> None:
    report = build_report([loaded("now", document(*LATER))], loaded(HOSTILE, EARLIER))
    page = Page(render_html(report))
    table = next(text for text in page.texts["table"] if "Before" in text)
    for word in ("broken", "timeout", "gone", "refused"):
        assert word in table
    text = render_markdown(report)
    assert "1 broken, 1 fixed, 2 changed, 1 new, 1 gone; 1 as before." in text
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert not any(child.type == "html_inline" for token in tokens for child in token.children or ())
    assert "Since" not in render_markdown(build_report([loaded("now", document(*LATER))]))


def test_a_baseline_that_breaks_off_is_none() -> None:
    with pytest.raises(ResultsError, match="breaks off"):
        build_report([loaded("now", document(*LATER))], Loaded("earlier", None, ("the file breaks off",)))


def test_the_published_schema_is_that_of_the_results() -> None:
    """Refreshed by ``python -m nnc_conformance.reports.results docs``."""
    for name, model in SCHEMAS.items():
        assert (DOCS / name).read_text() == results_schema(model)


def test_results_keep_the_schema() -> None:
    schema = json.loads((DOCS / "results.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = json.loads(results_text(document(*every_outcome())))
    validator.validate(good)
    for damage in (
        {"format": "nnc-results/2"},
        {"more": 1},
        {"planned": None},
        {"cases": [{**good["cases"][0], "outcome": "maybe"}]},
        {"cases": [{**good["cases"][0], "output_sha256": "xyz"}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**good, **damage})


def test_a_step_summary_is_added_to_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = build_report([loaded("now", document(*LATER))])
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert print_verdict(report, Path("report.html")) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("Fail: ")
    assert summary.read_text() == "before\n" + render_markdown(report) + "\n"
    summary.write_bytes(b"x" * ((1 << 20) - 100))
    write_step_summary(report, summary)
    assert summary.stat().st_size <= 1 << 20
    assert summary.read_bytes().endswith(b"\n")
    summary.write_bytes(b"x" * (1 << 20))
    write_step_summary(report, summary)
    assert summary.stat().st_size == 1 << 20


def test_levels_can_be_chosen_where_there_are_several() -> None:
    page = Page(render_html(build_report([loaded("r", document(case("one"), case("two", outcome=Outcome.FAIL, level=Level.NEGATIVE)))])))
    boxes = [attributes["value"] for attributes in page.all("input") if attributes.get("type") == "checkbox"]
    assert boxes == ["core", "negative"]
    assert [attributes["data-level"] for attributes in page.all("article")] == ["negative"]
    alone = Page(render_html(build_report([loaded("r", document(case("one")))])))
    assert not any(attributes.get("type") == "checkbox" for attributes in alone.all("input"))


def test_heat_and_histogram_draw_what_is_counted() -> None:
    picture = DifferencePicture(grid=("0099", "5000"), distances=(0, 4, 0, 2), without_distance=3)
    drawn = heat_map(picture)
    assert (drawn.width, drawn.height) == (32, 16)
    assert drawn.paths == ((5, "M0 8h8v8h-8z"), (9, "M16 0h16v8h-16z"))
    bars = histogram(picture)
    assert [(bar.count, bar.label) for bar in bars.bars] == [(4, "1 ulp"), (2, "4 to 7 ulp")]
    assert bars.bars[0].height == 2 * bars.bars[1].height
    assert bars.most == 4


def test_accuracies_stand_on_one_scale() -> None:
    report = build_report([loaded("r", document(case("network", level=Level.MODELS, accuracy=ACCURACY)))])
    plot = accuracy_plot(report.measured, ["alpha"])
    (row,) = plot.rows
    assert [(dot.label, dot.text, dot.agrees) for dot in row.dots] == [
        ("original", "98.00%", False),
        ("reference", "97.00%", True),
        ("alpha", "96.50%", False),
    ]
    places = [dot.x for dot in row.dots]
    assert places == sorted(places, reverse=True)
    assert abs((places[0] - places[1]) - 2 * (places[1] - places[2])) < 0.3
    assert plot.ticks[-1][1] == "100.0%"
    page = Page(render_html(report))
    assert any("96.50%" in text for text in page.texts["svg"])


def test_vectors_of_one_network_are_told_apart() -> None:
    cases = [case(name, level=Level.MODELS, accuracy=ACCURACY) for name in ("coarse", "fine")]
    plot = accuracy_plot(build_report([loaded("r", document(*cases))]).measured, ["alpha"])
    names = [row.name for row in plot.rows]
    assert len(set(names)) == 2
    assert [name.rpartition(", ")[2] for name in names] == ["coarse", "fine"]
