"""Says that it decoded, and did not."""
