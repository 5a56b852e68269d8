"""Pipelines as users write them, validated before a run.

A pipeline is a YAML document or a Python list.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field, ValidationError

from nnc_conformance.reference.encoder_options import CodebookMethod
from nnc_conformance.reference.errors import ModelError, unknown
from nnc_conformance.reference.reduction.batch_norm import BatchNormFolding
from nnc_conformance.reference.reduction.displacement import LowDisplacementRank
from nnc_conformance.reference.reduction.local_scaling import LocalScaling
from nnc_conformance.reference.reduction.low_rank import LowRank
from nnc_conformance.reference.reduction.micro_structured import MicroStructured
from nnc_conformance.reference.reduction.pruning import Pruning
from nnc_conformance.reference.reduction.sparsification import Sparsification
from nnc_conformance.reference.reduction.tool import Settings
from nnc_conformance.reference.reduction.unification import Unification
from nnc_conformance.reference.validation_words import place_text, problems_of


class QuantizationSettings(Settings):
    """The encoder options that a pipeline decides (clause 9); the others stay as given."""

    tool: Literal["quantization"] = "quantization"
    qp: int | None = None
    nonweight_qp: int | None = None
    qp_density: Annotated[int, Field(ge=0, le=7)] | None = None
    dq: bool | None = None
    codebook: CodebookMethod | None = None
    scan_order: Annotated[int, Field(ge=0, le=4)] | None = None
    unary_length: Annotated[int, Field(ge=1, le=256)] | None = None
    rdo: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    tensor_qp: dict[str, int] | None = None


ReductionSettings = Pruning | Sparsification | MicroStructured | Unification | LowRank | LowDisplacementRank
"""Settings of the tools that have a performance map."""
AnySettings = ReductionSettings | BatchNormFolding | QuantizationSettings | LocalScaling
"""Settings of any step of a pipeline."""

STAGES: Final[Sequence[tuple[str, tuple[type[Settings], ...]]]] = (
    ("combined pruning and sparsification", (Pruning,)),
    ("sparsification", (Sparsification, MicroStructured)),
    ("unification", (Unification,)),
    ("decomposition", (LowRank, LowDisplacementRank)),
    ("batch-norm folding", (BatchNormFolding,)),
    ("quantization", (QuantizationSettings,)),
    ("local scaling", (LocalScaling,)),
)
"""The order of a pipeline's tools (clause 5.3)."""

SINGLE: Final = (BatchNormFolding, QuantizationSettings, LocalScaling)
"""Tools that a pipeline may contain only once."""

TOOLS: Final = tuple(kind.model_fields["tool"].default for _, kinds in STAGES for kind in kinds)
"""The names of all tools."""


class Document(Settings):
    """A validated pipeline.

    Args:
        tools: The tools with their parameters, in the order of clause 5.3.
        held: File of held-out samples to measure accuracy: a tensor for each graph input, and
            ``labels``.
        training: File of training samples, of the same form.
        classes: Whether performance maps state the accuracy of each class too.
    """

    tools: tuple[Annotated[AnySettings, Field(discriminator="tool")], ...]
    held: str | None = None
    training: str | None = None
    classes: bool = False


def parse(text: str) -> Document:
    """Parse a pipeline from YAML.

    Raises:
        ModelError: For the first mistake, with its place.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise ModelError(f"the pipeline is not valid YAML{place}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ModelError(f"the pipeline is not valid YAML: {str(error).splitlines()[0]}") from None
    return validate(content)


def validate(content: Any) -> Document:
    """Validate a pipeline given as Python values.

    Args:
        content: A list of tools, each a name or a mapping with ``tool`` and parameters; or a
            mapping with this list under ``tools``.

    Raises:
        ModelError: For the first mistake: an unknown tool or parameter, a bad value, or a wrong
            order.
    """
    document = content if isinstance(content, Mapping) else {"tools": content}
    listed = document.get("tools")
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes):
        raise ModelError("a pipeline must be a list of tools, or a mapping with that list under 'tools'")
    tools = [{"tool": entry} if isinstance(entry, str) else entry for entry in listed]
    for number, entry in enumerate(tools, start=1):
        name = entry.get("tool") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            raise ModelError(f"tool {number} of the pipeline must be a name, or a mapping with the name under 'tool'")
        if name not in TOOLS:
            raise ModelError(f"tool {number} of the pipeline: {unknown('tool', name, TOOLS)}")
    try:
        pipeline = Document.model_validate({**document, "tools": tuple(tools)})
    except ValidationError as error:
        raise ModelError(_first_mistake(error, [str(entry["tool"]) for entry in tools])) from None
    _check_order(pipeline)
    return pipeline


def _first_mistake(error: ValidationError, names: Sequence[str]) -> str:
    """Describe the first validation error of a pipeline document.

    Args:
        error: The error of pydantic.
        names: The names of the pipeline's tools, in order.
    """
    found, kind, words = problems_of(error)[0]
    path = [str(step) for step in found]
    where = "the pipeline"
    if path[:1] == ["tools"] and len(path) > 1:
        where, path = f"tool {int(path[1]) + 1} of the pipeline ({names[int(path[1])]})", path[3:]
    named = place_text(tuple(path))
    if kind == "extra_forbidden":
        return f"{where} has no parameter {named!r}"
    if kind == "missing":
        return f"{where} needs the parameter {named!r}"
    return f"{where}: {named + ': ' if named else ''}{words}"


def _check_order(document: Document) -> None:
    """Raise `ModelError` for tools out of order, or repeated ones that may stand only once."""
    stages = [next(place for place, (_, kinds) in enumerate(STAGES) if isinstance(tool, kinds)) for tool in document.tools]
    for first, second in pairwise(zip(stages, document.tools, strict=True)):
        if first[0] > second[0]:
            order = ", ".join(name for name, _ in STAGES)
            raise ModelError(f"the pipeline runs {second[1].tool} after {first[1].tool}; the order must be: {order} (clause 5.3)")
    for kind in SINGLE:
        if sum(isinstance(tool, kind) for tool in document.tools) > 1:
            raise ModelError(f"the pipeline contains {kind.model_fields['tool'].default} more than once; keep one")
