"""Recordings of funding made by others, read as if their venues had been collected.

A recording is recognised by its columns and read in batches; what cannot be true is left out with a reason,
and what is known to be wrong upstream is mended or left out, by name. See docs/how-to/funding-data.md.
"""

from ._open import open_recordings
from ._recording import Batch, Recording, SkippedRow, Tally, Trap

__all__ = ["Batch", "Recording", "SkippedRow", "Tally", "Trap", "open_recordings"]
