"""C by bit planes: 32 agents share the bits of successive words until each is decided. One thread."""

from __future__ import annotations

from fastmas.bench.compiled import compiler
from fastmas.bench.peers import LeftOut, Prepared
from fastmas.bench.peers.c import crowd
from fastmas.bench.tasks import AGENTS, Task


class CPlanes:
    def versions(self) -> dict[str, str]:
        return {"compiler": compiler()}

    def prepare(self, task: Task) -> Prepared:
        if task.mode != AGENTS or task.kind != "crowd":
            raise LeftOut("bit planes are for like agents, visited one by one")
        return crowd(task, "crowd_by_planes")


PEER = CPlanes()
