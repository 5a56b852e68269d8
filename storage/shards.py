"""Checkpoints that are split over several files.

An index names the file of each tensor.
"""

import json
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.model_folder import inside
from nnc_conformance.storage.inputs import read_bytes

INDEX_SUFFIX: Final = ".json"
"""Suffix of an index, such as model.safetensors.index.json."""
_MAP: Final = "weight_map"
_MOST_BYTES: Final = 1 << 28
"""Bytes of an index."""


def read_shards(path: Path, read: Callable[[Path], Mapping[str, np.ndarray]]) -> tuple[dict[str, np.ndarray], tuple[Path, ...]]:
    """Read the tensors that an index names; return them in its order, and the files.

    Args:
        path: The index; its files lie where `inside` allows.
        read: Reads the tensors of one file.

    Raises:
        ModelError: If the file is not an index; for a path out of the folder, a FIFO or device; or
            if a file lacks a tensor.
    """
    names = _weight_map(path)
    files: dict[str, Mapping[str, np.ndarray]] = {}
    known: dict[tuple[int, int], Mapping[str, np.ndarray]] = {}  # by device and inode: names and links do not multiply a file
    for location in dict.fromkeys(names.values()):
        try:
            status = inside(path.parent, location, model=path).stat()
        except FileNotFoundError:
            files[location] = read(path.parent / location)  # says so, or that its suffix is unknown
            continue
        except (ModelError, OSError, RuntimeError) as error:  # a RuntimeError for links in a circle
            raise ModelError(f"{path}: {f'{location!r}: {error.strerror}' if isinstance(error, OSError) else error}") from None
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: {location!r} is not a regular file")
        place = (status.st_dev, status.st_ino)
        if place not in known:
            known[place] = read(path.parent / location)
        files[location] = known[place]
    for name, location in names.items():
        if name not in files[location]:
            raise ModelError(f"{path}: {location} has no tensor {name!r}, which the index names")
    return {name: files[location][name] for name, location in names.items()}, tuple(path.parent / location for location in files)


def _weight_map(path: Path) -> dict[str, str]:
    """Read the index of a split checkpoint: the file of each tensor.

    Raises:
        ModelError: If it is not JSON, or does not name a file for each tensor.
    """
    try:
        document: Any = json.loads(read_bytes(path, max_bytes=_MOST_BYTES))
        names = document.get(_MAP) if isinstance(document, dict) else None
        if names is None:
            raise TypeError(f"it has no {_MAP}; name a file of tensors or the model's index")
        if not isinstance(names, dict) or not all(isinstance(location, str) for location in names.values()):
            raise TypeError(f"its {_MAP} does not name a file for each tensor")
        if not names:
            raise TypeError(f"its {_MAP} is empty; name the file of each tensor in it")
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is not the index of a split checkpoint, a JSON object with a {_MAP}: {error}") from None
    return names
