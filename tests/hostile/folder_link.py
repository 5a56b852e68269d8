"""Puts a link to another folder in the place of its own."""

import pathlib
import sys

folder = pathlib.Path(sys.argv[2]).parent
elsewhere = folder.with_name("elsewhere")
folder.rename(elsewhere)
(elsewhere / "output.safetensors").write_bytes((elsewhere / "stream.nnr").read_bytes()[4:])
folder.symlink_to(elsewhere)
