"""False claims of decoders in the results of a run."""

from pathlib import Path

import pytest
from hostile import support

from nnc_conformance.reports.pages import RUN_PAGES, write_pages
from nnc_conformance.reports.results import load
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.judging.claims import FalseClaim, GoodCase, contradicted, false_claims
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions

DECLARED = ("block", "dq", "float", "int")


def shown(*rows: tuple[str, str, bool]) -> list[GoodCase]:
    return [GoodCase(vector, tuple(flags.split()), passed) for vector, flags, passed in rows]


@pytest.mark.parametrize(
    ("rows", "false"),
    [
        (shown(("a", "float", True), ("b", "dq float", False)), {"dq": ("b",)}),
        (shown(("a", "float", False), ("b", "dq float", False)), {"float": ("a", "b")}),
        (shown(("a", "float", False), ("b", "float", True), ("c", "dq float", True)), {}),
        (shown(("a", "dq float", False), ("b", "int", True)), {"dq": ("a",), "float": ("a",)}),
        (shown(("a", "float", False), ("b", "block dq", False)), {"float": ("a",), "block": ("b",), "dq": ("b",)}),
        (shown(("a", "lps", False)), {}),
        ([], {}),
    ],
)
def test_a_claim_that_no_vector_confirms_is_false(rows: list[GoodCase], false: dict[str, tuple[str, ...]]) -> None:
    assert {claim.capability: claim.vectors for claim in false_claims("d", DECLARED, rows)} == false


def test_a_run_flags_both_kinds(tmp_path: Path) -> None:
    vectors = [
        *support.good_vectors(2),
        *(
            support.make_vector(name, b"BAD!", support.good_vectors(1)[0][1]["expected.safetensors"], flags=("dq", "float"))
            for name in ("other-dq", "other-dq-2")
        ),
        support.make_vector("one-block", b"BAD!", support.good_vectors(1)[0][1]["expected.safetensors"], flags=("block",)),
    ]
    suite = support.write_suite(tmp_path / "suite", vectors)
    claims = support.worker(tmp_path, "toy_worker.py", capabilities='["block", "dq", "float"]')
    lazy = support.worker(tmp_path, "says_unsupported.py", capabilities='["float"]')
    silent = support.command("unsupported.py")
    results = run(suite, support.decoders(claims, lazy, silent), tmp_path, levels=[Level.CORE], options=RunOptions(jobs=1))
    outcomes = {case.id: case.outcome for case in results.cases}
    assert outcomes["good-000@toy_worker.py"] is Outcome.PASS
    assert outcomes["other-dq@toy_worker.py"] is Outcome.REFUSED
    assert outcomes["good-000@says_unsupported.py"] is Outcome.FAIL, "float is declared, so unsupported is false"
    assert outcomes["other-dq@says_unsupported.py"] is Outcome.UNSUPPORTED, "dq is not declared"
    assert results.decoders[2].declared is False
    assert {case.outcome for case in results.cases if case.decoder == results.decoders[2].name} == {Outcome.UNSUPPORTED}
    assert contradicted(results) == (
        FalseClaim("toy_worker.py", "dq", ("other-dq", "other-dq-2")),
        FalseClaim("says_unsupported.py", "float", ("good-000", "good-001")),
    )
    assert outcomes["one-block@toy_worker.py"] is Outcome.REFUSED, "one vector may fail for any reason"
    part = results.model_copy(update={"suite": results.suite.model_copy(update={"filters": ("id=other-dq",)})})
    assert contradicted(part) == (), "a few vectors do not speak for a capability"
    report = build_report([load(tmp_path)])
    write_pages(report, tmp_path, RUN_PAGES)
    for page in ("report.html", "report.md", "junit.xml"):
        assert "declares dq" in (tmp_path / page).read_text(), page
