"""Parametrized cases of which every run of the tests takes a sample, and `nox -s exhaustive` the rest."""

from collections.abc import Sequence

import pytest
from _pytest.mark.structures import ParameterSet


def sampled(cases: Sequence[tuple[str, tuple[object, ...]]], every: int) -> list[ParameterSet]:
    """Return cases as parameters; mark all as exhaustive but the first of each `every`.

    Args:
        cases: The id and the values of each case.
        every: Number of cases of which one is in the sample.
    """
    return [
        pytest.param(*values, id=name, marks=() if number % every == 0 else pytest.mark.exhaustive)
        for number, (name, values) in enumerate(cases)
    ]
