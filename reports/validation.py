"""What a validation found: as text, as SARIF 2.1.0, and as JUnit XML."""

import json
import os
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree

from nnc_conformance.encoders.hints import HINTS
from nnc_conformance.encoders.validation import BrokenRule, StreamValidation, StreamVerdict, Validation
from nnc_conformance.reference.syntax.rules import RULES, Policy
from nnc_conformance.reports.junit_parts import add_outcome, add_suite, add_testcase, finished, new_document, seconds
from nnc_conformance.reports.text import one_line, visible
from nnc_conformance.storage import DISTRIBUTION

_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_INDENT: Final = "  "
_SAID: Final[dict[StreamVerdict, str]] = {
    StreamVerdict.CONFORMING: "conforming",
    StreamVerdict.BROKEN: "not conforming",
    StreamVerdict.INFERRED: "not conforming, by inferred rules only",
    StreamVerdict.DISPUTED: "conforming only under another choice of a disputed point",
    StreamVerdict.LIMITS: "not judged: larger than this decoder's limits",
    StreamVerdict.NOT_JUDGED: "not judged: an earlier stream of the session cannot be read",
}
"""Verdicts in words."""


def text_lines(validation: Validation, *, session_wanted: bool = False) -> Iterator[str]:
    """Iterate over the lines for a person.

    Args:
        validation: What was found.
        session_wanted: Whether to say that updates should be validated as a session.
    """
    for stream in validation.streams:
        yield one_line(f"{stream.stream}: {_SAID[stream.verdict]}")
        yield from (f"  {indent}{one_line(line)}" for indent, line in _stream_lines(stream))
    if session_wanted and any(stream.update and stream.findings for stream in validation.streams):
        yield "an update was validated alone: give all streams of its session in order, with --session"
    good = sum(stream.conforming for stream in validation.streams)
    yield f"{good} of {len(validation.streams)} streams conforming"


def _stream_lines(stream: StreamValidation) -> Iterator[tuple[str, str]]:
    """Iterate over the lines on a stream, each with its indent."""
    yield from (("", line) for line in _facts(stream))
    for finding in stream.findings:
        first, *others = _finding_lines(finding)
        yield "", first
        yield from ((_INDENT, line) for line in others)
    if stream.left_out:
        yield "", f"and {stream.left_out} more broken rules"
    for choice in stream.choices:
        yield "", f"breaks no rule with --interpretation {choice.switch}={choice.choice}"


def _facts(stream: StreamValidation) -> Iterator[str]:
    """Yield lines on a stream: edition, size, capabilities, targets, inferred meanings."""
    if stream.edition is not None:
        kind = "update" if stream.update else "stream"
        yield f"edition {stream.edition}, {kind} of {stream.size} bytes, {stream.units} {'unit' if stream.units == 1 else 'units'}"
        tensors = f"{stream.parameters} {'tensor' if stream.parameters == 1 else 'tensors'}"
        values = f"{stream.values} {'value' if stream.values == 1 else 'values'}"
        yield f"decodes to {tensors} with {values}, {stream.output_bytes} of the {stream.output_limit} bytes allowed"
        yield f"needs: {', '.join(stream.capabilities) or 'nothing'}"
        said = [f"{one.target} {'met' if one.met else 'missed by ' + ', '.join(one.lacking)}" for one in stream.targets]
        yield f"targets: {'; '.join(said)}"
    for meaning in stream.inferred:
        yield f"rests on an inferred meaning: {meaning}"


def _finding_lines(finding: BrokenRule) -> Iterator[str]:
    """Yield lines on a broken rule: what is wrong, rule, place, hint."""
    strict = "must be refused" if finding.policy is Policy.MUST else "may be accepted"
    yield f"broken: {finding.detail}"
    yield f"rule {finding.rule} ({strict}, source {finding.provenance}): {finding.condition}"
    yield f"at {place_of(finding)}"
    yield f"hint: {finding.hint}"
    if finding.ends:
        yield "the stream cannot be read on from here"


def place_of(finding: BrokenRule) -> str:
    """Return the place of a broken rule in words."""
    where = f"unit {finding.unit} ({finding.unit_type}), byte {finding.byte}, bit {finding.bit}"
    return f"{where}, {finding.element} (clause {finding.clause})"


def render_sarif(validation: Validation) -> str:
    """Return one SARIF log.

    It has a result for each broken rule, at its byte in the stream.
    """
    met = list(dict.fromkeys(finding.rule for stream in validation.streams for finding in stream.findings))
    driver = {
        "name": DISTRIBUTION,
        "version": version(DISTRIBUTION),
        "rules": [_sarif_rule(rule) for rule in met],
    }
    results = [_sarif_result(stream, finding, met) for stream in validation.streams for finding in stream.findings]
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _sarif_rule(rule: str) -> dict[str, Any]:
    """Describe a rule as an object of the SARIF format."""
    row = RULES[rule]
    return {
        "id": rule,
        "shortDescription": {"text": row.condition},
        "help": {"text": HINTS[rule]},
        "properties": {"clause": row.clause, "policy": row.policy, "provenance": row.provenance, "category": row.category},
    }


def _sarif_result(stream: StreamValidation, finding: BrokenRule, met: list[str]) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": met.index(finding.rule),
        "level": "error" if finding.policy is Policy.MUST else "warning",
        "message": {"text": visible(f"{finding.detail}; {place_of(finding)}. {finding.hint}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(stream.stream)},
                    "region": {"byteOffset": finding.byte, "byteLength": 1 if finding.byte < stream.size else 0},
                }
            }
        ],
    }


def _uri(name: str) -> str:
    """Return the URI of a file: relative to the working folder, or absolute (RFC 8089)."""
    return ("file://" if name.startswith("/") else "") + quote(os.fsencode(name))


def render_validation_junit(validation: Validation) -> str:
    """Return one JUnit document.

    A stream is a test case, its broken rules are its failure.
    """
    root = new_document()
    suite = add_suite(root, "validate")
    for stream in validation.streams:
        case = add_testcase(suite, stream.stream, "nnc.validate")
        case.set("time", seconds(0))
        if stream.verdict is StreamVerdict.NOT_JUDGED:
            ElementTree.SubElement(case, "skipped", message=_SAID[stream.verdict])
        elif not stream.conforming:
            first = stream.findings[0]
            text = "\n".join(indent + line for indent, line in _stream_lines(stream))
            add_outcome(case, "failure", first.rule, one_line(first.detail), text)
    return finished(root)
