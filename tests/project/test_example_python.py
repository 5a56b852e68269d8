"""examples/python_worker: a decoder in plain Python."""

from pathlib import Path

import pytest
from helpers import example_runs

DECODER = example_runs.EXAMPLES / "python_worker" / "decoder.toml"


@pytest.mark.slow
def test_it_has_no_findings() -> None:
    example_runs.has_no_findings(DECODER)


@pytest.mark.slow
def test_it_passes_what_it_must(tmp_path: Path) -> None:
    example_runs.passes_its_must_pass_set(DECODER, tmp_path)


@pytest.mark.slow
def test_it_agrees_with_other_codecs(tmp_path: Path) -> None:
    example_runs.agrees_with_other_codecs(DECODER, tmp_path, 7, "*raw*")
