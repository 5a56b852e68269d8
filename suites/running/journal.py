"""The journal of a run: an append-only file of finished cases, from which a run that was killed goes on.

The first line says which run it is. A line is written at once and whole; it is forced to the disk at least every
`SYNC_SECONDS`, so that a killed process loses nothing and a power cut at most that. What follows the last whole
line is cut off, and its cases run again.
"""

import fcntl
import hashlib
import os
import time
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json
from nnc_conformance.suites.results.result import CaseResult, DecoderIdentity, SuiteIdentity
from nnc_conformance.suites.results.run_document import CaseLog
from nnc_conformance.suites.sandbox.limits import Limits

JOURNAL_FILE: Final = "journal.jsonl"
SYNC_SECONDS: Final = 0.5


class JournalError(NNCError):
    """A journal belongs to another run, is in use, or cannot be read."""


class PlanIdentity(Frozen):
    """Everything that makes two runs the same run."""

    suite: SuiteIdentity
    decoders: tuple[DecoderIdentity, ...]
    commands: tuple[tuple[str, ...], ...]
    limits: Limits
    planned: tuple[str, ...]

    def sha256(self) -> str:
        """Returns the hash by which a journal knows its run."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json")).encode()).hexdigest()


class _Header(Frozen):
    format: Literal["nnc-journal/1"] = "nnc-journal/1"
    plan_sha256: Sha256
    started: str


class Entry(Frozen):
    """A finished case."""

    case: CaseResult
    log: CaseLog


class Journal:
    """An open journal, locked against a second run in the same folder; ``entries`` are the cases that it already holds, by id."""

    def __init__(self, folder: Path, plan: PlanIdentity, started: str, *, resume: bool) -> None:
        self._path = folder / JOURNAL_FILE
        self.entries: dict[str, Entry] = {}
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise JournalError(f"another run is writing to {folder}") from None
        try:
            whole = self._read(plan) if resume else 0
            os.ftruncate(self._handle, whole)
            os.lseek(self._handle, 0, os.SEEK_END)
            if not whole:
                self._write(_Header(plan_sha256=plan.sha256(), started=started))
            self._sync()
        except BaseException:
            os.close(self._handle)
            raise

    def _read(self, plan: PlanIdentity) -> int:
        """Takes the entries of the whole lines and returns where these end; raises `JournalError`."""
        with os.fdopen(os.dup(self._handle), "rb") as file:
            data = file.read()
        lines = data.split(b"\n")[:-1]
        if not lines:
            return 0
        try:
            header = _Header.model_validate_json(lines[0])
        except ValidationError:
            raise JournalError(f"{self._path} is no journal of a run") from None
        if header.plan_sha256 != plan.sha256():
            raise JournalError(
                f"{self._path} is of another run (suite, decoders, limits or filters differ): leave out --resume to begin anew"
            )
        whole = len(lines[0]) + 1
        for line in lines[1:]:
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError:
                break
            self.entries[entry.case.id] = entry
            whole += len(line) + 1
        return whole

    def _write(self, line: _Header | Entry) -> None:
        data = line.model_dump_json().encode() + b"\n"
        while data:
            data = data[os.write(self._handle, data) :]

    def _sync(self) -> None:
        os.fsync(self._handle)
        self._synced = time.monotonic()

    def add(self, case: CaseResult, log: CaseLog) -> None:
        """Appends a finished case."""
        self._write(Entry(case=case, log=log))
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Forces all to the disk and lets the folder go."""
        self._sync()
        os.close(self._handle)
