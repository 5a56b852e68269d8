"""What a plain run collects: some tests need an environment of their own (see noxfile.py), or an extra."""

import os
from importlib.util import find_spec

collect_ignore = [
    *([] if os.environ.get("NNC_PEER_PYTHON") else ["interop"]),
    *([] if os.environ.get("NNC_NODE_MODULES") else ["browser"]),
    *([] if os.environ.get("NNC_EXAMPLES") else ["examples"]),
    *([] if os.environ.get("NNC_SMALLEST") else ["smallest"]),
    *([] if find_spec("distributed") else ["test_suites_dask.py"]),
    *([] if find_spec("torch") else ["test_reduction_trained.py", "test_topology_pytorch.py"]),
    *([] if find_spec("keras") else ["test_keras.py"]),
    *([] if find_spec("nnef") else ["test_nnef_package.py"]),
    *([] if find_spec("magika") and find_spec("silero_vad") else ["wild"]),
]
