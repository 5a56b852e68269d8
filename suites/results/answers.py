"""Answers of a network with decoded parameters, and their distance to its other answers."""

from typing import Literal

from pydantic import Field

from nnc_conformance.storage.documents import Frozen


class Distance(Frozen):
    """Distance between two sets of values, rounded to 6 significant digits.

    Attributes:
        max_error: Largest absolute difference.
        mean_error: Mean absolute difference.
        relative_error: Norm of the difference over the norm of the reference values.
        cosine: Cosine between both as vectors.

    Each is None if it is not finite.
    """

    max_error: float | None
    mean_error: float | None
    relative_error: float | None
    cosine: float | None


class LayerDrift(Frozen):
    """Distance of one node's output to the same output of another run."""

    output: str = Field(description="name of the output")
    operator: str = Field(description="operator of the node")
    distance: Distance


class AccuracyRow(Frozen):
    """Answers of a network on held-out data with one set of parameters.

    Figures are rounded to 6 significant digits and None if not finite.
    """

    network: str
    parameters: Literal["original", "reference", "decoded"] = Field(
        description="before coding, as the reference decodes them, or as the decoder under test does"
    )
    samples: int = Field(ge=1)
    top1: float = Field(description="fraction of the samples with the right label")
    agreement: float = Field(description="fraction of the samples with the original's answer")
    max_error: float | None = Field(description="largest absolute difference of the outputs to the original's")
    mean_error: float | None = Field(description="mean absolute difference of the outputs to the original's")
    relative_error: float | None = Field(default=None, description="of the outputs, to the original's")
    cosine: float | None = Field(default=None, description="of the outputs, to the original's")
    to_reference: Distance | None = Field(default=None, description="decoded only: distance of the outputs to the reference's")
    layers: tuple[LayerDrift, ...] = Field(default=(), description="reference and decoded: each node's distance to the original's")
    first_drift: str | None = Field(
        default=None, description="decoded only: first node output that differs from the reference's; None if none does"
    )
