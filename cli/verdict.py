"""The last lines of a command that judges: figures of each decoder, then the verdict and where the report is."""

import os
from pathlib import Path

from nnc_conformance.reports.pages import STEP_SUMMARY, write_step_summary
from nnc_conformance.reports.report import HEADLINES, Report
from nnc_conformance.reports.tally import TONES
from nnc_conformance.reports.text import one_line


def print_verdict(report: Report, page: Path) -> int:
    """Prints a line for each decoder and the verdict's, and adds to a GitHub step's summary; returns the verdict's exit code."""
    if summary := os.environ.get(STEP_SUMMARY):
        write_step_summary(report, Path(summary))
    for problem in report.problems:
        print(one_line(problem))
    for decoder in report.decoders:
        figures, counts = decoder.conformance, decoder.total
        told = ", ".join(f"{count} {word}" for tone, (word, _) in TONES.items() if (count := counts.of_tone(tone)))
        share = f"conformance {figures.passed} of {figures.judged} ({figures.percent})"
        print(f"{one_line(decoder.info.name)}: {told or 'no case'}; {share}")
        for claim in decoder.false_claims:
            print(f"false claim: {one_line(claim)}")
    print(f"{HEADLINES[report.verdict][0]}: {one_line(report.headline)} {page}")
    return int(report.verdict.exit_code)
