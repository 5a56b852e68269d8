"""Parts of the tests that take long: each run of CI runs one part, another one for each commit.

The environment variable NNC_PARTS gives the number of parts. Tests marked `exhaustive` are dealt
out to them in turn, and those marked `slow` to half as many parts; all others run always. NNC_PART
chooses a part by its number from 0; by default, the number of commits does.
"""

import os
import subprocess
from collections.abc import Sequence

import pytest
from helpers.checkout import ROOT


def parts() -> tuple[int, int] | None:
    """Return the part to run and the number of parts; None to run all.

    Raises:
        ValueError: NNC_PARTS or NNC_PART is not a number in its range.
    """
    count = int(os.environ.get("NNC_PARTS") or 1)
    if count < 1:
        raise ValueError(f"NNC_PARTS is {count}; give a number from 1")
    if count == 1:
        return None
    words = ["git", "rev-list", "--count", "HEAD"]
    part = os.environ.get("NNC_PART") or subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    number = int(part) if os.environ.get("NNC_PART") else int(part) % count
    if not 0 <= number < count:
        raise ValueError(f"NNC_PART is {number}; give a number from 0 to {count - 1}")
    return number, count


def divide(tests: Sequence[pytest.Item], part: int, count: int) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return the tests that a part runs, and those that it leaves to the other parts."""
    left: set[int] = set()
    exhaustive = [id(test) for test in tests if test.get_closest_marker("exhaustive")]
    slow = [id(test) for test in tests if test.get_closest_marker("slow") and id(test) not in exhaustive]
    for divided, parts_of_it in ((exhaustive, count), (slow, max(count // 2, 1))):
        left.update(test for index, test in enumerate(divided) if index % parts_of_it != part % parts_of_it)
    return [test for test in tests if id(test) not in left], [test for test in tests if id(test) in left]
