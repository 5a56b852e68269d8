"""examples/cpp, built by the system's compiler, examples/javascript, run by the system's node, and
examples/encoder (nox -s examples).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import example_runs

from nnc_conformance.encoders.check import check_encoder
from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.running import run_encoders
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.running.runner import RunOptions

COMPILER = os.environ.get("CXX", "g++")


def require(program: str) -> str:
    found = shutil.which(program)
    assert found is not None, f"the tests of examples/ need {program}: install it, or run only the plain tests"
    return found


def build_cpp(folder: Path) -> Path:
    """Copies the example and builds it as its README says, warnings as errors."""
    copy = shutil.copytree(example_runs.EXAMPLES / "cpp", folder / "cpp", ignore=shutil.ignore_patterns("build"))
    (copy / "build").mkdir()
    words = [require(COMPILER), "-std=c++17", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", "build/nnc_subset"]
    done = subprocess.run(
        [*words, *sorted(path.name for path in copy.glob("*.cpp"))], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return copy / "decoder.toml"


@pytest.fixture(scope="module", params=["cpp", "javascript"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "cpp":
        return build_cpp(tmp_path_factory.mktemp("build"))
    require("node")
    return example_runs.EXAMPLES / "javascript" / "decoder.toml"


def test_it_has_no_findings(decoder: Path) -> None:
    example_runs.has_no_findings(decoder)


def test_it_passes_what_it_must(decoder: Path, tmp_path: Path) -> None:
    example_runs.passes_its_must_pass_set(decoder, tmp_path)


def test_it_agrees_with_other_codecs(decoder: Path, tmp_path: Path) -> None:
    example_runs.agrees_with_other_codecs(decoder, tmp_path, 30)


@pytest.mark.slow
@pytest.mark.parametrize("example", ["javascript", "encoder"])
def test_an_encoder_has_no_findings(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    require("node")
    check = check_encoder(str(example_runs.EXAMPLES / example / "encoder.toml"))
    assert check.findings == ()
    assert set(check.outcomes.values()) == {Outcome.PASS}


@pytest.mark.slow
def test_our_encoder_passes_integers_as_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    encoder = load_encoder(str(example_runs.EXAMPLES / "encoder" / "encoder.toml"))
    results = run_encoders([encoder], tmp_path, filters=["*-int-*"], options=RunOptions(jobs=2))
    assert {case.case: case.outcome for case in results.cases if case.outcome is not Outcome.PASS} == {}
    assert {case.case for case in results.cases if case.refused} == {"value-int-least"}


def test_the_encoder_in_javascript_passes_all_but_types_that_streams_lack(tmp_path: Path) -> None:
    encoder = load_encoder(str(example_runs.EXAMPLES / "javascript" / "encoder.toml"))
    results = run_encoders([encoder], tmp_path, options=RunOptions(jobs=2))
    other = {case.case for case in results.cases if case.outcome is not Outcome.PASS}
    assert other == {"type-float16", "type-float64", "type-int8", "type-int16", "type-int64"}
    quantized = [case for case in results.cases if case.max_error_steps is not None]
    assert len(quantized) > 50 and max(case.max_error_steps for case in quantized) <= 0.5
