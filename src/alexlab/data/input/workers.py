"""Threads that decode and prepare images while the network computes."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

import torch


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def workers() -> ThreadPoolExecutor:
    """Return threads, one for each core, shared by all who decode. Tasks must not wait for each other.

    Decoding and resizing let go of Python's lock, so threads do as well as processes and need not copy what they make. In a
    worker PyTorch computes with that thread alone: teams of threads inside threads would wait for each other.
    """
    count, threads = cores(), torch.get_num_threads()
    ready = Barrier(count + 1)

    def alone() -> None:
        torch.get_num_threads()  # the first question in a thread sets it to the number of the process
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(count, "alexlab-worker", alone)
    for _ in range(count):
        pool.submit(int)  # starts a thread
    ready.wait()
    torch.set_num_threads(threads)  # for threads that are yet to come; the setting of each that runs is its own
    return pool
