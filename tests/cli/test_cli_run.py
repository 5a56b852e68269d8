"""The command line as a user meets it: its exit code, what it prints and what it leaves behind."""

import json
import shlex
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.command_line import nnc
from helpers.report_documents import HOSTILE, case, document
from helpers.samples import DATA
from junitparser import JUnitXml

from nnc_conformance.cli.main import COMMANDS, CommandEntry
from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.suite_folder import stored_file, write_manifest, write_vector
from nnc_conformance.storage.vector import Level, NegativeSpec, Vector
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result_files import results_text

STREAMS = ("01-both-methods", "01-mps-dens0-dq0", "01-mps-qp-min")
HEAVY = {"numpy", "onnx", "onnxruntime", "numba", "jinja2"}
HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""A shell's background jobs begin with interrupts ignored."""
START = "from nnc_conformance.cli.main import main; main()"
SILENT = """
import sys, shutil
shutil.copy(sys.argv[1], sys.argv[2])
"""


def started(*arguments, cwd, code=""):
    """Run the command line in a process of its own, after ``code`` in Python."""
    command = [sys.executable, "-c", f"{code}\n{START}", *map(str, arguments)]
    return subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=120)


def vector(name, level, stream, expected, negative=None):
    made = Vector(
        id=name,
        revision=1,
        level=level,
        title=f"Sample {name}",
        tests="The sample decodes.",
        catches="a decoder that does not",
        clauses=("10",) if negative is None else ("6",),
        flags=("float",),
        elements=("nnr_unit_size",),
        provenance=Provenance.VERIFIED,
        stream=stored_file("stream.nnr", stream),
        expected=None if expected is None else stored_file("expected.safetensors", expected),
        negative=negative,
    )
    files = {"stream.nnr": stream} if expected is None else {"stream.nnr": stream, "expected.safetensors": expected}
    return made, files


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Make a suite (3 core vectors, 1 negative one) and a decoder that returns the stream instead
    of tensors.
    """
    folder = tmp_path_factory.mktemp("work")
    made = []
    for name in STREAMS:
        stream = (DATA / "agreed-samples" / f"{name}.nnr").read_bytes()
        made.append(vector(name, Level.CORE, stream, (DATA / "agreed-samples" / f"{name}.safetensors").read_bytes()))
    cut = (DATA / "agreed-samples" / f"{STREAMS[0]}.nnr").read_bytes()[:-3]
    rule = NegativeSpec(rule="unit-size-end", policy=Policy.MUST, category=Category.TRUNCATED)
    made.append(vector("cut", Level.NEGATIVE, cut, None, rule))
    for one, files in made:
        write_vector(folder / "suite", one, files)
    write_manifest(folder / "suite", [one for one, _ in made])
    (folder / "silent.py").write_text(SILENT)
    return folder


@pytest.fixture(scope="module")
def both(work):
    """Run the in-tree decoder and the broken one together."""
    broken = f"command:{sys.executable} {work / 'silent.py'} {{stream}} {{output}}"
    return nnc("run", "suite", "--decoder", "in-tree", "--decoder", broken, "--output", "both", "--jobs", 2, cwd=work)


def test_help_is_light(work):
    listed = "import sys, atexit; atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))"
    done = started("--help", cwd=work, code=listed)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("run", "list", "report"))
    assert HEAVY.isdisjoint(done.stderr.split())


def test_version(work):
    done = started("--version", cwd=work)
    assert (done.returncode, done.stdout.split()[0]) == (0, "nnc-conformance")


def test_run_that_passes(work):
    done = started("run", "suite", "--output", "passing", "--jobs", 1, cwd=work)
    assert (done.returncode, done.stderr) == (0, "")
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Pass: ")
    assert last.endswith(str(Path("passing") / "report.html"))
    assert {"results.json", "run.json", "report.html", "report.md", "junit.xml"} <= {path.name for path in (work / "passing").iterdir()}
    assert json.loads((work / "passing" / "results.json").read_text())["closing"]["executed"] == 4


@pytest.mark.slow
def test_run_that_fails(work, both):
    assert both.returncode == 1
    lines = both.stdout.splitlines()
    assert lines[-1].startswith("Fail: ")
    suites = {suite.name: suite for suite in JUnitXml.fromstring((work / "both" / "junit.xml").read_bytes())}
    assert suites["in-tree"].failures + suites["in-tree"].errors == 0
    (broken,) = (suite for name, suite in suites.items() if name != "in-tree")
    assert broken.failures + broken.errors == 4
    assert sum(line.startswith("    nnc-conformance run suite --decoder ") for line in lines) == 4


def test_junit_has_the_times_of_the_run(work, both):
    run = json.loads((work / "both" / "run.json").read_text())
    for suite in JUnitXml.fromstring((work / "both" / "junit.xml").read_bytes()):
        seconds = {case.name: run["logs"][f"{case.name}@{suite.name}"]["seconds"] for case in suite}
        assert {case.name: case.time for case in suite} == pytest.approx(seconds, abs=0.0006)
        assert suite.time == pytest.approx(sum(seconds.values()), abs=0.01)
        assert suite.time > 0
        assert f"{suite.timestamp}+00:00" == run["started"]


def test_the_command_that_is_printed_repeats_the_failure(work, both):
    command = next(line for line in both.stdout.splitlines() if line.startswith("    nnc-conformance run "))
    done = nnc(*shlex.split(command)[1:], "--output", "again", cwd=work)
    assert done.returncode == 1
    assert len(json.loads((work / "again" / "results.json").read_text())["cases"]) == 1


def test_an_interrupted_run_is_incomplete_and_goes_on(work):
    decoder = f"command:{sys.executable} -c 'import time; time.sleep(30)' {{stream}} {{output}}"
    start = f"{HEARD}; {START}"
    arguments = [sys.executable, "-c", start, "run", "suite", "--decoder", decoder, "--output", "stopped", "--jobs", "1"]
    with subprocess.Popen(arguments, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (work / "stopped" / "journal.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        printed, complaint = process.communicate(timeout=60)
    assert process.returncode == 3
    assert printed.splitlines()[-1].startswith("Incomplete: ")
    assert "Traceback" not in complaint
    assert json.loads((work / "stopped" / "results.json").read_text())["closing"] is None


def test_report_of_runs(work, both):
    done = nnc("report", "both", "--output", "pages", cwd=work)
    assert done.returncode == 1
    assert {path.name for path in (work / "pages").iterdir()} == {
        "report.html",
        "report.md",
        "junit.xml",
        "cases.csv",
        "badge.json",
        "badge.svg",
        "surefire.xml",
    }
    HTMLParser().feed((work / "pages" / "report.html").read_text())


def test_report_of_cut_results_is_incomplete(work, both):
    (work / "cut.json").write_text((work / "both" / "results.json").read_text()[:3000])
    done = nnc("report", "cut.json", "--output", "cut", cwd=work)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1].startswith("Incomplete: ")
    assert "Pass" not in done.stdout


def test_terminal_escapes_do_not_pass(work):
    (work / "hostile.json").write_text(results_text(document(case("one", "\x1b]0;x\x07[2J", Outcome.CRASH, message=HOSTILE))))
    done = nnc("report", "hostile.json", "--output", "hostile", cwd=work)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr


def test_list(work):
    plain = nnc("list", "suite", "--level", "core", "--filter", "id=01-mps*", cwd=work)
    assert [line.split("\t")[0] for line in plain.stdout.splitlines()] == ["01-mps-dens0-dq0", "01-mps-qp-min"]
    described = json.loads(nnc("list", "suite", "--filter", "!clause=10", "--json", cwd=work).stdout)
    assert [one["id"] for one in described] == ["cut"]
    assert described[0]["negative"]["rule"] == "unit-size-end"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("run", "--nonsense"),
        ("run", "suite", "--jobs", "0"),
        ("run", "suite", "--level", "nonsense"),
        ("run", "suite", "--filter", "nonsense"),
        ("run", "suite", "--filter", "id=nothing"),
        ("run", "suite", "--decoder", "nonsense.toml"),
        ("run", "suite", "--decoder", "command:true {stream}"),
        ("run", "no-suite"),
        ("list", "suite", "--filter", "tensor=x"),
        ("report",),
        ("report", "suite/manifest.json"),
        ("report", "nothing.json"),
        ("report", "both", "both"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(work, both, arguments):
    done = nnc(*arguments, cwd=work)
    assert done.returncode == 2
    assert done.stderr.startswith("nnc-conformance: error: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.fixture
def boom(monkeypatch):
    """A command that fails with an error nobody foresaw."""

    def command() -> None:
        raise KeyError("first line\nsecond line")

    monkeypatch.setitem(sys.modules, "nnc_conformance.cli.boom", SimpleNamespace(command=command))
    monkeypatch.setitem(COMMANDS, "boom", CommandEntry("boom", "Judge"))


@pytest.mark.usefixtures("boom")
def test_an_internal_error_is_one_line_and_exit_code_4(work):
    done = nnc("boom", cwd=work)
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("nnc-conformance: internal error: KeyError")


@pytest.mark.usefixtures("boom")
@pytest.mark.parametrize("arguments", [("--debug", "boom"), ("boom", "--debug")])
def test_debug_shows_the_traceback(work, arguments):
    done = nnc(*arguments, cwd=work)
    assert done.returncode == 4
    assert "Traceback" in done.stderr


def test_a_closed_pipe_is_no_error(work):
    arguments = [sys.executable, "-c", START, "list", "suite", "--json"]
    with subprocess.Popen(arguments, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
