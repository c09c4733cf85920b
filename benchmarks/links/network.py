"""Network namespaces joined by links of a set rate and delay, for processes of one machine.

The rate is `tc`'s token bucket filter. Without a delay the namespaces hang on a bridge by veth pairs. A delay is netem's work, which
not every kernel has: so there the packets go through TUN devices, and a small relay holds each back until it is due. It carries about
2 Gbit/s, and what it takes itself shows in the round trip that is measured with each row.
"""

import fcntl
import mmap
import os
import select
import struct
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
MTU = 65_000  # few large packets: the relay is a Python program
DEVICE, BRIDGE = "link0", "alexlab-br"


def address(rank: int) -> str:
    """The address of process `rank`."""
    return f"10.77.0.{rank + 1}"


def name(rank: int) -> str:
    """The namespace of process `rank`."""
    return f"alexlab-links-{rank}"


class Links:
    """While it is entered, `count` namespaces that reach each other, with delays or without.

    The delay of all links is a number in a file, which is read for each packet.
    """

    def __init__(self, count: int, delay_file: Path, delayed: bool) -> None:
        delay_file.write_bytes(struct.pack("d", 0.0))
        self.count, self._delay, self._delayed = count, _shared(delay_file), delayed
        self._tuns: list[int] = []
        self._relay: int | None = None

    def __enter__(self) -> "Links":
        if not self._delayed:
            _run("ip", "link", "add", BRIDGE, "type", "bridge")
            _run("ip", "link", "set", BRIDGE, "up")
        for rank in range(self.count):
            subprocess.run(["ip", "netns", "del", name(rank)], capture_output=True, check=False)
            _run("ip", "netns", "add", name(rank))
            if self._delayed:
                self._tuns.append(_tun_in(name(rank)))
            else:
                outside = f"alexlab-v{rank}"
                _run("ip", "link", "add", outside, "type", "veth", "peer", "name", DEVICE, "netns", name(rank))
                _run("ip", "link", "set", outside, "master", BRIDGE, "mtu", str(MTU), "up")
            inside = ("ip", "-n", name(rank))
            _run(*inside, "addr", "add", f"{address(rank)}/24", "dev", DEVICE)
            _run(*inside, "link", "set", DEVICE, "mtu", str(MTU), "txqueuelen", "1000", "up")
            _run(*inside, "link", "set", "lo", "up")
        if not self._delayed:
            return self
        self._relay = os.fork()
        if self._relay == 0:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))  # or it waits for the computing processes
            _carry(self._tuns, self._delay)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._relay:
            os.kill(self._relay, 9)
            os.waitpid(self._relay, 0)
        for tun in self._tuns:
            os.close(tun)
        for rank in range(self.count):
            _run("ip", "netns", "del", name(rank))  # and with it its end of the link
        if not self._delayed:
            _run("ip", "link", "del", BRIDGE)


def set_rate(bits_per_second: float | None) -> None:
    """Limit what the calling process's namespace sends; None lifts the limit."""
    if bits_per_second is None:
        subprocess.run(["tc", "qdisc", "del", "dev", DEVICE, "root"], capture_output=True, check=False)
        return
    rate = ("rate", f"{bits_per_second / 1e6:.0f}mbit", "burst", "1mb", "limit", "64mb")
    _run("tc", "qdisc", "replace", "dev", DEVICE, "root", "tbf", *rate)


def set_delay(file: Path, seconds: float) -> None:
    """Hold back each packet for so long, on top of what the relay takes."""
    _shared(file)[:8] = struct.pack("d", seconds)


def bytes_sent() -> int:
    """What the calling process's namespace has sent, headers included."""
    return int(Path(f"/sys/class/net/{DEVICE}/statistics/tx_bytes").read_text())


def _carry(tuns: list[int], delay: mmap.mmap) -> None:
    """Read packets from each device and write them, when they are due, to the one that has the address."""
    waiting: deque[tuple[float, int, bytes]] = deque()
    arrived = threading.Condition()

    def deliver() -> None:
        while True:
            with arrived:
                while not waiting:
                    arrived.wait()
                due, tun, packet = waiting.popleft()
            while (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            os.write(tun, packet)

    threading.Thread(target=deliver, daemon=True).start()
    poll = select.poll()
    for tun in tuns:
        poll.register(tun, select.POLLIN)
    while True:
        for tun, _ in poll.poll():
            packet = os.read(tun, MTU + 100)
            to = packet[19] - 1
            if packet[0] >> 4 == 4 and 0 <= to < len(tuns):
                due = time.perf_counter() + struct.unpack("d", delay[:8])[0]
                with arrived:
                    waiting.append((due, tuns[to], packet))
                    arrived.notify()


def _tun_in(namespace: str) -> int:
    """A TUN device in a namespace: a thread of its own goes there, so that this process stays where it is."""
    opened: list[int] = []

    def open_there() -> None:
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        _setns(there)
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        os.close(there)
        opened.append(tun)

    thread = threading.Thread(target=open_there)
    thread.start()
    thread.join()
    return opened[0]


def _setns(namespace: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _shared(file: Path) -> mmap.mmap:
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), 8)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
