"""Report success without any output."""
