"""What a plain run collects: some tests need an environment of their own (see noxfile.py): the independent codec's, PyTorch, Chromium."""

import os
from importlib.util import find_spec

collect_ignore = [
    *([] if os.environ.get("NNC_PEER_PYTHON") else ["interop"]),
    *([] if os.environ.get("NNC_NODE_MODULES") else ["browser"]),
    *([] if os.environ.get("NNC_EXAMPLES") else ["examples"]),
    *([] if find_spec("distributed") else ["test_suites_dask.py"]),
    *([] if find_spec("torch") else ["test_reduction_trained.py"]),
]
