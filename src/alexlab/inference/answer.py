"""What is said of one image. It imports no torch: an exported file answers in the same words."""

from dataclasses import dataclass
from typing import Any

from PIL import Image

Source = Image.Image | bytes | str
"""A picture; or the content of an image file; or why there is neither."""


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image, the first first, with their probabilities; or why there are none.

    `note` says where the image lies far from what the run was trained on.
    """

    path: str
    top: tuple[tuple[str, float], ...] = ()
    error: str | None = None
    note: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what `predict --json` prints in a line."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        noted = {"note": self.note} if self.note else {}
        return {"path": self.path, "top": [{"class": name, "probability": p} for name, p in self.top], **noted}
