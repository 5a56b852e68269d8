"""Journal: an append-only file of finished work.

From it a run that was killed is resumed.

The first line is a header that identifies the run. Each further line is one entry, written whole
and forced to disk at least every `SYNC_SECONDS`: a killed process loses nothing, a power cut at
most that. What follows the last whole line is cut off when the journal is resumed.
"""

import os
import time
from pathlib import Path
from typing import Final, Generic, Self, TypeVar

from pydantic import ValidationError

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.documents import Frozen, Sha256

SYNC_SECONDS: Final = 0.5
"""Longest time, in seconds, between an entry and the next one that forces it to disk."""


class JournalError(NNCError):
    """A journal that belongs to another run, is in use, or cannot be read."""


class JournalHeader(Frozen):
    """Base class of a journal's first line; a subclass has the fields of its format."""

    def same_run(self, other: Self) -> bool:
        """Return whether ``other`` is the header of the same run."""
        return self == other


class PlanJournalHeader(JournalHeader):
    """Base class of the first line of a run's journal.

    It knows its run by the hash of its plan.
    """

    plan_sha256: Sha256
    started: str

    def same_run(self, other: Self) -> bool:
        """Return whether both have the same plan, whenever they were started."""
        return self.plan_sha256 == other.plan_sha256


EntryT = TypeVar("EntryT", bound=Frozen)


class Journal(Generic[EntryT]):
    """An open journal, locked against a second run that would write to it.

    Args:
        path: File of the journal; its folder exists.
        header: First line of the journal.
        entry_type: Type of the entries.
        resume: Whether to keep the entries of an earlier part of the same run.

    ``entries`` are those kept. Raises `JournalError` and `OSError`.
    """

    def __init__(self, path: Path, header: JournalHeader, entry_type: type[EntryT], *, resume: bool) -> None:
        self.entries: list[EntryT] = []
        self._path, self._entry_type = path, entry_type
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            self._lock()
            whole = self._read(header) if resume else 0
            os.ftruncate(self._handle, whole)
            os.lseek(self._handle, 0, os.SEEK_END)
            if not whole:
                self._write(header)
            self._sync()
        except BaseException:
            os.close(self._handle)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self) -> None:
        """Lock the journal for this process; raise `JournalError` if another run has it."""
        import fcntl

        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise JournalError(f"another run is writing to {self._path.parent}") from None

    def _read(self, header: JournalHeader) -> int:
        """Take the entries of the journal's whole lines; return the offset where these end.

        Raises `JournalError` if the journal is of another run or kind.
        """
        with os.fdopen(os.dup(self._handle), "rb") as file:
            lines = file.read().split(b"\n")[:-1]
        if not lines:
            return 0
        try:
            old = type(header).model_validate_json(lines[0])
        except ValidationError:
            raise JournalError(f"{self._path} is not a journal of this kind of run") from None
        if not header.same_run(old):
            raise JournalError(
                f"{self._path} belongs to another run (other inputs, options or versions): leave out --resume to start again"
            )
        whole = len(lines[0]) + 1
        for line in lines[1:]:
            try:
                self.entries.append(self._entry_type.model_validate_json(line))
            except ValidationError:
                break
            whole += len(line) + 1
        return whole

    def _write(self, line: Frozen) -> None:
        data = line.model_dump_json().encode() + b"\n"
        while data:
            data = data[os.write(self._handle, data) :]

    def _sync(self) -> None:
        os.fsync(self._handle)
        self._synced = time.monotonic()

    def add(self, entry: EntryT) -> None:
        """Write an entry to the file; force it to disk every `SYNC_SECONDS`."""
        self._write(entry)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Force everything to disk and release the journal."""
        self._sync()
        os.close(self._handle)
