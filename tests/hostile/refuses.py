"""A worker that refuses every stream."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from worker_base import say, serve

serve(lambda request: say({"type": "refused", "id": request["id"], "category": "truncated"}))
