"""The parts into which CI divides long tests: together they are all tests, and none runs twice."""

from types import SimpleNamespace

import pytest
from helpers.parts import divide, parts


def items_marked(markers: str) -> list:
    return [
        SimpleNamespace(name=index, get_closest_marker=lambda name, marker=marker: marker == name[0] or None)
        for index, marker in enumerate(markers)
    ]


def test_each_exhaustive_test_is_in_one_part_and_all_quick_ones_in_each() -> None:
    tests = items_marked("ee-e-ee-eeee")
    runs = [[test.name for test in divide(tests, part, 3)[0]] for part in range(3)]
    assert runs == [[0, 2, 4, 5, 7, 9], [1, 2, 4, 6, 7, 10], [2, 3, 4, 7, 8, 11]]
    for part in range(3):
        kept, left = divide(tests, part, 3)
        assert sorted(test.name for test in [*kept, *left]) == list(range(12))


def test_slow_tests_are_in_half_as_many_parts() -> None:
    tests = items_marked("sses-sss")
    assert [[test.name for test in divide(tests, part, 4)[0]] for part in range(4)] == [
        [0, 2, 3, 4, 6],
        [1, 4, 5, 7],
        [0, 3, 4, 6],
        [1, 4, 5, 7],
    ]


def test_consecutive_commits_run_different_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNC_PART", raising=False)
    monkeypatch.setenv("NNC_PARTS", "5")
    chosen = set()
    for commits in range(40, 45):
        monkeypatch.setattr("subprocess.run", lambda *_, commits=commits, **__: SimpleNamespace(stdout=f"{commits}\n"))
        chosen.add(parts())
    assert chosen == {(part, 5) for part in range(5)}


@pytest.mark.parametrize(("count", "part"), [("0", ""), ("-2", ""), ("3", "3"), ("3", "-1"), ("three", "")])
def test_numbers_out_of_range_are_refused(monkeypatch: pytest.MonkeyPatch, count: str, part: str) -> None:
    monkeypatch.setenv("NNC_PARTS", count)
    monkeypatch.setenv("NNC_PART", part)
    with pytest.raises(ValueError):
        parts()


@pytest.mark.parametrize("count", ["", "1"])
def test_one_part_is_all(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("NNC_PARTS", count)
    assert parts() is None
