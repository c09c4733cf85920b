"""From a request's body to images: an image's own bytes, a form with files, or JSON with base64. Nothing is written to disk."""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from alexlab.web.errors import Refused, bad

MOST_IMAGES = 256  # a request
BODY_SECONDS = 30.0  # within which a body has to arrive

Message = TypeVar("Message", bound=BaseModel)


class Pictures(BaseModel):
    """Images in JSON: the content of image files in base64."""

    model_config = ConfigDict(extra="forbid")
    image: Annotated[str | None, Field(description="the content of an image file, in base64")] = None
    images: Annotated[list[str] | None, Field(min_length=1, max_length=MOST_IMAGES)] = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "Pictures":
        if (self.image is None) == (self.images is None):
            raise ValueError("expected `image`, or `images` with a list of them")
        return self


class Held:
    """Bytes of bodies that are held at a time, over all requests."""

    def __init__(self, most: int) -> None:
        """Hold no more than `most` bytes."""
        self.most, self.now = most, 0

    def take(self, scope: Scope, size: int) -> None:
        """Hold `size` more bytes until the request is answered. Raises Refused (429) where that would be too many."""
        if self.now + size > self.most:
            raise Refused(
                429, "memory", f"{self.now >> 20:,} MB of images are held already; try again in a second.", retry=1
            )
        self.now += size
        scope["alexlab.held"] = scope.get("alexlab.held", 0) + size

    def give_back(self, scope: Scope) -> None:
        """Forget what was held for a request."""
        self.now -= scope.pop("alexlab.held", 0)


async def read_body(request: Request, limit: int, held: Held) -> bytes:
    """Return the body, of `limit` bytes at most.

    Raises:
        Refused: 413 where it is longer, 415 where it is compressed, 408 where it does not arrive in time, 400 where it breaks off, 429
            where too much is held.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "encoding", "the body is compressed; images are already: send it as it is.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise _too_long(limit)
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise _too_long(limit)
                held.take(request.scope, len(part))
                parts.append(part)
    except TimeoutError:
        raise Refused(408, "slow-client", f"the body did not arrive within {BODY_SECONDS:g} s.") from None
    except ClientDisconnect:
        raise Refused(400, "disconnected", "the body broke off.") from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_long(limit: int) -> Refused:
    return Refused(413, "too-large", f"the body is longer than {limit:,} bytes, the most that this service takes.")


async def read_images(request: Request, limit: int, held: Held) -> list[tuple[str, bytes]]:
    """Return the images of a request, each with the name that the client gave it.

    Raises:
        Refused: see `read_body`; 400 where there are none or too many, 415 where the body is of another kind.
    """
    body = await read_body(request, limit, held)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _of_form(request.headers, body)
    if kind == "application/json":
        asked = parsed(Pictures, body)
        texts = asked.images if asked.images is not None else [asked.image or ""]
        return [("", unpacked(text)) for text in texts]
    if not body:
        raise bad("the body is empty; expected an image, a form with images, or JSON.")
    if kind in ("", "application/octet-stream", "application/x-www-form-urlencoded") or kind.startswith("image/"):
        return [("", body)]  # curl --data-binary says x-www-form-urlencoded where it is told nothing
    raise Refused(
        415, "content-type", f"{kind[:80]!r} is not taken; expected an image, multipart/form-data or application/json."
    )


async def _of_form(headers: Headers, body: bytes) -> list[tuple[str, bytes]]:
    parser = MultiPartParser(headers, _whole(body), max_files=MOST_IMAGES, max_fields=MOST_IMAGES)
    parser.spool_max_size = len(body) + 1  # in memory: it is there already
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, AttributeError) as error:
        raise bad(f"the form cannot be read ({error}).") from None
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise bad("the form holds no file; expected one or more, as `curl -F image=@photo.jpg` sends them.")
        return [(file.filename or "", file.file.read()) for file in files]
    finally:
        await form.close()


async def _whole(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def unpacked(text: str) -> bytes:
    """Return what `text` holds in base64. Raises Refused where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad("an image is not in base64.") from None


def parsed(kind: type[Message], body: bytes | str) -> Message:
    """Read JSON as a message of this kind. Raises Refused with what is wrong, and where."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise bad(f"{where + ': ' if where else ''}{first['msg']}.") from None
    except (ValueError, RecursionError) as error:  # surrogates, and brackets without end
        raise bad(f"not JSON ({error}).") from None
