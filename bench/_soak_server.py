"""main.py serve, which tells on standard output what it holds whenever a line comes on standard input."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path

import main


def held() -> dict[str, object]:
    """Memory, sockets, tasks and objects of this process; what was there when it began to serve is not counted."""
    gc.collect()
    objects = gc.get_objects()
    tasks = [each for each in objects if isinstance(each, asyncio.Task) and not each.done()]
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf(
        "SC_PAGE_SIZE"
    )
    return {
        "mb": resident / 2**20,
        "sockets": len(list(Path("/proc/self/fd").iterdir())),
        "tasks": len(tasks),
        "names": Counter(each.get_name().split()[0] for each in tasks),
        "objects": len(objects),
        "kinds": Counter(type(each).__qualname__ for each in objects).most_common(400),
    }


def answer() -> None:
    """Until there is nobody to ask."""
    for _ in sys.stdin:
        print(json.dumps(held()), flush=True)


if __name__ == "__main__":
    threading.Thread(target=answer, daemon=True).start()
    sys.exit(main.main(["serve"]))
