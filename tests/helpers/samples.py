"""The streams that the independent codec made or agrees on, as test parameters."""

from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
SAMPLES = sorted(path for folder in ("peer-samples", "agreed-samples") for path in (DATA / folder).glob("*.nnr"))
NAMES = [path.stem for path in SAMPLES]
