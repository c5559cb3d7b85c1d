"""A process of its own: fills the mailbox of a reader that never reads, and prints by how many MB it grew at most."""

from __future__ import annotations

import gc
import re
import sys
from pathlib import Path

from mjwatch._policy.mailbox import Mailbox
from tests.support.builders import progress, success


def resident(which: str = "VmRSS") -> float:
    """Return the resident memory of this process in MB: now, or at its highest (VmHWM)."""
    [kilobytes] = re.findall(which + r":\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(kilobytes) / 1024


def fill(mailbox: Mailbox, tasks: int, updates: int) -> None:
    """Tell so many updates of so many tasks, each event with a Task of its own; the last one is the end."""
    ids = [f"17121580114{number:05}" for number in range(tasks)]
    for seq in range(1, updates):
        for task_id in ids:
            mailbox.put(progress(seq, seq * 100 // updates, task_id=task_id))
    for task_id in ids:
        mailbox.put(success(updates, task_id=task_id))


def main() -> None:
    """Warm up, then measure."""
    fill(Mailbox(), 10, 100)
    gc.collect()
    before, mailbox = resident(), Mailbox()
    tasks, updates = (int(word) for word in sys.argv[1:])
    fill(mailbox, tasks, updates)
    grown = resident("VmHWM") - before
    sys.stdout.write(f"{grown:.1f} {len(mailbox)} {mailbox.unread_finals}\n")


if __name__ == "__main__":
    main()
