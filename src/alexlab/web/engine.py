"""A queue before a model: bounded, answered in order of arrival, in batches of what has come in while the model was busy.

Nobody waits for a batch to fill: an image that finds the model idle is answered alone, and under load batches grow by themselves.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread

import numpy as np

from alexlab.data.input.decode import ImageError, Pixels
from alexlab.inference.ranking import NO_ANSWER
from alexlab.web.errors import Refused, of_image
from alexlab.web.metrics import Metrics
from alexlab.web.models import Model, Probabilities

BATCH = 64  # images that are answered at once, at most
HELD = 1 << 26  # bytes of decoded images from which on they are answered, however few
SMALL = 1 << 14  # bytes of a file that is decoded sooner than another thread takes it up

log = logging.getLogger("alexlab.serve")

Image = bytes | Pixels
"""The content of an image file, or RGB pixels of shape (height, width, 3)."""
Answer = Probabilities | Refused
"""Of one image: its probabilities (K,), or why there are none."""


@dataclass
class _Asked:
    """A request: its images, decoded or being decoded, and who waits for the answers."""

    model: Model
    images: list[Image | Future[Pixels]]
    answered: asyncio.Future[list[Answer]]
    begun: int  # images of which a thread has begun to decode
    wanted: bool = field(default=True)


class Engine:
    """The queue of one model. Made, asked and closed in one event loop; a thread of its own computes."""

    def __init__(self, name: str, model: Model, limit: int, metrics: Metrics) -> None:
        """Answer with `model`; no more than `limit` images wait."""
        self.model = (
            model  # may be replaced at any time: what was asked before is answered by the one that it was asked of
        )
        self._name, self._limit, self._metrics = name, limit, metrics
        self._waiting = self._ahead = 0
        self._queue: SimpleQueue[_Asked | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._count(0)
        self._thread = Thread(target=self._work, name=f"model {name}")
        self._thread.start()

    async def answers(self, images: Sequence[Image], seconds: float) -> list[Answer]:
        """Return an answer for each image.

        Raises:
            Refused: 429 where too many wait already, 504 where it takes longer than `seconds`.
        """
        if self._waiting + len(images) > self._limit:
            raise Refused(429, "queue-full", f"{self._waiting} images wait already; try again in a second.", retry=1)
        model = self.model
        begun = [self._begun(image) for image in images]
        asked = _Asked(model, begun, self._loop.create_future(), sum(isinstance(each, Future) for each in begun))
        self._count(len(images))
        self._queue.put(asked)
        try:
            async with asyncio.timeout(seconds):
                return await asked.answered
        except TimeoutError:
            raise Refused(504, "timeout", f"not answered within {seconds:g} s.", retry=1) from None
        finally:
            asked.wanted = False

    def _begun(self, image: Image) -> Image | Future[Pixels]:
        """Begin to decode an image, where that is worth a thread and few are begun."""
        if len(image) < SMALL or isinstance(image, np.ndarray) or self._ahead >= self.model.ahead:
            return image
        self._ahead += 1
        return self.model.pool.submit(self.model.stored, image, "the image")

    async def close(self) -> None:
        """Answer what was asked, and end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _count(self, images: int) -> None:
        self._waiting += images
        self._metrics.queue.labels(self._name).set(self._waiting)

    def _work(self) -> None:
        held: _Asked | None = None
        while True:
            first = held or self._queue.get()
            held = None
            if first is None:
                return
            batch, count = [first], len(first.images)
            while count < BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None or following.model is not first.model:
                    held = following
                    if following is None:
                        self._queue.put(None)
                    break
                batch.append(following)
                count += len(following.images)
            self._answer(batch)

    def _answer(self, batch: list[_Asked]) -> None:
        model = batch[0].model
        done: list[tuple[_Asked, list[Answer]]] = [(asked, []) for asked in batch]
        stored: list[Pixels] = []
        places: list[tuple[list[Answer], int]] = []  # where their answers belong

        def compute() -> None:
            self._metrics.batches.labels(self._name).observe(len(stored))
            for (answers, place), answer in zip(places, self._computed(model, stored), strict=True):
                answers[place] = answer
            stored.clear()
            places.clear()

        for asked, answers in done:
            for number, image in enumerate(asked.images):
                asked.images[number] = b""  # what is decoded is not held twice, nor after its answer
                found = _stored(model, image) if asked.wanted else _late()
                if isinstance(found, Refused):
                    answers.append(found)
                    continue
                answers.append(_late())  # until it is computed
                stored.append(found)
                places.append((answers, number))
                if len(stored) == BATCH or sum(each.nbytes for each in stored) >= HELD:
                    compute()
        if stored:
            compute()
        self._loop.call_soon_threadsafe(self._deliver, done)

    def _computed(self, model: Model, stored: list[Pixels]) -> list[Answer]:
        try:
            return [_answer(probability_K) for probability_K in model.probabilities(stored)]
        except Exception as error:
            if len(stored) == 1:
                log.exception("a model failed", extra={"model": self._name})
                return [Refused(500, "model", f"the model failed ({type(error).__name__}); the log says how.")]
        # Whatever it was, it is not to be another request's fault.
        return [answer for each in stored for answer in self._computed(model, [each])]

    def _deliver(self, done: list[tuple[_Asked, list[Answer]]]) -> None:
        for asked, answers in done:
            self._count(-len(answers))
            self._ahead -= asked.begun
            if not asked.answered.done():
                asked.answered.set_result(answers)


def _stored(model: Model, image: Image | Future[Pixels]) -> Pixels | Refused:
    try:
        return image.result() if isinstance(image, Future) else model.stored(image, "the image")
    except ImageError as error:
        return of_image(error)
    except Exception as error:
        log.exception("an image could not be prepared")
        return Refused(500, "image", f"the image could not be prepared ({type(error).__name__}); the log says how.")


def _answer(probability_K: Probabilities) -> Answer:
    return Refused(500, "model", NO_ANSWER) if np.isnan(probability_K).any() else probability_K


def _late() -> Refused:
    return Refused(504, "timeout", "nobody waits for this answer.")
