"""Starting several processes of a training on this machine, as torchrun does: its own code does it, without its tables of failures."""

import logging
import os
import signal
import sys
from uuid import uuid4

from alexlab.data.input.workers import cores
from alexlab.errors import UserError


def launch(processes: int, arguments: list[str]) -> int:
    """Run `alexlab` with these arguments in so many processes, until all have ended.

    Each gets its share of the cores as threads, unless OMP_NUM_THREADS says how many. A signal to stop goes on to all of them.

    Returns:
        The exit code: 0, or that of the process that failed first.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(
        logging.CRITICAL
    )  # the processes say themselves what is wrong
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // processes)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",  # a free port
        local_addr="localhost",
        max_restarts=0,
        monitor_interval=0.1,
    )
    warned = [f"-W{option}" for option in sys.warnoptions]
    try:
        elastic_launch(config, sys.executable)(*warned, "-m", "alexlab", *arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            raise UserError(
                f"process {rank} of {processes} was killed by {name}; where that was for want of memory, take fewer processes or smaller "
                "batches. The same command with --continue goes on from the newest checkpoint."
            ) from error
        return int(failure.exitcode)
    except SignalException:
        return 130
    return 0


def check_processes(asked: int) -> None:
    """Raise UserError where torchrun started another number of processes than `--processes` asks for."""
    started = os.environ["WORLD_SIZE"]
    if started != str(asked):
        raise UserError(
            f"--processes {asked} within a job of {started} processes; torchrun says how many, so leave it out."
        )
