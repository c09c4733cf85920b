"""Functions run by several processes that form a group, for tests. They meet through a file: no port can be taken."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TIME_LIMIT = 240.0  # seconds, of a machine that does much else


def together(function: Callable[..., Any], count: int, *given: Any) -> list[Any]:
    """What `function(*given)` returns in each of `count` new processes, in the order of their ranks."""
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as folder:
        pipes = [context.Pipe(duplex=False) for _ in range(count)]
        workers = [
            context.Process(target=_work, args=(rank, count, folder, pipes[rank][1], function, given), daemon=True)
            for rank in range(count)
        ]
        try:
            for worker, (_, sender) in zip(workers, pipes, strict=True):
                worker.start()
                sender.close()
            results = []
            for rank, (receiver, _) in enumerate(pipes):
                assert receiver.poll(TIME_LIMIT), f"process {rank} said nothing in {TIME_LIMIT:g} s"
                results.append(receiver.recv())  # EOFError: it died
            return results
        finally:
            for worker in workers:
                worker.kill()
                worker.join()


def _work(rank: int, count: int, folder: str, sender: Any, function: Callable[..., Any], given: Any) -> None:
    from datetime import timedelta

    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    store = dist.FileStore(str(Path(folder) / "store"), count)  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=rank, world_size=count, timeout=timedelta(seconds=TIME_LIMIT))
    try:
        sender.send(function(*given))
    finally:
        dist.destroy_process_group()
