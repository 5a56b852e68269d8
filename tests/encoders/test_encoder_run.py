"""Runs of encoders: our own passes, and what a run writes, prints and returns."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.command_line import nnc
from jsonschema import Draft202012Validator

from nnc_conformance.encoders.cases import EncoderCase, cases_for, option_rows
from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.results import RESULTS_FILE, RUN_FILE, EncoderResults, schema
from nnc_conformance.reports.encoders import ENCODER_PAGES
from nnc_conformance.suites.decoders.host import KILLED_ONCE
from nnc_conformance.suites.results.outcomes import Outcome

SCHEMA = Path(__file__).parents[2] / "docs" / "encoder-results.schema.json"
HEAD = "import sys, json, pathlib\n"


def script(folder: Path, body: str, *, name: str = "toy", command: str = "{input} {output}", more: str = "") -> Path:
    """Write a command encoder made of a Python script; return its encoder.toml."""
    (folder / f"{name}.py").write_text(HEAD + body)
    words = f"{shlex.quote(sys.executable)} {shlex.quote(str(folder / name))}.py {command}"
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\nkind = "command"\ncommand = {json.dumps(words)}\n{more}')
    return path


def results_of(folder: Path) -> EncoderResults:
    return EncoderResults.model_validate_json((folder / RESULTS_FILE).read_text())


@pytest.mark.slow
def test_the_reference_encoder_passes_every_case(tmp_path: Path) -> None:
    done = nnc("run", "--encoder", "in-tree", "--output", tmp_path)
    assert done.returncode == 0, done.stdout
    results = results_of(tmp_path)
    assert {case.outcome for case in results.cases} == {Outcome.PASS}
    assert len(results.cases) == len(cases_for(load_encoder("in-tree"))) > 150
    assert {case.group for case in results.cases} >= {
        "shape",
        "value",
        "type",
        "name",
        "count",
        "step",
        "scan",
        "block",
        "options",
        "update",
    }
    assert all(case.sizes == case.reference_sizes for case in results.cases)
    assert "1.000 of the reference encoder's" in done.stdout


def test_cases_are_the_same_every_time_and_have_ids_of_their_own() -> None:
    first, second = (cases_for(load_encoder("in-tree")) for _ in range(2))
    assert [one.case for one in first] == [one.case for one in second]
    assert all(
        a.tobytes() == b.tobytes()
        for one, other in zip(first, second, strict=True)
        for mine, theirs in zip(one.inputs, other.inputs, strict=True)
        for a, b in zip(mine.values(), theirs.values(), strict=True)
    )
    assert len({one.case.id for one in first}) == len(first)


def test_rows_of_options_hold_every_allowed_pair() -> None:
    values = {"dq": ("off", "on"), "scan_order": ("0", "1", "2"), "edition": ("2022", "2024"), "row_skip": ("off", "on")}
    rows = option_rows(values)
    for one, known in values.items():
        for other, others in values.items():
            for a in known:
                for b in others:
                    impossible = {(one, a), (other, b)} == {("edition", "2022"), ("row_skip", "on")} or (one == other and a != b)
                    assert impossible is not any(row[one] == a and row[other] == b for row in rows)
    assert not any(row["edition"] == "2022" and row["row_skip"] == "on" for row in rows)


@pytest.mark.slow
def test_results_are_the_same_bytes_and_reports_are_written(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert nnc("run", "--encoder", "in-tree", "--filter", "id=value-*", "--jobs", 2, "--output", tmp_path / name).returncode == 0
    assert (tmp_path / "one" / RESULTS_FILE).read_bytes() == (tmp_path / "two" / RESULTS_FILE).read_bytes()
    root = ElementTree.parse(tmp_path / "one" / "encoder-junit.xml").getroot()
    assert root.get("failures") == root.get("errors") == "0"
    assert int(root.get("tests", "0")) == len(results_of(tmp_path / "one").cases)
    assert "Pass" in (tmp_path / "one" / "encoder-report.html").read_text()
    assert SCHEMA.read_text() == schema()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads((tmp_path / "one" / RESULTS_FILE).read_text()))
    assert json.loads((tmp_path / "one" / RUN_FILE).read_text())["network"] == "none"


@pytest.mark.slow
def test_a_report_is_written_again_from_the_results(tmp_path: Path) -> None:
    run = tmp_path / "run"
    path = script(tmp_path, "sys.exit(1)")
    assert nnc("run", "--encoder", path, "--filter", "id=shape-int-13", "--output", run).returncode == 1
    for source in (run, run / RESULTS_FILE):
        done = nnc("report", source, "--output", tmp_path / "again")
        assert (done.returncode, done.stdout.splitlines()[-1][:13]) == (1, "Fail: 1 cases")
        for name in ENCODER_PAGES:
            assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()
    both = nnc("report", run, run, "--output", tmp_path / "again")
    assert (both.returncode, "one at a time" in both.stderr) == (2, True)


def test_an_encoder_that_does_nothing_fails_every_case(tmp_path: Path) -> None:
    done = nnc("run", "--encoder", script(tmp_path, "pass"), "--filter", "id=shape-*", "--output", tmp_path / "out")
    assert done.returncode == 1
    assert {case.outcome for case in results_of(tmp_path / "out").cases} == {Outcome.PROTOCOL}
    assert "no output was written" in done.stdout


@pytest.mark.parametrize(("code", "outcome", "exit_code"), [(65, Outcome.REFUSED, 1), (69, Outcome.UNSUPPORTED, 3), (1, Outcome.CRASH, 1)])
def test_no_stream_is_no_pass(tmp_path: Path, code: int, outcome: Outcome, exit_code: int) -> None:
    path = script(tmp_path, f"sys.exit({code})")
    done = nnc("run", "--encoder", path, "--filter", "id=shape-float-3x5", "--output", tmp_path / "out")
    assert done.returncode == exit_code, done.stdout
    assert [case.outcome for case in results_of(tmp_path / "out").cases] == [outcome]


def test_allowed_refusals_alone_leave_a_run_incomplete(tmp_path: Path) -> None:
    done = nnc("run", "--encoder", script(tmp_path, "sys.exit(65)"), "--filter", "id=value-nan", "--output", tmp_path / "out")
    assert done.returncode == 3
    assert "1 of the passed are refusals that are allowed" in done.stdout
    assert "no stream could be judged for toy" in done.stdout


def test_streams_that_differ_are_nondeterministic(tmp_path: Path) -> None:
    body = "import os\npathlib.Path(sys.argv[2]).write_bytes(os.urandom(40))"
    nnc("run", "--encoder", script(tmp_path, body), "--filter", "id=shape-float-3x5", "--output", tmp_path / "out")
    assert results_of(tmp_path / "out").cases[0].outcome is Outcome.NONDETERMINISTIC


def test_sigkill_from_outside_is_tried_once_more(tmp_path: Path) -> None:
    body = """
import os, signal
mark = pathlib.Path(sys.argv[0] + '.killed')
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(69)
"""
    nnc("run", "--encoder", script(tmp_path, body), "--filter", "id=shape-float-3x5", "--output", tmp_path / "out")
    assert results_of(tmp_path / "out").cases[0].outcome is Outcome.UNSUPPORTED
    document = json.loads((tmp_path / "out" / RUN_FILE).read_text())
    assert [log["retried"] for log in document["logs"].values()] == [KILLED_ONCE]
    assert re.fullmatch(r"\d+\.\d to \d+\.\d on \d+ CPUs", document["load"])


def test_an_encoder_that_sigkill_ends_each_time_crashes(tmp_path: Path) -> None:
    path = script(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    nnc("run", "--encoder", path, "--filter", "id=shape-float-3x5", "--output", tmp_path / "out")
    assert results_of(tmp_path / "out").cases[0].outcome is Outcome.CRASH


def test_a_filter_that_takes_nothing_is_a_usage_error(tmp_path: Path) -> None:
    for wrong in ("id=nothing", "clause=10*", "nothing"):
        done = nnc("run", "--encoder", "in-tree", "--filter", wrong, "--output", tmp_path)
        assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "words",
    [
        ["suite"],
        ["--level", "core"],
        ["--edition", "2024"],
        ["--fresh", "3"],
        ["--baseline", "old.json"],
        ["--expect-failures", "known.toml"],
    ],
    ids=lambda words: words[0],
)
def test_what_is_for_decoders_only_is_refused_not_passed_over(tmp_path: Path, words: list[str]) -> None:
    done = nnc("run", *words, "--encoder", "in-tree", "--filter", "id=value-usual", "--output", tmp_path / "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "encoders are judged by generated cases" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_interrupted_run_is_reported_and_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    body = "import time\nif (pathlib.Path(sys.argv[0] + '.slow')).exists(): time.sleep(60)\nsys.exit(69)"
    path = script(tmp_path, body)
    words = ["run", "--encoder", path, "--filter", "id=shape-int-*", "--jobs", "1"]
    assert nnc(*words, "--output", tmp_path / "whole").returncode == 3
    (tmp_path / "toy.py.slow").touch()
    out = tmp_path / "out"
    start = "from nnc_conformance.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", start, *map(str, words), "--output", str(out)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while not (out / "encoder-journal.jsonl").exists():
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert (process.returncode, "interrupted; continue with --resume" in said) == (3, True)
    assert printed.splitlines()[-1].startswith("Incomplete: ")
    assert "Incomplete" in (out / "encoder-report.html").read_text()
    (tmp_path / "toy.py.slow").unlink()
    assert nnc(*words, "--output", out, "--resume").returncode == 3
    assert (out / RESULTS_FILE).read_bytes() == (tmp_path / "whole" / RESULTS_FILE).read_bytes()


def test_a_failing_case_is_resumed_not_run_again(tmp_path: Path) -> None:
    path = script(tmp_path, "pathlib.Path(sys.argv[0] + '.count').open('a').write('x')\nsys.exit(65)")
    for resume in ((), ("--resume",)):
        assert nnc("run", "--encoder", path, "--filter", "id=shape-float-3x5", "--output", tmp_path / "out", *resume).returncode == 1
    done = nnc("run", "--encoder", path, "--filter", "id=shape-int-13", "--output", tmp_path / "out", "--resume")
    assert (done.returncode, "belongs to another run" in done.stderr) == (2, True)


def test_a_case_file_is_what_the_worker_was_asked() -> None:
    one = next(one for one in cases_for(load_encoder("in-tree")) if one.case.id == "value-usual")
    assert EncoderCase.model_validate_json(one.case.model_dump_json()) == one.case
    assert one.case.options == {"qp": "-28", "nonweight_qp": "-36", "rdo": "0"}
