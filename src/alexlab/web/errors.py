"""What a client is told that did not get its answer: an HTTP status and one plain sentence."""

from alexlab.data.input.decode import ImageError, NotAnImage


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        status: of HTTP.
        kind: a word that the metrics count it under.
        retry: seconds after which it may be tried again, where that helps.
    """

    def __init__(self, status: int, kind: str, sentence: str, retry: int | None = None) -> None:
        """Refuse with `status` and `sentence`."""
        super().__init__(sentence)
        self.status, self.kind, self.retry = status, kind, retry


def bad(sentence: str) -> Refused:
    """Refuse a request that does not say what it should."""
    return Refused(400, "bad-request", sentence)


def of_image(error: ImageError) -> Refused:
    """Refuse an image: 415 where it is none, 422 where it is one that is too large or damaged."""
    none = isinstance(error, NotAnImage)
    return Refused(415, "not-an-image", str(error)) if none else Refused(422, "image", str(error))
