"""The stages of a search on standard error, on a terminal and elsewhere."""

import pytest

from nnc_conformance.cli import progress


@pytest.mark.parametrize("terminal", [False, True])
def test_stages_are_shown_at_times(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool) -> None:
    """Every ten seconds without a terminal, and in one line that is erased in the end on one."""
    now = 100.0
    monkeypatch.setattr(progress, "monotonic", lambda: now)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    with progress.stages() as show:
        for now, stage, done, total in ((105.0, "cases traced", 3, 9), (112.0, "cases traced", 5, 9), (125.0, "causes made", 7, 0)):  # noqa: B007
            show(stage, done, total)
    said = capsys.readouterr().err
    if terminal:
        lines = said.split("\r")[1:]
        assert [line.removesuffix("\x1b[K") for line in lines] == [
            "cases traced: 3 of 9, 5 s",
            "cases traced: 5 of 9, 12 s",
            "causes made: 7, 25 s",
            "",
        ]
    else:
        assert said.splitlines() == ["cases traced: 5 of 9, 12 s", "causes made: 7, 25 s"]
