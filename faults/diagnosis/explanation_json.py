"""Explanations as JSON documents."""

from typing import Any

from nnc_conformance.faults.diagnosis.explain import Explanation
from nnc_conformance.faults.diagnosis.onset import Onset
from nnc_conformance.reference.tracer import TraceLine, value_text
from nnc_conformance.suites.results.stream_limits import limit_notes


def document(explained: Explanation) -> dict[str, Any]:
    """Return an explanation as a JSON value.

    It has the causes and the bins around the onset.
    """
    return {
        "format": "nnc-explanation/1",
        "case": explained.case.id,
        "outcome": explained.case.outcome,
        "vector": {"title": explained.vector.title, "tests": explained.vector.tests, "catches": explained.vector.catches},
        "limits": list(limit_notes(explained.case)),
        "onset": None if explained.onset is None else _onset(explained.onset),
        "elements": [{"element": one.element, "clause": one.clause, "weight": one.weight} for one in explained.elements],
        "causes": [
            {
                "cause": one.cause.id,
                "what": one.cause.sentence,
                "element": one.cause.element,
                "clause": one.cause.clause,
                "function": one.cause.function,
                "class": one.cause.mutant.operator.value,
                "fit": round(one.fit, 3),
                "exact": one.exact,
                "failures": {"alike": one.same, "tried": one.failing},
                "passes": {"kept": one.kept, "tried": one.passing},
            }
            for one in explained.likely
        ],
        "tried": explained.ranking.tried,
        "left": explained.ranking.left,
        "settled": explained.ranking.settled,
        "out_of_time": explained.ranking.out_of_time,
    }


def _onset(onset: Onset) -> dict[str, Any]:
    return {
        "step": onset.step,
        "unit": onset.unit,
        "unit_type": onset.unit_type,
        "byte": onset.byte,
        "bit": onset.bit,
        "element": onset.element,
        "clause": onset.clause,
        "reading": onset.reading,
        "tensor": onset.tensor,
        "index": list(onset.index),
        "symbol": onset.coded_index,
        "expected": onset.expected,
        "actual": onset.actual,
        "exact": onset.exact,
        "lines": [_line(line) for line in onset.lines],
    }


def _line(line: TraceLine) -> dict[str, Any]:
    """Return a line of a trace as a JSON object.

    For a bin it has the state of the arithmetic decoder too.
    """
    bins = {} if line.bin is None else {
        "symbol": line.bin.index,
        "context": line.bin.context,
        "ivl_curr_range": line.bin.ivl_curr_range,
        "ivl_offset": line.bin.ivl_offset,
        "state": line.bin.state,
    }  # fmt: skip
    return {"byte": line.byte, "bit": line.bit, "element": line.element, "value": value_text(line.value), **bins}
