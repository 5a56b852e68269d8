"""docs/releases.md: the faults of the newest release are there, and a release that fails to install passes nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import example_runs
from interop import releases
from interop.releases import PAGE, RELEASES, Trial, judged, page

from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import DEFAULT_LEVELS, select


@pytest.mark.slow
def test_the_newest_release_has_the_faults_of_the_page(tmp_path: Path) -> None:
    """By the smallest vector of each."""
    table = PAGE.read_text().partition(f"## Faults that `nncodec-{RELEASES[-1]}` has")[2].partition("\n## ")[0]
    names = set(re.findall(r"^\| .* \| `([a-z0-9-]+)` \| \d+ bytes \|", table, re.M))
    assert len(names) > 10
    suite = select(None)
    suite = replace(suite, vectors=tuple(stored for stored in suite.vectors if stored.vector.id in names))
    decoder = load_decoder(str(example_runs.EXAMPLES / "peer" / "decoder.toml"))
    results = run(suite, [decoder], tmp_path, levels=DEFAULT_LEVELS, options=RunOptions(jobs=1))
    assert {case.vector for case in results.cases if OUTCOMES[case.outcome].fails} == names


def test_every_release_was_judged() -> None:
    text = PAGE.read_text()
    assert "was not judged" not in text
    assert all(f"`nncodec-{release}`" in text for release in RELEASES)


def test_a_release_that_cannot_be_installed_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = tmp_path / "setup"
    setup.write_text("#!/bin/sh\necho 'no release 9.9 on PyPI' >&2\nexit 1\n")
    setup.chmod(0o755)
    monkeypatch.setattr(releases, "SETUP", setup)
    monkeypatch.setattr(releases, "nnc", lambda *_: pytest.fail("it is judged"))
    trial = judged("9.9", tmp_path)
    assert trial.problem == "it cannot be installed: no release 9.9 on PyPI"
    text = page([Trial("2.1.3", tmp_path), trial], "# Releases\n\nfigures\n")
    assert "- `9.9` was not judged: it cannot be installed: no release 9.9 on PyPI." in text


def test_one_release_alone_is_refused_before_it_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["releases", str(tmp_path / "new"), RELEASES[-1]])
    with pytest.raises(SystemExit, match="2"):
        releases.main()
    assert "name 2 or more, or none for all" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
