"""What a plain run collects: some tests need an environment of their own (see noxfile.py), that of the independent codec or PyTorch."""

import os
from importlib.util import find_spec

collect_ignore = [
    *([] if os.environ.get("NNC_PEER_PYTHON") else ["interop"]),
    *([] if find_spec("torch") else ["test_reduction_trained.py"]),
]
