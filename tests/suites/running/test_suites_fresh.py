"""Fresh streams of a run: which are drawn, that they are the same every time, and what comes of
them in results and reports.
"""

import json
import shlex
from pathlib import Path

import pytest
from helpers.certified_suite import BROKEN, write_suite
from helpers.command_line import nnc
from helpers.report_documents import case, document

from nnc_conformance.faults.diagnosis import explain as explaining
from nnc_conformance.reports.changes import ChangeKind, since
from nnc_conformance.storage.suite_folder import Suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.fresh_ids import fresh_count, is_fresh
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import DecoderIdentity
from nnc_conformance.suites.results.result_files import RESULTS_FILE, load_run
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.fresh import with_fresh
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import parse_filter, select

ONE_JOB = RunOptions(jobs=1)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return write_suite(tmp_path_factory.mktemp("fresh") / "suite")


def decoder(*capabilities: str, version: str = "1") -> DecoderIdentity:
    return DecoderIdentity(name="d", version=version, kind="worker", capabilities=capabilities)


def drawn(suite: Suite, *decoders: DecoderIdentity) -> dict[str, str]:
    """The hashes of the fresh streams by id."""
    extended = with_fresh(suite, decoders, count=3)
    assert extended.vectors[: len(suite.vectors)] == suite.vectors
    return {stored.vector.id: stored.vector.stream.sha256 for stored in extended.vectors if is_fresh(stored.vector.id)}


def test_the_draw_follows_from_suite_and_decoder(suite: Suite) -> None:
    first = drawn(suite, decoder("int"))
    assert len(first) == 3 == fresh_count(first)
    assert drawn(suite, decoder("int")) == first
    assert drawn(suite, decoder("int", version="2")).keys().isdisjoint(first)
    assert drawn(suite, decoder("int"), decoder("float", version="2")).items() > first.items()
    assert drawn(suite, decoder("lps")) == {}, "no payload type is declared"
    extended = with_fresh(suite, [decoder("int")], count=3)
    assert {flag for stored in extended.vectors if is_fresh(stored.vector.id) for flag in stored.vector.flags} == {"int"}
    assert extended.source == suite.root


def judged(suite: Suite, argument: str, output: Path, options: RunOptions = ONE_JOB) -> bytes:
    spec = load_decoder(argument)
    levels = [Level.CORE, Level.NEGATIVE]
    chosen = select(suite.root, levels, [parse_filter("!id=inferred")], fresh_for=[spec.identity()], fresh=6)
    run(chosen, [spec], output, levels=levels, options=options)
    return (output / RESULTS_FILE).read_bytes()


@pytest.mark.slow
def test_results_are_the_same_whenever_run_and_resumed(suite: Suite, tmp_path: Path) -> None:
    results = judged(suite, "in-tree", tmp_path / "one")
    cases = json.loads(results)["cases"]
    assert sum(is_fresh(one["vector"]) for one in cases) == 6
    assert {one["outcome"] for one in cases} == {"pass"}
    judged(suite, "in-tree", tmp_path / "two", RunOptions(jobs=2))
    journal = tmp_path / "two" / "journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:12]))
    assert judged(suite, "in-tree", tmp_path / "two", RunOptions(jobs=1, resume=True)) == results
    assert load_run(tmp_path / "two").suite == str(suite.root)


@pytest.mark.slow
def test_a_failing_fresh_stream_can_be_repeated_and_explained(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(suite, str(BROKEN), tmp_path / "results")
    reproduce = load_run(tmp_path / "results").reproduce
    failing = {name: command for name, command in reproduce.items() if is_fresh(name.partition("@")[0])}
    assert failing
    name, command = next(iter(failing.items()))
    words = shlex.split(command)
    again = nnc(*words[1:], "--output", "again", cwd=tmp_path)
    assert again.returncode == 1, again.stderr
    (case_again,) = json.loads((tmp_path / "again" / RESULTS_FILE).read_text())["cases"]
    assert f"{case_again['vector']}@{case_again['decoder']}" == name
    monkeypatch.setattr(explaining, "common_causes", lambda _: [])  # the case is found and read without them
    monkeypatch.setattr(explaining, "other_causes", lambda _: iter(()))
    monkeypatch.setattr(explaining, "wrong_entries", lambda *_, **__: [])
    explained = nnc("explain", "results", name, "--budget", "0", cwd=tmp_path)
    assert explained.stdout.startswith(name), explained.stderr


@pytest.mark.slow
def test_the_built_in_suite_comes_with_fresh_streams(tmp_path: Path) -> None:
    def cases_of(*options: str) -> list[str]:
        ran = nnc("run", *options, "--output", "results", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        return [one["vector"] for one in json.loads((tmp_path / "results" / RESULTS_FILE).read_text())["cases"]]

    assert len(cases_of("--filter", "id=fresh-*")) == 24
    assert len(cases_of("--filter", "id=fresh-*", "--fresh", "2")) == 2
    assert not any(map(is_fresh, cases_of("--level", "core", "--filter", "flag=qnt")))


def test_a_comparison_leaves_out_fresh_streams_that_passed() -> None:
    earlier = document(case("one"), case("fresh-00000000-00"))
    later = (case("one"), case("fresh-11111111-00"), case("fresh-11111111-01", outcome=Outcome.FAIL))
    found = since("earlier", earlier, later, ["alpha"])
    assert [(change.kind, change.vector) for change in found.changes] == [(ChangeKind.NEW, "fresh-11111111-01")]


@pytest.mark.slow
def test_a_run_of_core_draws_fresh_streams(tmp_path: Path) -> None:
    words = ("--filter", "id=fresh-*", "--jobs", "1")
    for name, levels in {"core": ("--level", "core"), "default": (), "again": ("--level", "core")}.items():
        done = nnc("run", *levels, *words, "--output", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "of stress 24 fresh streams were drawn for each decoder." in done.stdout
    first, default, again = (tmp_path / name / RESULTS_FILE for name in ("core", "default", "again"))
    assert first.read_bytes() == again.read_bytes()
    cases = [[(one["vector"], one["output_sha256"]) for one in json.loads(file.read_text())["cases"]] for file in (first, default)]
    assert cases[0] == cases[1]
    assert len(cases[0]) == 24
    done = nnc("run", "--level", "full", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
