"""Launches captured as a CUDA graph: thousands of them become one, for sizes that repeat.

A graph belongs to a program, T, B, device and stream. It works on buffers of its own, into which a run copies
what it is given and out of which it copies what is left: beside T steps that is little. The first run of a
size launches everything one by one, which also compiles it; the second is captured. Where sizes vary, those
that come most often have graphs: another takes its place once it has come twice as often.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import torch

from recurra_engine.cuda.buffers import Inputs, Places
from recurra_engine.cuda.launch import launch, launch_each
from recurra_engine.cuda.program import Program
from recurra_engine.passes.backend import LoopResult

log = logging.getLogger("recurra_engine")
MOST_GRAPHS = 32
MOST_LAUNCHES = 50_000
"""How many launches a graph may hold: capturing one takes a fraction of a second."""
SHARE = 4
"""Buffers of all graphs together take at most the SHARE-th part of the device's memory."""


class Graph(Protocol):
    """What was captured."""

    def replay(self) -> None:
        """Do all of it again."""


Record = Callable[[Callable[[], None]], Graph]


def on_cuda(call: Callable[[], None]) -> Graph:
    """Capture what a call launches."""
    graph = torch.cuda.CUDAGraph()
    # Other threads, such as a loader that pins memory, may go on meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        call()
    return graph


class Captured:
    """A graph and its buffers."""

    def __init__(self, places: Places, given: Inputs, record: Record) -> None:
        self.places = places
        self.lock = threading.Lock()  # a run must not overwrite what another has not yet copied
        places.copy(given)
        places.start(given)
        self.graph = record(lambda: launch(places))
        self.bytes = places.bytes

    def run(self, given: Inputs) -> LoopResult:
        """Run with new inputs."""
        with self.lock:
            self.places.copy(given)
            self.places.start(given)
            self.graph.replay()
            ran = self.places.results()
            out, after = ([tensor.clone() for tensor in part] for part in (ran.out, ran.after))
            return LoopResult(out, after, ran.sums, {i: kept.clone() for i, kept in ran.kept.items()})


class Graphs:
    """The graphs of a process.

    Args:
        record: How launches are captured.
        room: The bytes that buffers may take on a device.
    """

    def __init__(self, record: Record = on_cuda, room: Callable[[torch.device], int] | None = None) -> None:
        self.record, self.room = record, room or _room
        self.known: dict[Any, Captured] = {}
        self.runs: Counter[Any] = Counter()
        self.refused: set[Any] = set()
        self.lock = threading.Lock()

    def run(self, program: Program, given: Inputs, size: tuple[int, int], device: torch.device) -> LoopResult:
        """Run a program, by a graph where there is one or is to be one."""
        captured = self._captured(program, given, size, device)
        return captured.run(given) if captured else launch_each(program, given, size, device)

    def _captured(
        self, program: Program, given: Inputs, size: tuple[int, int], device: torch.device
    ) -> Captured | None:
        if program.launches * size[0] > MOST_LAUNCHES or _busy(device):
            return None
        key = (program, size, device, _stream(device))
        with self.lock:
            self._count(key)
            if (
                key not in self.known
                and self.runs[key] > 1
                and key not in self.refused
                and self._has_place(key)
            ):
                self._capture(key, given)
            return self.known.get(key)

    def _count(self, key: Any) -> None:
        self.runs[key] += 1
        if len(self.runs) > 32 * MOST_GRAPHS:  # forget what came seldom
            self.runs = Counter(dict(self.runs.most_common(16 * MOST_GRAPHS)) | {key: self.runs[key]})

    def _has_place(self, key: Any) -> bool:
        if len(self.known) < MOST_GRAPHS:
            return True
        seldom = self._seldom()
        if self.runs[key] <= 2 * self.runs[seldom]:
            return False
        del self.known[seldom]
        return True

    def _seldom(self) -> Any:
        return min(self.known, key=lambda key: self.runs[key])

    def _capture(self, key: Any, given: Inputs) -> None:
        program, size, device, _ = key
        # Weighed without memory first.
        needed = Places(program, size, torch.device("meta")).bytes + given.bytes
        taken = sum(graph.bytes for other, graph in self.known.items() if other[2] == device)
        if needed + taken > self.room(device):
            return
        try:
            self.known[key] = Captured(Places(program, size, device), given, self.record)
        except RuntimeError:  # no memory, or a driver that cannot: without a graph it still runs
            log.debug("a sequence could not be captured", exc_info=True)
            self.refused.add(key)


def _room(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).total_memory // SHARE


def _busy(device: torch.device) -> bool:
    """Say whether the caller captures a graph himself, of which ours becomes a part."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _stream(device: torch.device) -> int:
    return torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0
