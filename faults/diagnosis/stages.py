"""Progress through the stages of an explanation."""

from collections.abc import Callable
from functools import partial

from nnc_conformance.reference.options import ProgressCallback

StageCallback = Callable[[str, int, int], None]
"""Progress callback: (what is done, how much of it, of how much; 0 if not known)."""


def no_stages(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


def within(progress: StageCallback, stage: str) -> ProgressCallback:
    """Return the progress callback of one stage."""
    return partial(progress, stage)
