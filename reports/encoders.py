"""The results of a run of encoders as text, JUnit XML and one HTML page."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from xml.etree import ElementTree

from pydantic import BaseModel, ValidationError

from nnc_conformance.encoders.results import (
    RESULTS_FILE,
    RUN_FILE,
    EncoderCaseResult,
    EncoderIdentity,
    EncoderResults,
    EncoderRunDocument,
)
from nnc_conformance.reports.html import render_page, resource
from nnc_conformance.reports.junit_parts import add_notes, add_suite, add_testcase, finished, mark, new_document, seconds
from nnc_conformance.reports.report import HEADLINES
from nnc_conformance.reports.tally import TONES, Tone, tone
from nnc_conformance.reports.text import one_line
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import first_problem
from nnc_conformance.storage.inputs import STANDARD_INPUT
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import ResultsError
from nnc_conformance.suites.results.result_files import read_results

DocumentT = TypeVar("DocumentT", bound=BaseModel)

ENCODER_PAGE: Final = "encoder-report.html"
ENCODER_JUNIT: Final = "encoder-junit.xml"
ENCODER_PAGES: Final = (ENCODER_PAGE, ENCODER_JUNIT)
"""The files that a run of encoders writes next to its results."""


ENCODER_RESULTS: Final = "nnc-encoder-results/"
"""How the formats of results of encoders begin."""


@dataclass(frozen=True)
class EncoderSummary:
    """The figures of one encoder.

    Attributes:
        encoder: The encoder.
        cases: Its cases.
    """

    encoder: EncoderIdentity
    cases: tuple[EncoderCaseResult, ...]

    @property
    def counts(self) -> Counter[Tone]:
        """The number of cases by tone."""
        return Counter(tone(case.outcome) for case in self.cases)

    @property
    def refused(self) -> int:
        """The number of cases that pass because the encoder may refuse them."""
        return sum(case.refused for case in self.cases)

    @property
    def failures(self) -> tuple[EncoderCaseResult, ...]:
        """The cases that fail the run."""
        return tuple(case for case in self.cases if OUTCOMES[case.outcome].fails)

    @property
    def others(self) -> tuple[EncoderCaseResult, ...]:
        """The cases that neither pass nor fail."""
        return tuple(case for case in self.cases if case.outcome is not Outcome.PASS and not OUTCOMES[case.outcome].fails)

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of the streams of cases that the reference encodes too, and of its streams."""
        both = [case for case in self.cases if case.reference_sizes and len(case.sizes) == len(case.reference_sizes)]
        return sum(sum(case.sizes) for case in both), sum(sum(case.reference_sizes) for case in both)

    @property
    def max_error_steps(self) -> float | None:
        """The largest error of a passing case in steps; None if nothing was quantized."""
        errors = [case.max_error_steps for case in self.cases if case.max_error_steps is not None and case.outcome is Outcome.PASS]
        return max(errors, default=None)

    def groups(self) -> Iterator[tuple[str, Counter[Tone]]]:
        """Yield each group of cases with its numbers by tone."""
        for group in dict.fromkeys(case.group for case in self.cases):
            yield group, Counter(tone(case.outcome) for case in self.cases if case.group == group)

    def elements(self) -> list[tuple[str, int]]:
        """Return the broken or suspected elements with the number of failing cases, most first."""
        return Counter(case.element for case in self.failures if case.element).most_common()


def summaries(results: EncoderResults) -> list[EncoderSummary]:
    """Return the figures of each encoder."""
    return [EncoderSummary(encoder, results.of(encoder.name)) for encoder in results.encoders]


def text_lines(results: EncoderResults, page: Path) -> Iterator[str]:
    """Yield the lines for a person: one or two for each encoder, then the verdict."""
    for one in summaries(results):
        counts = [f"{one.counts[kind]} {word}" for kind, (word, _) in TONES.items() if one.counts[kind]]
        refused = f"; {one.refused} of the passed are refusals that are allowed" if one.refused else ""
        yield f"{one_line(one.encoder.name)}: {', '.join(counts) or 'no case'}{refused}"
        own, reference = one.sizes
        facts = [f"{own} bytes, {own / reference:.3f} of the reference encoder's"] if reference else []
        if one.max_error_steps is not None:
            facts.append(f"largest error {one.max_error_steps:g} steps")
        if facts:
            yield f"    {'; '.join(facts)}"
        if elements := one.elements():
            yield f"    elements of the failing cases: {', '.join(f'{element} ({count})' for element, count in elements)}"
    because = results.incomplete_because()
    yield f"{HEADLINES[results.verdict][0]}: {len(results.cases)} cases{f'; {because}' if because else ''} {page}"


def encoder_results_file(path: Path) -> Path:
    """Return the encoder-results.json that is meant: the file itself, or the one in a folder."""
    return path / RESULTS_FILE if path.is_dir() else path


def holds_encoders(path: Path) -> bool:
    """Return whether a results file or folder holds the results of encoders.

    Raises `ResultsError` if the file cannot be read.
    """
    if path.is_dir():
        return (path / RESULTS_FILE).exists()
    if path == STANDARD_INPUT:
        return False
    try:
        document = json.loads(read_results(path))
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and str(document.get("format", "")).startswith(ENCODER_RESULTS)


def load_encoder_results(path: Path) -> tuple[EncoderResults, EncoderRunDocument]:
    """Read the results of encoders in a file or folder, and their run.

    Raises `ResultsError`.
    """
    file = encoder_results_file(path)
    return _read(file, EncoderResults), _read(file.with_name(RUN_FILE), EncoderRunDocument)


def _read(path: Path, kind: type[DocumentT]) -> DocumentT:
    try:
        return kind.model_validate_json(read_results(path))
    except ValidationError as error:
        raise ResultsError(f"{path}: {first_problem(error)}") from None


def write_encoder_pages(path: Path, folder: Path | None = None) -> Path:
    """Write the pages of a run of encoders.

    Return the path of the HTML page.

    Args:
        path: The results: a folder or a file.
        folder: Folder for the pages, created if needed; that of the results if None.
    """
    results, run = load_encoder_results(path)
    folder = folder or encoder_results_file(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    renderers: dict[str, Callable[[EncoderResults, EncoderRunDocument], str]] = {ENCODER_PAGE: render_html, ENCODER_JUNIT: render_junit}
    for name, render in renderers.items():
        outputs.write_text(folder / name, render(results, run))
    return folder / ENCODER_PAGE


def render_html(results: EncoderResults, run: EncoderRunDocument) -> str:
    """Render one HTML document that refers to nothing outside itself."""
    return render_page(
        "encoders.html.jinja",
        style=resource("report.css"),
        results=results,
        run=run,
        summaries=summaries(results),
        tone=tone,
        tones=TONES,
        headline=HEADLINES[results.verdict],
        because=results.incomplete_because(),
    )


def render_junit(results: EncoderResults, run: EncoderRunDocument) -> str:
    """Render one JUnit document: a suite for each encoder, outcomes mapped by the table `OUTCOMES`."""
    root = new_document()
    for one in summaries(results):
        suite = add_suite(root, one.encoder.name)
        for case in one.cases:
            _testcase(suite, case, run)
    if because := results.incomplete_because():
        element = add_testcase(add_suite(root, "results"), "results are complete", "nnc.results")
        element.set("time", seconds(0))
        mark(element, Outcome.NOT_RUN, because, "")
    return finished(root)


def _testcase(suite: ElementTree.Element, case: EncoderCaseResult, run: EncoderRunDocument) -> None:
    """Add a case on an encoder to a JUnit suite.

    It has the time, the log, and the command that repeats the case.
    """
    log = run.logs.get(case.id)
    element = add_testcase(suite, case.case, f"nnc.encoder.{case.group}")
    element.set("time", seconds(log.seconds if log is not None else 0))
    stderr = f"standard error:\n{log.stderr}" if log is not None and log.stderr else ""
    details = [case.title, f"element: {case.element}" if case.element else "", stderr, run.reproduce.get(case.id, "")]
    mark(element, case.outcome, one_line(case.message), "\n".join(filter(None, details)))
    add_notes(element, {f"choice.{made.switch}": made.choice for made in case.choices})
