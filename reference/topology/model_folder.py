"""Where the further files of a stranger's model may lie, whatever the model says.

In the model's own folder, at any depth, also through links that stay inside. Hugging Face's cache
is the only layout beyond it: a link to a file in the folder ``blobs`` of the repository, from
``.../snapshots/REVISION/...`` or for a model that is itself a link into that folder.
"""

import os
from pathlib import Path, PurePosixPath
from typing import Final

from nnc_conformance.reference.errors import ModelError

_BLOBS: Final = "blobs"
"""Folder of the files in Hugging Face's cache, next to `_SNAPSHOTS`."""
_SNAPSHOTS: Final = "snapshots"
"""Folder of the revisions, each with links to the files."""


def inside(folder: Path, location: str, *, model: Path | None = None) -> Path:
    """Resolve the location of a file; raise `ModelError` if it lies outside the model's folder.

    Args:
        folder: The model's folder.
        location: The path that the model states, relative to its folder.
        model: The model's file, if known.
    """
    parts = PurePosixPath(location)
    try:
        os.fsencode(location)
    except UnicodeEncodeError:
        raise ModelError(f"{location!r} is not a path inside the model's folder") from None
    if not location or "\0" in location or "\\" in location or parts.is_absolute() or ".." in parts.parts:
        raise ModelError(f"{location!r} is not a path inside the model's folder")
    folder = folder.resolve()
    path = (folder / location).resolve()
    blobs = path.parent
    of_repository = folder.is_relative_to(blobs.parent / _SNAPSHOTS) or (model is not None and model.resolve().parent == blobs)
    if not (blobs.name == _BLOBS and of_repository) and not path.is_relative_to(folder):
        raise ModelError(f"{location!r} leads out of the model's folder, to {path}; copy the file into it")
    return path
