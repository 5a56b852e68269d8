"""These take minutes: `nox -s docs` runs them."""

import os

collect_ignore = [] if os.environ.get("NNC_DOCS") else ["test_docs_long.py", "test_docs_site.py"]
