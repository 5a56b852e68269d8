"""Replace the case's folder by a link to another folder."""

import pathlib
import sys

folder = pathlib.Path(sys.argv[2]).parent
elsewhere = folder.with_name("elsewhere")
folder.rename(elsewhere)
(elsewhere / "output.safetensors").write_bytes((elsewhere / "stream.nnr").read_bytes()[4:])
folder.symlink_to(elsewhere)
