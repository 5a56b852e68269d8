"""A pipeline as users write it: a YAML document or a Python list of tools with their parameters, checked before anything runs."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field, ValidationError

from nnc_conformance.reference.encoder import CodebookMethod
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


class Quantization(Settings):
    """Clause 9: what of `encoder.EncoderOptions` the pipeline decides; the others stay as they are given."""

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
AnySettings = ReductionSettings | BatchNormFolding | Quantization | LocalScaling

STAGES: Final[Sequence[tuple[str, tuple[type[Settings], ...]]]] = (
    ("combined pruning and sparsification", (Pruning,)),
    ("sparsification", (Sparsification, MicroStructured)),
    ("unification", (Unification,)),
    ("decomposition", (LowRank, LowDisplacementRank)),
    ("batch-norm folding", (BatchNormFolding,)),
    ("quantization", (Quantization,)),
    ("local scaling", (LocalScaling,)),
)
"""The order of a pipeline's tools (clause 5.3)."""

SINGLE: Final = (BatchNormFolding, Quantization, LocalScaling)
"""Tools that a pipeline has once at most."""

TOOLS: Final = tuple(kind.model_fields["tool"].default for _, kinds in STAGES for kind in kinds)


class Document(Settings):
    """A pipeline.

    ``tools``: in the order of clause 5.3; ``held`` and ``training``: files of samples, a tensor for each input of the graph and ``labels``;
    ``classes``: performance maps tell the accuracy of each class too.
    """

    tools: tuple[Annotated[AnySettings, Field(discriminator="tool")], ...]
    held: str | None = None
    training: str | None = None
    classes: bool = False


def parse(text: str) -> Document:
    """A pipeline from YAML; raises `ModelError` that says where and what is wrong, for the first thing that is."""
    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise ModelError(f"the pipeline is no YAML{place}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ModelError(f"the pipeline is no YAML: {str(error).splitlines()[0]}") from None
    return checked(content)


def checked(content: Any) -> Document:
    """A pipeline from Python: a list of tools, each a mapping with ``tool`` and parameters or just a name; or a mapping with ``tools``.

    Raises `ModelError` for the first thing that is wrong: unknown tools and parameters, bad values, another order than clause 5.3.
    """
    document = content if isinstance(content, Mapping) else {"tools": content}
    listed = document.get("tools")
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes):
        raise ModelError("a pipeline is a list of tools, or a mapping with the list under 'tools'")
    tools = [{"tool": entry} if isinstance(entry, str) else entry for entry in listed]
    for number, entry in enumerate(tools, start=1):
        name = entry.get("tool") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            raise ModelError(f"tool {number} of the pipeline is neither a name nor a mapping with the name under 'tool'")
        if name not in TOOLS:
            raise ModelError(f"tool {number} of the pipeline: {unknown('tool', name, TOOLS)}")
    try:
        found = Document.model_validate({**document, "tools": tuple(tools)})
    except ValidationError as error:
        raise ModelError(_first(error, [str(entry["tool"]) for entry in tools])) from None
    _check_order(found)
    return found


def _first(error: ValidationError, names: Sequence[str]) -> str:
    """The first thing that is wrong, in words."""
    detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [str(step) for step in detail["loc"]]
    where = "the pipeline"
    if path[:1] == ["tools"] and len(path) > 1:
        where, path = f"tool {int(path[1]) + 1} of the pipeline ({names[int(path[1])]})", path[3:]
    named = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return f"{where} has no parameter {named!r}"
    if detail["type"] == "missing":
        return f"{where} needs the parameter {named!r}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {named + ': ' if named else ''}{message}"


def _check_order(document: Document) -> None:
    stages = [next(place for place, (_, kinds) in enumerate(STAGES) if isinstance(tool, kinds)) for tool in document.tools]
    for first, second in pairwise(zip(stages, document.tools, strict=True)):
        if first[0] > second[0]:
            order = ", ".join(name for name, _ in STAGES)
            raise ModelError(f"{second[1].tool} stands after {first[1].tool} in the pipeline; the order is: {order} (clause 5.3)")
    for kind in SINGLE:
        if sum(isinstance(tool, kind) for tool in document.tools) > 1:
            raise ModelError(f"the pipeline has {kind.model_fields['tool'].default} more than once")
