"""What a plain run collects: some tests need an environment of their own (see noxfile.py), or an
extra.
"""

import os
from importlib.util import find_spec

from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

collect_ignore = [
    *([] if os.environ.get("NNC_PEER_PYTHON") else ["interop"]),
    *([] if os.environ.get("NNC_NODE_MODULES") else ["browser"]),
    *([] if os.environ.get("NNC_EXAMPLES") else ["examples"]),
    *([] if os.environ.get("NNC_SMALLEST") else ["smallest"]),
    *([] if find_spec("distributed") else ["suites/running/test_suites_dask.py"]),
    *([] if find_spec("torch") else ["reference/reduction/test_reduction_trained.py", "reference/topology/test_topology_pytorch.py"]),
    *([] if find_spec("keras") else ["reference/topology/test_keras.py"]),
    *([] if find_spec("nnef") else ["reference/topology/test_nnef_package.py"]),
    *([] if find_spec("magika") and find_spec("silero_vad") else ["wild"]),
]
