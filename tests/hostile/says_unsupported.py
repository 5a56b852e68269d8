"""A worker that supports nothing."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from worker_base import say, serve

serve(lambda request: say({"type": "unsupported", "id": request["id"]}))
