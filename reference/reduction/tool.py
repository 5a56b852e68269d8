"""The common parts of all tools.

These are settings, resources, and the choice of a strength by measurement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.maps import MapRow
from nnc_conformance.reference.reduction.network import Accuracy, Network, Score
from nnc_conformance.reference.reduction.scoring import Samples

Fraction = Annotated[float, Field(ge=0, lt=1)]
"""A share of a whole, 0 inclusive to 1 exclusive."""
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A finite number that is not negative."""
Dimension = Annotated[int, Field(ge=1, le=255)]
"""A dimension that a performance map can state."""
Block = tuple[Dimension, Dimension]
"""Rows and columns of a block."""


class Settings(BaseModel):
    """Base class of what a pipeline states; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSettings(Settings):
    """How a trained form trains: AdamW on cross-entropy with a cosine schedule.

    All randomness comes from ``seed``.
    """

    epochs: int = Field(default=10, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    batch: int = Field(default=64, ge=1)
    seed: int = Field(default=0, ge=0)


class ToolSettings(Settings):
    """Settings of every tool.

    Args:
        tensors: Shell patterns of the weights to work on; all suitable weights if absent.
        train: How to train; the data-free form runs if absent.
    """

    tensors: tuple[str, ...] | None = None
    train: TrainingSettings | None = None


class SweepSettings(ToolSettings):
    """Settings of a tool that can try several strengths and has a performance map.

    Args:
        accuracy_loss: Greatest loss of accuracy at which a strength is still accepted.
    """

    accuracy_loss: NotNegative = 0.01


@dataclass(frozen=True)
class Resources:
    """Resources of a tool besides the network.

    Args:
        score: Measures the accuracy of a network.
        training: Samples to train on.
    """

    score: Score | None = None
    training: Samples | None = None

    def samples(self) -> Samples:
        """Return the training samples; raise `ModelError` if there are none."""
        if self.training is None:
            raise ModelError("'train' needs training samples; name their file under 'training'")
        return self.training


@dataclass(frozen=True)
class Reduction:
    """The result of a tool: the changed network and the rows of its performance map."""

    network: Network
    rows: tuple[MapRow, ...] = ()


def apply_strength(
    network: Network,
    strengths: Sequence[float],
    settings: SweepSettings,
    resources: Resources,
    *,
    reduce: Callable[[float], Network],
    row: Callable[[float, Network, Accuracy], MapRow],
) -> Reduction:
    """Apply one of several strengths of a tool.

    A single strength is always applied. Of several, the strongest is applied whose measured
    accuracy loss is acceptable; the network stays as it is if none is. Each measured strength has a
    row.

    Args:
        strengths: The strengths to try, in any order.
        reduce: Applies a strength to the network.
        row: Makes the row for a strength, the reduced network and its accuracy.

    Raises:
        ModelError: For several strengths without a way to measure them.
    """
    rising = sorted(set(strengths))
    if resources.score is None:
        if len(rising) > 1:
            raise ModelError(f"choosing among {len(rising)} strengths needs held-out samples; name their file under 'held'")
        return Reduction(reduce(rising[0]))
    tried = [(strength, reduce(strength)) for strength in rising]
    measured = [resources.score(candidate) for _, candidate in tried]
    rows = tuple(row(strength, candidate, accuracy) for (strength, candidate), accuracy in zip(tried, measured, strict=True))
    if len(tried) == 1:
        return Reduction(tried[0][1], rows)
    least = resources.score(network).overall - settings.accuracy_loss
    acceptable = [candidate for (_, candidate), accuracy in zip(tried, measured, strict=True) if accuracy.overall >= least]
    return Reduction(acceptable[-1] if acceptable else network, rows)
