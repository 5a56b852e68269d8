"""Runs of the toy suite: outcomes, files, selection, resuming, reproducible results."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.report_documents import case
from helpers.toy_runs import LEVELS, judged
from hostile import support

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reports.results import load
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.suite_folder import SuiteError
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import ExitCode, Outcome
from nnc_conformance.suites.results.result import ResultsError, Verdict
from nnc_conformance.suites.results.result_files import load_results, load_run
from nnc_conformance.suites.results.run_document import NO_LOG
from nnc_conformance.suites.running import second_tries
from nnc_conformance.suites.running.decoder_run import JOURNAL_FILE, run
from nnc_conformance.suites.running.journal import JournalError
from nnc_conformance.suites.running.messages import FinishedCase
from nnc_conformance.suites.running.runner import Progress, RunOptions
from nnc_conformance.suites.running.selection import SelectionError, parse_filter, select
from nnc_conformance.suites.sandbox.limits import Limits


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite")
    support.write_suite(root, support.good_vectors(6) + support.bad_vectors())
    return root


def test_all_that_a_run_leaves(root: Path, tmp_path: Path) -> None:
    steps: list[Progress] = []
    decoders = support.decoders(support.command("toy.py"), support.worker(tmp_path, "toy_worker.py", version='"1.2"'))
    results = run(select(root), decoders, tmp_path, levels=LEVELS, options=RunOptions(jobs=2), progress=steps.append)
    assert results.verdict() is Verdict.AS_EXPECTED
    assert results.verdict().exit_code is ExitCode.AS_EXPECTED
    assert results.counts[Outcome.PASS] == 16
    assert load_results(tmp_path) == results
    assert [(step.done, step.planned) for step in steps] == [(done, 16) for done in range(17)]
    document = load_run(tmp_path)
    assert set(document.logs) == set(results.planned)
    assert results.decoders[1].version == "1.2"
    refused = next(case for case in results.cases if case.vector == "bad-must")
    assert (refused.category_seen, refused.unit, refused.byte) == ("reserved", 0, 2)
    for private in (str(root), str(tmp_path), document.host, sys.executable, document.started[:10]):
        assert private not in (tmp_path / "results.json").read_text()


@pytest.mark.slow
def test_jobs_do_not_change_the_results(root: Path, tmp_path: Path) -> None:
    texts = []
    for jobs in (1, 2):
        judged(root, tmp_path / str(jobs), support.command("toy.py"), support.command("wrong_value.py"), options=RunOptions(jobs=jobs))
        texts.append((tmp_path / str(jobs) / "results.json").read_bytes())
    assert texts[0] == texts[1]


def test_a_wrong_decoder_fails(root: Path, tmp_path: Path) -> None:
    results = judged(root, tmp_path, support.command("wrong_value.py"))
    assert results.verdict().exit_code is ExitCode.FAILED
    assert results.counts[Outcome.FAIL] == 6
    assert results.cases[5].message == ("tensor 'n'[0]: expected 5, got 6; 1 of 1 differ, at most 1 ulp off")


def test_filters(root: Path) -> None:
    def ids(*texts: str) -> list[str]:
        return [stored.vector.id for stored in select(root, LEVELS, [parse_filter(text) for text in texts]).vectors]

    assert ids("id=good-00[12]") == ["good-001", "good-002"]
    assert ids("!id=good-*") == ["bad-may", "bad-must"]
    assert ids("level=negative", "!id=*may") == ["bad-must"]
    assert len(ids("clause=6", "flag=float", "element=dq_*")) == 8
    for wrong in ("id", "ident=x", "=x", "!=x"):
        with pytest.raises(SelectionError):
            parse_filter(wrong)
    for nothing in ("id=none", "flag=int", "!clause=6"):
        with pytest.raises(SelectionError, match="no vector"):
            ids(nothing)
    for asked in ([Level.STRESS], [Level.CORE, Level.STRESS]):
        with pytest.raises(SelectionError, match=f"nnc-conformance generate --level stress {root}, then nnc-conformance run"):
            select(root, asked, complete=True)


def test_fail_fast_leaves_the_rest_not_run(root: Path, tmp_path: Path) -> None:
    results = judged(root, tmp_path, support.command("wrong_value.py"), options=RunOptions(jobs=1, fail_fast=True))
    assert (results.counts[Outcome.FAIL], results.counts[Outcome.NOT_RUN]) == (1, 7)
    assert results.verdict() is Verdict.FAILED
    assert load_results(tmp_path) == results


SLOW_AT_FIRST = """
import pathlib, sys, time
stream, output, marks = map(pathlib.Path, sys.argv[1:])
mark = marks / str(hash(stream.read_bytes()))
if not mark.exists():
    mark.touch()
    time.sleep(60)
output.write_bytes(stream.read_bytes()[4:])
"""


def test_a_timeout_under_load_is_tried_again_alone_and_reported(root: Path, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    (tmp_path / "slow.py").write_text(SLOW_AT_FIRST)
    argument = f"command:env PYTHONHASHSEED=0 {sys.executable} -S {tmp_path / 'slow.py'} {{stream}} {{output}} {tmp_path / 'marks'}"
    options = RunOptions(jobs=2, limits=Limits(wall_seconds=2))
    results = judged(root, tmp_path, argument, options=options, filters=("id=good-00[01]",))
    assert results.counts[Outcome.PASS] == 2
    assert re.fullmatch(r"[\d.]+ to [\d.]+ on \d+ CPUs", load_run(tmp_path).load)
    tried = build_report([load(tmp_path)]).second_tries
    reason = r"Tried again: .*: it timed out at load [\d.]+ on \d+ CPUs, with 2 cases at once; then pass\."
    assert [bool(re.fullmatch(reason, line)) for line in tried] == [True, True]


@pytest.mark.slow
def test_a_decoder_that_hangs_under_load_is_tried_again_five_times_a_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    (tmp_path / "slow.py").write_text(SLOW_AT_FIRST)
    argument = f"command:env PYTHONHASHSEED=0 {sys.executable} -S {tmp_path / 'slow.py'} {{stream}} {{output}} {tmp_path / 'marks'}"
    results = judged(root, tmp_path, argument, options=RunOptions(jobs=2, limits=Limits(wall_seconds=2)), filters=("id=good-*",))
    assert (results.counts[Outcome.TIMEOUT], results.counts[Outcome.PASS]) == (1, 5)
    assert len(build_report([load(tmp_path)]).second_tries) == 5


@pytest.mark.parametrize(("parallel", "load_average", "again"), [(2, 0.0, 5), (1, 10_000.0, 5), (1, 0.0, 0)])
def test_only_timeouts_under_load_are_tried_again(monkeypatch: pytest.MonkeyPatch, parallel: int, load_average: float, again: int) -> None:
    monkeypatch.setattr(second_tries, "load_average", lambda: load_average)
    log = NO_LOG.model_copy(update={"seconds": 1.0})
    slow = [FinishedCase(case=case(f"slow-{number}", outcome=Outcome.TIMEOUT), log=log) for number in range(7)]
    tries = second_tries.SecondTries(Limits(wall_seconds=1, cpu_seconds=4))
    spins = FinishedCase(case=case("spins", outcome=Outcome.TIMEOUT), log=log.model_copy(update={"cpu_seconds": 4.5}))
    assert not tries.takes(spins, parallel=parallel)
    assert not tries.takes(FinishedCase(case=case("wrong", outcome=Outcome.FAIL), log=log), parallel=parallel)
    assert sum(tries.takes(one, parallel=parallel) for one in slow) == again
    assert not tries.takes(slow[0], parallel=parallel)


def test_repeats_find_a_decoder_that_is_not_the_same_twice(root: Path, tmp_path: Path) -> None:
    argument = support.command("random_value.py")
    results = judged(root, tmp_path, argument, options=RunOptions(jobs=2, repeat=2), filters=("id=good-*",))
    assert results.counts[Outcome.NONDETERMINISTIC] == 6


def test_nothing_judged_is_not_a_good_run(root: Path, tmp_path: Path) -> None:
    results = judged(root, tmp_path, support.command("unsupported.py"))
    assert results.counts[Outcome.UNSUPPORTED] == 8
    assert results.verdict().exit_code is ExitCode.INCOMPLETE
    narrow = support.worker(tmp_path, "toy_worker.py", capabilities='["int"]')
    assert judged(root, tmp_path / "narrow", narrow).counts[Outcome.UNSUPPORTED] == 8


def test_results_without_their_closing_record_are_incomplete(root: Path, tmp_path: Path) -> None:
    results = judged(root, tmp_path, support.command("wrong_value.py"))
    assert results.model_copy(update={"closing": None}).verdict().exit_code is ExitCode.INCOMPLETE
    document = json.loads((tmp_path / "results.json").read_text())
    for change in (
        {"cases": document["cases"][:-1]},
        {"cases": [{**document["cases"][0], "outcome": "pass"}, *document["cases"][1:]]},
        {"planned": document["planned"][:-1]},
        {"cases": [*document["cases"], document["cases"][0]]},
        {"format": "nnc-results/2"},
        {"more": 1},
    ):
        (tmp_path / "results.json").write_text(json.dumps({**document, **change}))
        with pytest.raises(ResultsError):
            load_results(tmp_path)
    with pytest.raises(ResultsError):
        load_results(tmp_path / "missing.json")


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_results(root: Path, tmp_path: Path) -> None:
    argument = support.command("slow.py")
    judged(root, tmp_path / "whole", argument)
    (tmp_path / "temporary").mkdir()
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(support.HERE.parent)!r})\n"
        "from pathlib import Path\nfrom helpers.toy_runs import judged\n"
        f"judged(Path({str(root)!r}), Path({str(tmp_path / 'killed')!r}), {argument!r})\n"
    )
    journal = tmp_path / "killed" / JOURNAL_FILE
    process = subprocess.Popen([sys.executable, program], env={**os.environ, "TMPDIR": str(tmp_path / "temporary")})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while time.monotonic() < deadline and list((tmp_path / "temporary").iterdir()):
        time.sleep(0.01)
    assert not list((tmp_path / "temporary").iterdir()), "the processes of a killed run end, and leave nothing"
    assert not (tmp_path / "killed/results.json").exists()
    with journal.open("ab") as file:
        file.write(b'{"case": {"vector": "good-0')
    done = journal.read_bytes().count(b"\n") - 1
    assert 2 <= done < 8
    steps: list[Progress] = []
    suite, decoders = select(root), support.decoders(argument)
    run(suite, decoders, tmp_path / "killed", levels=LEVELS, options=RunOptions(jobs=2, resume=True), progress=steps.append)
    assert steps[0].resumed == steps[0].done == done
    assert (tmp_path / "killed/results.json").read_bytes() == (tmp_path / "whole/results.json").read_bytes()


def test_a_journal_belongs_to_one_run(root: Path, tmp_path: Path) -> None:
    judged(root, tmp_path, support.command("toy.py"))
    with pytest.raises(JournalError, match="another run"):
        judged(root, tmp_path, support.command("wrong_value.py"), options=RunOptions(jobs=1, resume=True))
    (tmp_path / JOURNAL_FILE).write_text("garbage\n")
    with pytest.raises(JournalError, match="is not a journal"):
        judged(root, tmp_path, support.command("toy.py"), options=RunOptions(jobs=1, resume=True))
    assert judged(root, tmp_path, support.command("toy.py")).verdict() is Verdict.AS_EXPECTED


def test_a_vector_that_changes_during_a_run_stops_it(root: Path, tmp_path: Path) -> None:
    support.write_suite(tmp_path / "suite", support.good_vectors(2))
    suite = select(tmp_path / "suite", LEVELS)
    (tmp_path / "suite/core/good-001/stream.nnr").write_bytes(b"other")
    with pytest.raises(SuiteError):
        run(suite, support.decoders(support.command("toy.py")), tmp_path, levels=LEVELS, options=RunOptions(jobs=1))
    assert not (tmp_path / "results.json").exists()


def test_disputed_vectors_show_choices(tmp_path: Path) -> None:
    data, other = (files["expected.safetensors"] for _, files in support.good_vectors(2))
    vectors = [
        support.make_vector("d-one", support.GOOD + data, data, level=Level.DISPUTED, choices={"x": data, "y": other}),
        support.make_vector("d-two", support.BAD, data, level=Level.DISPUTED, choices={"x": data, "y": None}),
    ]
    suite = support.write_suite(tmp_path / "suite", vectors)
    results = run(suite, support.decoders(support.command("toy.py")), tmp_path, levels=[Level.DISPUTED], options=RunOptions(jobs=1))
    assert [(case.outcome, case.message) for case in results.cases] == [(Outcome.CHOICE, "dq = x"), (Outcome.CHOICE, "dq = y")]
    assert results.verdict() is Verdict.AS_EXPECTED


def test_errors_are_typed() -> None:
    assert issubclass(JournalError, NNCError)
    assert issubclass(SelectionError, NNCError)
