"""The peer's encoder on trial: it fails what docs/peer-encoder.md lists, and nothing else."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from helpers import example_runs

from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.running import run_encoders
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.running.runner import RunOptions

PAGE = Path(__file__).parents[2] / "docs" / "peer-encoder.md"
CASE = re.compile(r"`((?:step|scan|skip|shape|value|update|options)-[\w-]+)`")


COMMAND_FILTERS = ("step-*", "shape-*-scalar", "value-*nan*")
"""Some cases that fail, and some of the same groups that pass: each start of the command takes seconds."""


def paragraphs() -> tuple[str, str, str]:
    """What the page says before codebooks, from there to the command, and of the command."""
    table, rest = PAGE.read_text().split("\nIts search for codebooks")
    others, command = rest.split("\nAs a command")
    return table, others, command.split("\n\n")[0]


@pytest.mark.slow
def test_the_peers_encoder_fails_what_its_page_lists(tmp_path: Path) -> None:
    table, others, _ = paragraphs()
    results = run_encoders([load_encoder(str(example_runs.EXAMPLES / "peer" / "encoder.toml"))], tmp_path, options=RunOptions(jobs=2))
    slow = {case.case for case in results.cases if case.outcome is Outcome.TIMEOUT}
    assert slow <= {case.case for case in results.cases if case.options.get("codebook") in ("kmeans", "integer")}
    assert {case.case for case in results.cases if OUTCOMES[case.outcome].fails} - slow == set(CASE.findall(table))
    choices = {case.case: [made.switch for made in case.choices] for case in results.cases if case.outcome is Outcome.CHOICE}
    assert choices == {name: ["skipped_stretch"] for name in CASE.findall(others)}
    elements = {case.case: case.element for case in results.cases}
    for row in (line.split("|") for line in table.splitlines() if line.startswith("| ") and CASE.search(line)):
        assert {elements[case] for case in CASE.findall(row[3])} == {row[4].strip()}


@pytest.mark.slow
@pytest.mark.parametrize("chosen", COMMAND_FILTERS)
def test_the_peers_command_fails_what_its_page_lists(tmp_path: Path, chosen: str) -> None:
    listed = {name for name in CASE.findall(paragraphs()[2]) if fnmatchcase(name, chosen)}
    command = load_encoder(str(example_runs.EXAMPLES / "peer" / "encoder-command.toml"))
    results = run_encoders([command], tmp_path, filters=(chosen,), options=RunOptions(jobs=2))
    assert {case.case for case in results.cases if OUTCOMES[case.outcome].fails} == listed
    assert len(results.cases) >= len(listed) > 0
