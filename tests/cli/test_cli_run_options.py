"""The options of ``run``, each tried as its user tries it."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import nnc
from hostile import support
from junitparser import JUnitXml

START = "from nnc_conformance.cli.main import main; main()"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the toy suite: six valid vectors, two negative ones."""
    folder = tmp_path_factory.mktemp("work")
    support.write_suite(folder / "suite", support.good_vectors(6) + support.bad_vectors())
    return folder


def words(script: str, output: str, *options: str) -> list[str]:
    return ["run", "suite", "--decoder", support.command(script), "--output", output, *options]


def nnc_run(work: Path, script: str, output: str, *options: str) -> tuple[int, list[str], dict[str, Any]]:
    """Exit code, lines of standard output, results.json."""
    done = nnc(*words(script, output, *options), cwd=work)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines(), json.loads((work / output / "results.json").read_text())


def outcomes(results: dict[str, Any]) -> dict[str, str]:
    return {case["vector"]: case["outcome"] for case in results["cases"]}


@pytest.mark.slow
def test_jobs(work: Path) -> None:
    for jobs in ("1", "2"):
        assert nnc_run(work, "toy.py", f"jobs{jobs}", "--jobs", jobs)[0] == 0
    assert (work / "jobs1/results.json").read_bytes() == (work / "jobs2/results.json").read_bytes()
    assert json.loads((work / "jobs2/run.json").read_text())["jobs"] == 2


def test_repeat(work: Path) -> None:
    code, lines, results = nnc_run(work, "random_value.py", "repeated", "--repeat", "3", "--filter", "id=good-00[01]")
    assert code == 1
    assert results["suite"]["repeat"] == 3
    assert set(outcomes(results).values()) == {"nondeterministic"}
    assert all("--repeat 3 --filter id=good-" in line for line in lines if line.startswith("    nnc-conformance run "))


def test_fail_fast(work: Path) -> None:
    code, _, results = nnc_run(work, "wrong_value.py", "fast", "--fail-fast", "--jobs", "1")
    assert code == 1
    counts = results["closing"]["counts"]
    assert (counts["fail"], counts["not_run"], results["closing"]["executed"]) == (1, 7, 1)


def test_filter(work: Path) -> None:
    code, _, results = nnc_run(work, "toy.py", "filtered", "--filter", "id=*-00[1-3]", "--filter", "!id=good-002", "--filter", "flag=float")
    assert code == 0
    assert list(outcomes(results)) == ["good-001", "good-003"]
    assert results["suite"]["filters"] == ["!id=good-002", "flag=float", "id=*-00[1-3]"]


def test_limits(work: Path) -> None:
    code, lines, results = nnc_run(work, "hang.py", "slow", "--time-limit", "0.3", "--filter", "id=good-000")
    assert (code, outcomes(results)) == (1, {"good-000": "timeout"})
    (line,) = [line for line in lines if line.startswith("    nnc-conformance run ")]
    assert "--time-limit 0.3" in line
    code, lines, results = nnc_run(work, "allocate.py", "large", "--memory-limit", "200", "--filter", "id=good-000")
    assert (code, outcomes(results)) == (1, {"good-000": "limit"})
    assert any("--memory-limit 200" in line for line in lines)


@pytest.mark.slow
def test_resume_after_a_kill(work: Path) -> None:
    nnc_run(work, "slow.py", "whole", "--jobs", "1")
    process = subprocess.Popen(
        [sys.executable, "-c", START, *words("slow.py", "killed", "--jobs", "1")], cwd=work, stdout=subprocess.DEVNULL
    )
    journal = work / "killed" / "journal.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (work / "killed/results.json").exists()
    before = journal.read_bytes()
    assert nnc_run(work, "slow.py", "killed", "--resume")[0] == 0
    assert journal.read_bytes().startswith(before)
    assert (work / "killed/results.json").read_bytes() == (work / "whole/results.json").read_bytes()


@pytest.mark.slow
def test_every_failure_has_a_command_that_shows_it_again(work: Path) -> None:
    code, lines, results = nnc_run(work, "wrong_value.py", "wrong", "--jobs", "1")
    assert code == 1
    printed = [line.strip() for line in lines if line.startswith("    nnc-conformance run ")]
    kept = json.loads((work / "wrong/run.json").read_text())["reproduce"]
    failing = [f"{case['vector']}@{case['decoder']}" for case in results["cases"] if case["outcome"] == "fail"]
    assert [kept[name] for name in failing] == printed
    for page in ("report.md", "report.html", "junit.xml"):
        assert f"--filter id={failing[0].partition('@')[0]}" in (work / "wrong" / page).read_text()
    done = nnc(*shlex.split(printed[0])[1:], "--output", "again", cwd=work)
    assert done.returncode == 1
    assert printed[0] in done.stdout
    (case,) = json.loads((work / "again/results.json").read_text())["cases"]
    assert case == next(one for one in results["cases"] if one["vector"] == case["vector"])


def test_a_scheduler_that_is_not_there_is_a_usage_error(work: Path) -> None:
    done = nnc(*words("toy.py", "nowhere", "--scheduler", "nonsense://x"), cwd=work)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nnc-conformance: error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_baseline(work: Path) -> None:
    assert nnc_run(work, "wrong_value.py", "earlier", "--filter", "id=good-00[0-3]")[0] == 1
    baseline = ("--baseline", "earlier")
    code, lines, _ = nnc_run(work, "wrong_value.py", "as-before", "--filter", "id=good-00[0-3]", *baseline)
    assert (code, lines[-1]) == (0, "no cases worse than in earlier/results.json")
    assert any("4 of 4 cases" in line for line in lines)
    code, lines, _ = nnc_run(work, "wrong_value.py", "one-more", "--filter", "id=good-00[0-4]", *baseline)
    assert (code, lines[-1]) == (1, "1 case worse than in earlier/results.json")
    assert lines[-2].startswith("worse: good-004@")
    assert lines[-2].endswith(": no result before, fail")
    code, lines, _ = nnc_run(work, "toy.py", "better", *baseline)
    assert (code, lines[-1]) == (0, "no cases worse than in earlier/results.json")
    code, lines, _ = nnc_run(work, "wrong_value.py", "broken", "--baseline", "better", "--filter", "id=good-000")
    assert (code, lines[-1]) == (1, "1 case worse than in better/results.json")
    assert "good-000" in (work / "broken" / "report.md").read_text().partition("broken")[2]


@pytest.mark.slow
def test_a_baseline_without_the_fresh_streams_that_fail_says_why(work: Path) -> None:
    nnc_run(work, "wrong_value.py", "not-drawn")
    code, lines, _ = nnc_run(work, "wrong_value.py", "drawn", "--fresh", "2", "--baseline", "not-drawn")
    assert code == 1
    assert lines[-3:] == [
        "2 cases worse than in not-drawn/results.json",
        "2 of these are fresh streams, which each version of a decoder gets anew;",
        "to compare the same cases only, give --fresh 0 to both runs",
    ]


def test_a_baseline_is_not_overwritten(work: Path) -> None:
    assert nnc_run(work, "toy.py", "kept")[0] == 0
    before = (work / "kept" / "results.json").read_bytes()
    done = nnc(*words("wrong_value.py", "kept", "--baseline", "kept"), cwd=work)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the same file as the input" in done.stderr
    assert (work / "kept" / "results.json").read_bytes() == before


def test_vectors_that_are_filtered_out_are_counted(work: Path) -> None:
    _, lines, _ = nnc_run(work, "toy.py", "part", "--filter", "id=good-00[01]")
    said = "6 vectors of the suite not selected by level, edition or filter."
    assert said in lines
    for page in ("report.html", "report.md"):
        assert said in (work / "part" / page).read_text()
    assert json.loads((work / "part" / "run.json").read_text())["not_selected"] == 6
    suite = next(iter(JUnitXml.fromfile(str(work / "part" / "junit.xml"))))
    assert {one.name: one.value for one in suite.properties()}["not_selected"] == "6"
    assert not any("not selected" in line for line in nnc_run(work, "toy.py", "whole")[1])
