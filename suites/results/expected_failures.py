"""Lists of failures that a user expects.

Known failures do not fail a run, and entries that pass are reported.
"""

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError, model_validator

from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import Frozen, first_problem
from nnc_conformance.storage.inputs import read_bytes
from nnc_conformance.storage.vector import VectorId
from nnc_conformance.suites.results.fresh_ids import is_fresh
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, case_id

LIST_BYTES: Final = 1 << 22
"""Largest list of expected failures that is read, in bytes."""
FORMAT: Final = "nnc-expected-failures/1"
"""Value of the key ``format`` of a list."""
_FORMAT_NAME: Final = FORMAT.partition("/")[0]
"""Value of the key ``format`` of a list, without its version."""
_HEADING: Final = f'''# Failures that are known: they do not fail `run --expect-failures`. Each entry: vector, decoder (all
# decoders if absent), reason, and the date from which it no longer counts (expires, optional).
format = "{FORMAT}"
'''


class ExpectedFailuresError(NNCError):
    """A list of expected failures cannot be read, or names something unknown.

    That is a vector or a decoder.
    """


class ExpectedFailure(Frozen):
    """One entry of a list.

    Attributes:
        vector: Id of the vector.
        decoder: Name of the decoder; None for every decoder of the run.
        reason: Why the failure is accepted.
        expires: First day (UTC) on which the entry does not count; None for never.
    """

    vector: VectorId
    decoder: str | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    expires: date | None = None

    def concerns(self, case: CaseResult) -> bool:
        """Return whether the entry is about this case."""
        return case.vector == self.vector and self.decoder in (None, case.decoder)


class ExpectedFailures(Frozen):
    """Content of a file given to ``--expect-failures``."""

    format: Literal["nnc-expected-failures/1"]
    failure: tuple[ExpectedFailure, ...] = ()

    @model_validator(mode="after")
    def _no_entry_twice(self) -> "ExpectedFailures":
        """Raise `ValueError` if two entries have the same vector and decoder."""
        listed: set[tuple[str, str | None]] = set()
        for entry in self.failure:
            if (key := (entry.vector, entry.decoder)) in listed:
                raise ValueError(f"{_name(entry)} is listed twice")
            listed.add(key)
        return self

    def check_names(self, vectors: Collection[str], decoders: Collection[str]) -> None:
        """Raise `ExpectedFailuresError` if an entry names an unknown vector or decoder.

        Args:
            vectors: Ids of all vectors of the suite, selected or not; fresh streams need not be
                among them.
            decoders: Names of the decoders of the run.
        """
        for entry in self.failure:
            if entry.vector not in vectors and not is_fresh(entry.vector):
                raise ExpectedFailuresError(f"expected failures: the suite has no vector {entry.vector!r}; remove or correct the entry")
            if entry.decoder is not None and entry.decoder not in decoders:
                raise ExpectedFailuresError(
                    f"expected failures: {entry.vector}: the run has no decoder {entry.decoder!r}; choose from {', '.join(decoders)}"
                )

    def compare(self, cases: Iterable[CaseResult], today: date) -> "KnownFailures":
        """Sort the listed cases of a run into known, stale and expired failures.

        Args:
            cases: The results of the run.
            today: The day (UTC) that decides whether an entry has expired.
        """
        known: dict[str, str] = {}
        stale: dict[str, str] = {}
        expired: dict[str, str] = {}
        for case in cases:
            for entry in self.failure:
                if not entry.concerns(case):
                    continue
                if entry.expires is not None and entry.expires <= today:
                    expired[case.id] = f"{entry.reason} (expired on {entry.expires.isoformat()})"
                elif OUTCOMES[case.outcome].fails:
                    known[case.id] = entry.reason
                elif case.outcome is Outcome.PASS:
                    stale[case.id] = entry.reason
        return KnownFailures(known=known, stale=stale, expired=expired)


class KnownFailures(Frozen):
    """Comparison of a list with a run.

    Each field maps ids of cases to the reason in the list.

    Attributes:
        known: Listed cases that fail; they do not fail the run.
        stale: Listed cases that pass; they fail the run until they leave the list.
        expired: Cases whose entry has expired; it has no effect.
    """

    known: Mapping[str, str] = {}
    stale: Mapping[str, str] = {}
    expired: Mapping[str, str] = {}


NONE_KNOWN: Final = KnownFailures()
"""Comparison for a run without a list."""


def load_expected_failures(path: Path) -> ExpectedFailures:
    """Read a list of expected failures (TOML); raise `ExpectedFailuresError`, `OSError`."""
    try:
        return ExpectedFailures.model_validate(tomllib.loads(read_bytes(path, max_bytes=LIST_BYTES).decode()))
    except ValidationError as error:
        raise ExpectedFailuresError(f"{path}: {first_problem(error)}") from None
    except ModelError as error:
        raise ExpectedFailuresError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise ExpectedFailuresError(f"{path}: {error}") from None


def kept_list(path: Path) -> ExpectedFailures | None:
    """Return the list that a file to be written holds; None if it holds something else or nothing.

    Raise `ExpectedFailuresError` if it is a list that cannot be read, `OSError`.
    """
    if not path.is_file() or path.stat().st_size > LIST_BYTES or _FORMAT_NAME.encode() not in read_bytes(path, max_bytes=LIST_BYTES):
        return None
    return load_expected_failures(path)


def list_failures(cases: Iterable[CaseResult], before: ExpectedFailures | None) -> ExpectedFailures:
    """List every failing case.

    Entries of ``before`` keep their reason and expiry; those that concern none of ``cases`` stay.
    """
    cases = tuple(cases)
    entries = [] if before is None else [entry for entry in before.failure if not any(map(entry.concerns, cases))]
    for case in cases:
        if OUTCOMES[case.outcome].fails:
            earlier = next((entry for entry in before.failure if entry.concerns(case)), None) if before is not None else None
            reason = f"{case.outcome.value}: {case.message}" if earlier is None else earlier.reason
            expires = None if earlier is None else earlier.expires
            entries.append(ExpectedFailure(vector=case.vector, decoder=case.decoder, reason=reason[:500], expires=expires))
    return ExpectedFailures(format=FORMAT, failure=tuple(sorted(entries, key=lambda entry: case_id(entry.vector, entry.decoder or ""))))


def write_expected_failures(path: Path, listed: ExpectedFailures) -> None:
    """Write a list of known failures as TOML; raise `OSError`."""
    tables = [_HEADING]
    for entry in listed.failure:
        values = {"vector": entry.vector, "decoder": entry.decoder, "reason": entry.reason}
        lines = ["[[failure]]", *(f"{key} = {_toml_string(value)}" for key, value in values.items() if value is not None)]
        if entry.expires is not None:
            lines.append(f"expires = {entry.expires.isoformat()}")
        tables.append("\n".join(lines) + "\n")
    outputs.write_text(path, "\n".join(tables))


def _toml_string(text: str) -> str:
    r"""Format a basic string of TOML.

    It needs one escape more than JSON, for U+007F.
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _name(entry: ExpectedFailure) -> str:
    return entry.vector if entry.decoder is None else case_id(entry.vector, entry.decoder)
