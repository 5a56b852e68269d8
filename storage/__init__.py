"""Everything that is read from or written to files.

Vectors, suites, packages, tensors, model files and signatures.

Read `vector` first (the format of ``vector.json``), then `suite_folder` (a suite on disk). All
stored models derive from `documents.Frozen`; their fields are file formats, so a change to one
needs a new format version. Code inside the readers and writers may change freely as long as the
same bytes are written and bad files still end in the documented error.
"""

from typing import Final

DISTRIBUTION: Final = "nnc-conformance"
"""Name of the installed distribution, for pip and `importlib.metadata`."""
