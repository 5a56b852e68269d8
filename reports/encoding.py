"""What the encoder did with each tensor: lines for a person, and a JSON report."""

import json
from collections.abc import Iterator
from typing import Any, Final

from nnc_conformance.reference.quantization.choosing import Chosen, TensorChoices, Treatment
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.topology.classes import Role
from nnc_conformance.reports.text import one_line
from nnc_conformance.storage.model_files import Model

REPORT_FORMAT: Final = "nnc-encoding/1"
"""Value of ``format`` in a JSON report."""
NAMED: Final = 5
"""Names that a line shows; a report has all."""


def lines(choice: TensorChoices, model: Model) -> Iterator[str]:
    """Iterate over lines on tensors that were not quantized or lost small values.

    There is one line for each reason.
    """
    groups: dict[str, list[str]] = {}
    for row in choice.tensors:
        if row.treatment is not Treatment.QUANTIZED:
            groups.setdefault(f"{row.treatment}, {row.reason}", []).append(row.name)
        elif row.reason:
            groups.setdefault(row.reason, []).append(row.name)
        if row.lost:
            groups.setdefault(f"small values became 0, which {_remedy(row)} prevents", []).append(f"{row.name} ({row.lost})")
    groups |= {what: list(names) for what, names in _elsewhere(choice, model).items() if names}
    for name, reason in model.left_out.items():
        groups.setdefault(f"left out, since {reason}", []).append(name)
    for name, what in model.converted.items():
        groups.setdefault(what, []).append(name)
    if model.attribute_values:
        numbers, values = sum(model.attribute_values.values()), sum(array.size for array in model.parameters.values())
        yield f"{values} of {values + numbers} values coded; the others are attributes of {', '.join(sorted(model.attribute_values))}"
    for reason, names in groups.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield f"{reason}: {', '.join(map(one_line, names[:NAMED]))}{more}"


def report(choice: TensorChoices, model: Model, stream_bytes: int) -> str:
    """Return the JSON report on all tensors."""
    document = {
        "format": REPORT_FORMAT,
        "stream_bytes": stream_bytes,
        "tensors": [_row(row, choice.options.qp_density) for row in choice.tensors],
        "not_coded": [{"name": name, "reason": what} for what, names in _elsewhere(choice, model).items() for name in names],
        "left_out": [{"name": name, "reason": reason} for name, reason in model.left_out.items()],
        "converted": [{"name": name, "reason": what} for name, what in model.converted.items()],
    }
    return json.dumps(document, indent=1) + "\n"


def _elsewhere(choice: TensorChoices, model: Model) -> dict[str, tuple[str, ...]]:
    """Return the names of tensors that no choice is made for, by where they travel."""
    chosen = {row.name for row in choice.tensors}
    plain = tuple(name for name in model.plain if name not in chosen)
    return {"not coded, travels in the topology": model.unchanged, "not coded, travels as it is": plain}


def _remedy(row: Chosen) -> str:
    """Return the options that keep the small values of a tensor."""
    return f"--exact NAME or a smaller {'--qp' if row.role is Role.WEIGHT else '--nonweight-qp'}"


def _row(row: Chosen, qp_density: int) -> dict[str, Any]:
    """Return one tensor's row."""
    quantized = {} if row.qp is None else {"qp": row.qp, "step": float(step_size(qp_density, row.qp)), "zeroed": row.zeros}
    lost = f"{row.lost} became 0, which {_remedy(row)} prevents" if row.lost else ""
    return {
        "name": row.name, "type": row.dtype, "shape": list(row.shape), "treatment": str(row.treatment),
        "reason": "; ".join(filter(None, (row.reason, lost))), **quantized,
    }  # fmt: skip
