"""What all tools share: their settings, what they may use beside the network, and the choice among settings by measurement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.maps import Row
from nnc_conformance.reference.reduction.network import Accuracy, Network, Score
from nnc_conformance.reference.reduction.scoring import Samples

Share = Annotated[float, Field(ge=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Dimension = Annotated[int, Field(ge=1, le=255)]
Block = tuple[Dimension, Dimension]


class Settings(BaseModel):
    """Parameters as a pipeline gives them: none unknown, none changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Fit(Settings):
    """How a trained form trains: AdamW on cross-entropy with a cosine rate; all randomness comes from the seed."""

    epochs: int = Field(default=10, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    batch: int = Field(default=64, ge=1)
    seed: int = Field(default=0, ge=0)


class ToolSettings(Settings):
    """``tensors``: shell patterns of the weights that the tool works on, all that it can where absent; ``train``: use the trained form."""

    tensors: tuple[str, ...] | None = None
    train: Fit | None = None


class SweptSettings(ToolSettings):
    """Of a tool with a performance map: of several settings the strongest that loses ``accuracy_loss`` at most is applied."""

    accuracy_loss: NotNegative = 0.01


@dataclass(frozen=True)
class Aid:
    """What a tool may use: ``score`` measures a network, ``training`` are samples for trained forms."""

    score: Score | None = None
    training: Samples | None = None

    def samples(self) -> Samples:
        """The training samples; raises `ModelError` where there are none."""
        if self.training is None:
            raise ModelError("a trained form needs training samples")
        return self.training


@dataclass(frozen=True)
class Reduction:
    """What a tool gives: the changed network, and the rows of its performance map."""

    network: Network
    rows: tuple[Row, ...] = ()


def swept(
    network: Network,
    strengths: Sequence[float],
    settings: SweptSettings,
    aid: Aid,
    *,
    reduce: Callable[[float], Network],
    row: Callable[[float, Network, Accuracy], Row],
) -> Reduction:
    """Applies one of ``strengths`` (rising): a single one always, of several the last whose measured loss is small enough, if any.

    Each is measured where ``aid`` can, and has a row. Raises `ModelError` for several settings and nothing to measure with.
    """
    rising = sorted(set(strengths))
    if aid.score is None:
        if len(rising) > 1:
            raise ModelError(f"a choice among {len(rising)} settings needs held samples")
        return Reduction(reduce(rising[0]))
    tried = [(strength, reduce(strength)) for strength in rising]
    measured = [aid.score(candidate) for _, candidate in tried]
    rows = tuple(row(strength, candidate, found) for (strength, candidate), found in zip(tried, measured, strict=True))
    if len(tried) == 1:
        return Reduction(tried[0][1], rows)
    least = aid.score(network).overall - settings.accuracy_loss
    fit = [candidate for (_, candidate), found in zip(tried, measured, strict=True) if found.overall >= least]
    return Reduction(fit[-1] if fit else network, rows)
