"""The cases of a run of encoders as files, one folder for each."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Final

from nnc_conformance.encoders.cases import CaseInput, EncoderCase, cases_for
from nnc_conformance.encoders.encoder_spec import EncoderError, EncoderSpec
from nnc_conformance.encoders.judge import result
from nnc_conformance.encoders.results import EncoderCaseResult, case_id
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.running.messages import Task
from nnc_conformance.suites.running.task_kind import PlannedCase

CASE_FILE: Final = "case.json"
CASE_BYTES: Final = 1 << 20
"""Largest file that describes a case, in bytes."""
INPUT_BYTES: Final = 1 << 26
"""Largest input of a case, in bytes."""


def input_name(step: int) -> str:
    """Return the name of the file with the input of a step."""
    return f"input-{step}.safetensors"


def case_files(one: CaseInput) -> dict[str, bytes]:
    """Return the files of a case's folder by name."""
    described = canonical_json(one.case.model_dump(mode="json")).encode()
    return {CASE_FILE: described, **{input_name(step): dump_safetensors(tensors) for step, tensors in enumerate(one.inputs)}}


def case_sha256(one: CaseInput) -> str:
    """Return the SHA-256 of a case's description and inputs."""
    return hashlib.sha256(b"".join(case_files(one).values())).hexdigest()


def _read_files(folder: Path, steps: int) -> Mapping[str, bytes]:
    """Read the files of a case's folder by name."""
    return {name: (folder / name).read_bytes() for name in (CASE_FILE, *map(input_name, range(steps)))}


def _not_executed(case: EncoderCase, encoder: EncoderSpec, outcome: Outcome, message: str, fault: Fault | None) -> EncoderCaseResult:
    return result(case, encoder, outcome, message, fault=fault)


@contextmanager
def planned(
    encoders: Sequence[EncoderSpec], filters: Sequence[str] = ()
) -> Iterator[tuple[Path, dict[str, PlannedCase[EncoderCaseResult]]]]:
    """Write the cases of encoders into a temporary folder.

    The context gives the folder with the planned cases by id.

    Raises `EncoderError` if no case is selected: a run without cases would show nothing.

    Args:
        encoders: The encoders.
        filters: Globs for ids of cases, all of which must match; with ! in front none may.
    """
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-encoders-") as name:
        root = Path(name).resolve()
        cases: dict[str, PlannedCase[EncoderCaseResult]] = {}
        for index, encoder in enumerate(encoders):
            for one in cases_for(encoder):
                if all(takes(one_filter, one.case.id) for one_filter in filters):
                    written = planned_case(root, index, encoder, one)
                    cases[written.id] = written
            if not any(case.task.implementation == index for case in cases.values()):
                raise EncoderError(f"no case of {encoder.name} has an id that matches {' and '.join(filters)}")
        yield root, cases


def takes(one_filter: str, identity: str) -> bool:
    """Return whether a filter takes a case."""
    return fnmatchcase(identity, one_filter.removeprefix("!")) is not one_filter.startswith("!")


def planned_case(root: Path, index: int, encoder: EncoderSpec, one: CaseInput) -> PlannedCase[EncoderCaseResult]:
    """Write the files of a case into its folder; return it as planned.

    Args:
        root: Folder of all cases.
        index: Place of the encoder in the run.
        encoder: The encoder.
        one: The case with its inputs.
    """
    task_folder = f"encoder-{index}/{one.case.id}"
    folder = root / task_folder
    folder.mkdir(parents=True)
    for name, data in case_files(one).items():
        (folder / name).write_bytes(data)
    task = Task(folder=task_folder, sha256=case_sha256(one), implementation=index)
    return PlannedCase(
        case_id(one.case.id, encoder.name), task, partial(_read_files, folder, one.case.steps), partial(_not_executed, one.case, encoder)
    )
