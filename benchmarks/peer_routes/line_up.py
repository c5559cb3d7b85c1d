"""Who runs, in the order of the table."""

from __future__ import annotations

from typing import Final

from benchmarks.peer_routes.at_home import ENDS, NAIVE, PROGRESS
from benchmarks.peer_routes.fal_queue import FAL
from benchmarks.peer_routes.legnext_jobs import LEGNEXT

CONTESTANTS: Final = {one.key: one for one in (ENDS, PROGRESS, FAL, LEGNEXT, NAIVE)}
