"""What a network answers with decoded parameters, and how far that is from its other answers, as results tell it."""

from typing import Literal

from pydantic import Field

from nnc_conformance.storage.documents import Frozen


class Distance(Frozen):
    """How far one set of values is from another: largest and mean absolute difference, norm of the difference over the other's norm,
    and the cosine of both as vectors. Rounded to 6 significant digits; None where a figure is not finite.
    """

    max_error: float | None
    mean_error: float | None
    relative_error: float | None
    cosine: float | None


class LayerDrift(Frozen):
    """How far the output of one node of the main graph is from another run's: the output's name, the node's operator, the distance."""

    output: str
    operator: str
    distance: Distance


class AccuracyRow(Frozen):
    """What a network answers on held data with one set of parameters.

    ``parameters``: ``original`` (before coding), ``reference`` (the reference decoder's) or ``decoded`` (the decoder's under test);
    ``top1``: part of the samples with the right label; ``agreement``: part with the original's answer; ``max_error`` and
    ``mean_error``: largest and mean absolute distance of the outputs to the original's. Rounded to 6 significant digits; None where
    the outputs are not finite.
    """

    network: str
    parameters: Literal["original", "reference", "decoded"]
    samples: int = Field(ge=1)
    top1: float
    agreement: float
    max_error: float | None
    mean_error: float | None
    relative_error: float | None = Field(default=None, description="of the outputs, to the original's")
    cosine: float | None = Field(default=None, description="of the outputs, to the original's")
    to_reference: Distance | None = Field(default=None, description="of decoded parameters: the outputs' distance to the reference's")
    layers: tuple[LayerDrift, ...] = Field(default=(), description="of reference and decoded: each node's distance to the original's")
    first_drift: str | None = Field(
        default=None, description="of decoded parameters: the first node's output that is not the reference's; None where all are"
    )
