"""Streams on disk: finding them, and measuring them with several workers."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from nnc_conformance.generator.coverage.measure import Coverage, StreamCoverage, measure, measure_session
from nnc_conformance.generator.worker_pool import map_in_processes
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import STREAM_FILE, Edition, Level, step_files

SUFFIX: Final = ".nnr"
"""Suffix of the stream files that are measured."""
LARGEST_STREAM: Final = 1 << 30
"""The largest stream file that is measured, in bytes."""


class NoStreamsError(NNCError):
    """A path holds no stream."""


def find_streams(paths: Iterable[Path]) -> dict[str, Path]:
    """Return the streams under ``paths`` by name: files as given, and every file ``*.nnr`` in
    folders.

    The name of a suite's vector is LEVEL/ID. Raises `NoStreamsError` for a path without streams.
    """
    found: dict[str, Path] = {}
    for path in paths:
        files = sorted(filter(_is_stream_file, path.rglob(f"*{SUFFIX}"))) if path.is_dir() else [path] if path.exists() else []
        if not files:
            raise NoStreamsError(f"no stream in {path}" if path.exists() else f"{path} does not exist")
        for file in files:
            named = file.relative_to(path) if path.is_dir() else Path(file.name)
            name = str(named.parent if named.name == STREAM_FILE and named.parent.name else named)
            found[name if name not in found else str(file)] = file
    return found


def _is_stream_file(path: Path) -> bool:
    """Return whether a path is a file, or a link that leads nowhere.

    Folders, pipes and devices in a folder are passed over: reading them could wait forever.
    """
    return path.is_file() or not path.exists()


def find_sessions(paths: Iterable[Path]) -> dict[str, Path | tuple[Path, ...]]:
    """Return the streams under ``paths`` by name.

    The streams of a vector's steps stand together under the name of their folder.

    Raises `NoStreamsError` for a path without streams.
    """
    files = find_streams(paths)
    given = set(files.values())
    sessions = {folder: steps for folder in {file.parent for file in given} if given.issuperset(steps := step_files(folder))}
    found: dict[str, Path | tuple[Path, ...]] = {}
    for name, file in files.items():
        steps = sessions.get(file.parent, ())
        parent = Path(name).parent
        found.update({str(parent) if parent.name else str(file.parent): steps} if file in steps else {name: file})
    return found


def vector_streams(root: Path, level: Level, edition: Edition) -> dict[str, tuple[Path, ...]]:
    """Return the streams of the vectors of a suite folder's level, by id; raise `SuiteError`."""
    vectors = load_suite(root, levels={level}, verify=False).vectors
    return {
        stored.vector.id: tuple(stored.folder / step.stream.name for step in stored.vector.steps)
        for stored in vectors
        if stored.vector.edition == edition
    }


def cover(
    streams: Mapping[str, Path | tuple[Path, ...]],
    *,
    jobs: int = 1,
    limits: DecodeLimits | None = None,
    step: Callable[[str], None] = lambda name: None,
) -> Coverage:
    """Measure streams, or the streams of sessions, by name.

    ``step`` is called with each name when it is done.

    Raises `ModelError` for a file that cannot be read.
    """
    work = partial(_measure_files, limits=limits)
    measured: dict[str, StreamCoverage] = {}
    paths = streams.values()
    results = map(work, paths) if min(jobs, len(streams)) == 1 else map_in_processes(work, paths, jobs, chunk=4)
    for name, result in zip(streams, results, strict=True):
        measured[name] = result
        step(name)
    return Coverage(measured)


def _measure_files(paths: Path | tuple[Path, ...], limits: DecodeLimits | None) -> StreamCoverage:
    """Measure the goals that a stream, or the streams of a session, reach.

    Args:
        paths: The file, or the files of a session in order.
        limits: Bounds on the decode; the defaults if None.
    """
    if isinstance(paths, Path):
        return measure(read_regular(paths, max_bytes=LARGEST_STREAM), limits=limits)
    streams = [read_regular(path, max_bytes=LARGEST_STREAM) for path in paths]
    return measure_session(streams, limits=limits, base=BaseModel())
