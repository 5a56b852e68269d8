"""Whatever a decoder does, the run continues, the case gets its outcome, and no process is left."""

import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.sampling import sampled
from hostile import support

from nnc_conformance.cli.progress import run_display
from nnc_conformance.reports.pages import RUN_PAGES, write_pages
from nnc_conformance.reports.results import load
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.worker_host import FAILED_STARTS
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.result_files import load_run
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.invocation import Invocation
from nnc_conformance.suites.running.messages import FinishedCase
from nnc_conformance.suites.running.runner import Progress, RunOptions
from nnc_conformance.suites.running.selection import parse_filter, select
from nnc_conformance.suites.sandbox.limits import Limits

LIMITS = Limits(wall_seconds=30, cpu_seconds=60, memory_bytes=300 << 20, output_bytes=16 << 20, files=50, processes=32)
IMPATIENT = LIMITS.model_copy(update={"wall_seconds": 1.5})
"""Limits for decoders that hang; the good decoder in the same run has no more time."""
LEVELS = [Level.CORE, Level.NEGATIVE]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite")
    support.write_suite(root, support.good_vectors(2) + support.bad_vectors())
    return root


def judged(root: Path, output: Path, argument: str, *filters: str, limits: Limits = LIMITS) -> list[CaseResult]:
    """Run a decoder together with a good one, which must not be affected."""
    suite = select(root, LEVELS, [parse_filter(text) for text in filters])
    decoders = support.decoders(argument, support.command("toy.py"))
    before = set(psutil.Process().children(recursive=True))
    results = run(suite, decoders, output, levels=LEVELS, options=RunOptions(jobs=2, limits=limits))
    left = set(psutil.Process().children(recursive=True)) - before
    toy = decoders[1].name
    assert {case.outcome for case in results.cases if case.decoder == toy} == {Outcome.PASS}
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
    return [case for case in results.cases if case.decoder != toy]


COMMANDS: dict[str, tuple[str, Outcome, str, Fault]] = {
    "hangs": ("hang.py", Outcome.TIMEOUT, "longer than 1.5 s", Fault.TIMEOUT),
    "ignores SIGTERM": ("ignore_sigterm.py", Outcome.TIMEOUT, "longer than 1.5 s", Fault.TIMEOUT),
    "forks": ("forks.py", Outcome.LIMIT, "more than 32 processes", Fault.LIMIT),
    "segfaults": ("segfault.py", Outcome.CRASH, "killed by SIGSEGV", Fault.KILLED),
    "allocates": ("allocate.py", Outcome.LIMIT, "resident memory passed 300 MiB", Fault.LIMIT),
    "allocates in children": ("allocate_in_children.py", Outcome.LIMIT, "resident memory passed 300 MiB", Fault.LIMIT),
    "writes a big file": ("big_file.py", Outcome.LIMIT, "more than 16 MiB written", Fault.LIMIT),
    "writes big files": ("big_files.py", Outcome.LIMIT, "more than 16 MiB written", Fault.LIMIT),
    "writes many files": ("many_files.py", Outcome.LIMIT, "more than 50 files written", Fault.LIMIT),
    "prints without end": ("flood.py", Outcome.LIMIT, "more than 16 MiB written", Fault.LIMIT),
    "writes garbage": ("garbage.py", Outcome.PROTOCOL, "the safetensors header claims", Fault.OUTPUT_UNREADABLE),
    "writes nothing": ("no_output.py", Outcome.PROTOCOL, "no output was written", Fault.OUTPUT_MISSING),
    "writes two outputs": ("two_outputs.py", Outcome.PROTOCOL, "several outputs: output.safetensors, output.npz", Fault.OUTPUT_TWICE),
    "gives NaN": ("nan.py", Outcome.FAIL, "tensor 'a/weight'[0, 0]: expected 0.0 (0x00000000), got nan (0x7fc00000)", Fault.WRONG_OUTPUT),
    "gives a wrong name": (
        "rewrite.py a/weight a/Weight",
        Outcome.FAIL,
        "tensor 'a/Weight': extra, got float32 [3, 4]; 2 tensors",
        Fault.WRONG_OUTPUT,
    ),
    "gives a wrong shape": (
        "rewrite.py [3,4] [4,3]",
        Outcome.FAIL,
        "tensor 'a/weight': shape, expected float32 [3, 4], got",
        Fault.WRONG_OUTPUT,
    ),
    "gives a wrong type": (
        "rewrite.py I32 F32",
        Outcome.FAIL,
        "tensor 'b': dtype, expected int32 [3], got float32 [3]; 2 tensors",
        Fault.WRONG_OUTPUT,
    ),
    "links out of its folder": (
        "symlink.py",
        Outcome.PROTOCOL,
        "output.safetensors: Too many levels of symbolic links",
        Fault.OUTPUT_UNREADABLE,
    ),
    "links its folder elsewhere": ("folder_link.py", Outcome.PROTOCOL, "the case's folder was replaced", Fault.FOLDER_REPLACED),
    "gives a pipe": ("pipe.py", Outcome.PROTOCOL, "output.safetensors is not a regular file", Fault.OUTPUT_UNREADABLE),
    "raises": ("traceback.py", Outcome.CRASH, "exit code 1", Fault.EXIT_CODE),
    "kills its parent": ("kill_parent.py", Outcome.CRASH, "it ended the process of the harness that ran it", Fault.HARNESS_ENDED),
}


@pytest.mark.parametrize(("script", "outcome", "message", "kind"), sampled(list(COMMANDS.items()), 4))
def test_a_hostile_command(root: Path, tmp_path: Path, script: str, outcome: Outcome, message: str, kind: Fault) -> None:
    limits = IMPATIENT if outcome is Outcome.TIMEOUT else LIMITS
    (case,) = judged(root, tmp_path, support.command(script), "id=good-000", limits=limits)
    assert case.outcome is outcome, case.message
    assert case.message.startswith(message)
    assert case.fault is kind


def test_cpu_time_is_bounded(root: Path, tmp_path: Path) -> None:
    limits = LIMITS.model_copy(update={"cpu_seconds": 0.5})
    (case,) = judged(root, tmp_path, support.command("spin.py"), "id=good-000", limits=limits)
    assert (case.outcome, case.message) == (Outcome.TIMEOUT, "more than 0.5 s of CPU time")


def test_a_child_in_a_new_session_does_not_outlive_its_case(root: Path, tmp_path: Path) -> None:
    words = f"command:{sys.executable} -S {support.HERE / 'new_session.py'} {{stream}} {{output}} {tmp_path}/mark"
    (case,) = judged(root, tmp_path / "out", words, "id=good-000")
    assert case.outcome is Outcome.PASS
    assert load_run(tmp_path / "out").logs[case.id].left_behind == 1
    assert not [process for process in psutil.process_iter(["cmdline"]) if f"{tmp_path}/mark" in (process.info["cmdline"] or ())]


@pytest.mark.slow
def test_a_hostile_decoder_fails_negative_vectors_too(root: Path, tmp_path: Path) -> None:
    for script, outcome in (("traceback.py", Outcome.CRASH), ("garbage.py", Outcome.PROTOCOL), ("segfault.py", Outcome.CRASH)):
        for case in judged(root, tmp_path / script, support.command(script), "level=negative"):
            assert case.outcome is outcome


def test_standard_error_is_kept_at_its_end(root: Path, tmp_path: Path) -> None:
    (case,) = judged(root, tmp_path, support.command("traceback.py"), "id=good-000")
    assert load_run(tmp_path).logs[case.id].stderr.endswith("RuntimeError: a bug\n")
    (case,) = judged(root, tmp_path, support.command("flood.py"), "id=good-000")
    assert len(load_run(tmp_path).logs[case.id].stderr) <= 1 << 16


def test_there_is_no_network_where_the_kernel_allows(root: Path, tmp_path: Path) -> None:
    (case,) = judged(root, tmp_path, support.command("network.py"), "id=good-000")
    isolated = load_run(tmp_path).network == "none"
    assert case.outcome is (Outcome.UNSUPPORTED if isolated else Outcome.PASS)


FAULTS: dict[str, tuple[Outcome, str, Fault]] = {
    "hangs": (Outcome.TIMEOUT, "longer than 1.5 s", Fault.TIMEOUT),
    "dies": (Outcome.CRASH, "exit code 3 in place of an answer", Fault.EXIT_CODE),
    "segfaults": (Outcome.CRASH, "killed by SIGSEGV in place of an answer", Fault.KILLED),
    "closes stdout": (Outcome.PROTOCOL, "it closed its standard output", Fault.STDOUT_CLOSED),
    "answers twice": (Outcome.PROTOCOL, "it wrote more than one answer to a request", Fault.ANSWER_TWICE),
    "answers out of order": (Outcome.PROTOCOL, "an answer carries the id of another request", Fault.ANSWER_ID),
    "prints garbage": (Outcome.PROTOCOL, "a line on standard output is not JSON", Fault.ANSWER_JSON),
    "prints binary": (Outcome.PROTOCOL, "a line on standard output is not JSON", Fault.ANSWER_JSON),
    "answers a list": (Outcome.PROTOCOL, "an answer does not follow the protocol", Fault.ANSWER_FORM),
    "answers an unknown type": (Outcome.PROTOCOL, "an answer does not follow the protocol", Fault.ANSWER_FORM),
    "answers without id": (
        Outcome.PROTOCOL,
        "an answer does not follow the protocol: decoded.id: required field is missing",
        Fault.ANSWER_FORM,
    ),
    "answers a number for an id": (Outcome.PROTOCOL, "an answer does not follow the protocol: decoded.id", Fault.ANSWER_FORM),
    "writes no output": (Outcome.PROTOCOL, "no output was written", Fault.OUTPUT_MISSING),
    "links its folder elsewhere": (Outcome.PROTOCOL, "the case's folder was replaced", Fault.FOLDER_REPLACED),
    "never ends its line": (Outcome.PROTOCOL, "a line on standard output is not JSON", Fault.ANSWER_JSON),
    "starts again": (Outcome.PROTOCOL, "decode was answered with started", Fault.ANSWER_ORDER),
    "dies at start": (Outcome.CRASH, "at its start: exit code 7 in place of an answer", Fault.EXIT_CODE),
    "speaks another protocol": (
        Outcome.PROTOCOL,
        "at its start: an answer does not follow the protocol: started.protocol",
        Fault.ANSWER_FORM,
    ),
    "greets with an answer": (Outcome.PROTOCOL, "at its start: start was answered with decoded", Fault.ANSWER_ORDER),
}


@pytest.mark.parametrize(("fault", "outcome", "message", "kind"), sampled([(name, (name, *found)) for name, found in FAULTS.items()], 4))
def test_a_hostile_worker(root: Path, tmp_path: Path, fault: str, outcome: Outcome, message: str, kind: Fault) -> None:
    words = f'{sys.executable} -S {support.HERE / "worker_faults.py"} "{fault}"'
    limits = IMPATIENT if outcome is Outcome.TIMEOUT else LIMITS
    cases = judged(root, tmp_path, support.decoder_toml(tmp_path, "hostile", "worker", words), "id=good-*", limits=limits)
    assert len(cases) == 2
    for case in cases:
        assert case.outcome is outcome, case.message
        assert case.message.startswith(message)
        assert case.fault is kind


def test_a_worker_that_dies_at_its_start_is_heard(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = "libexample.so.3: cannot open shared object file"
    (tmp_path / "dies.py").write_text(f"import sys\nsys.exit({message!r})\n")
    words = f"{sys.executable} -S {tmp_path / 'dies.py'}"
    cases = judged(root, tmp_path / "out", support.decoder_toml(tmp_path, "dies", "worker", words))
    assert len(cases) > FAILED_STARTS
    logs = load_run(tmp_path / "out").logs
    for case in cases:
        assert case.message == "at its start: exit code 1 in place of an answer"
        assert logs[case.id].stderr == f"{message}\n"
    display = run_display(Invocation("", {}))
    for case in cases:
        display.step(Progress(1, 1, 0.0, FinishedCase[CaseResult](case=case, log=logs[case.id]), 0))
    assert capsys.readouterr().out.count(f"    stderr: {message}\n") == 1, "shown once, not again for each case"
    write_pages(build_report([load(tmp_path / "out")]), tmp_path / "out", RUN_PAGES)
    for page in ("report.html", "junit.xml"):
        assert message in (tmp_path / "out" / page).read_text(), page


def test_folders_left_by_a_worker_do_not_meet_the_next_case(root: Path, tmp_path: Path) -> None:
    words = f'{sys.executable} -S {support.HERE / "worker_faults.py"} "leaves folders"'
    cases = judged(root, tmp_path, support.decoder_toml(tmp_path, "hostile", "worker", words), "id=good-*")
    assert [case.outcome for case in cases] == [Outcome.PASS, Outcome.PASS]


FUNCTIONS: dict[str, Outcome] = {
    "good": Outcome.PASS,
    "crashes": Outcome.CRASH,
    "exits": Outcome.CRASH,
    "kills_itself": Outcome.CRASH,
    "gives_text": Outcome.CRASH,
    "cannot": Outcome.UNSUPPORTED,
    "missing": Outcome.CRASH,
}


@pytest.mark.parametrize(("function", "outcome"), sampled([(function, (function, outcome)) for function, outcome in FUNCTIONS.items()], 2))
def test_a_function_as_decoder(root: Path, tmp_path: Path, function: str, outcome: Outcome) -> None:
    argument = support.decoder_toml(tmp_path, "function", "python", f"hostile_function:{function}")
    (tmp_path / "hostile_function.py").write_text((support.HERE / "hostile_function.py").read_text())
    for case in judged(root, tmp_path, argument, "id=good-000"):
        assert case.outcome is outcome, case.message


def test_the_harness_is_not_slowed_by_a_worker_that_hangs_at_its_end(root: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    judged(root, tmp_path, support.worker(tmp_path, "never_stops.py"), "id=good-*")
    assert time.monotonic() - began < 10
