"""What a plain run collects: the tests against the independent codec need its environment (see noxfile.py)."""

import os

collect_ignore = [] if os.environ.get("NNC_PEER_PYTHON") else ["interop"]
