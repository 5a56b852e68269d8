"""examples/cpp, built by the system's compiler, and examples/javascript, run by the system's node
(nox -s examples).
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import example_runs

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
