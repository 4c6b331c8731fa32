"""Lists the benches, and runs the ones named.

Run: make bench, or make bench ARGS="dates FOLDER"; what follows a bench's name goes to that bench.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench


def main(arguments: list[str]) -> int:
    """Without arguments say what there is; else run the bench named first with the rest as its arguments."""
    names = [
        module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_")
    ]
    if arguments and arguments[0] in names:
        status = importlib.import_module(f"bench.{arguments[0]}").main(arguments[1:])
        return int(status or 0)
    for name in names:
        about = importlib.import_module(f"bench.{name}").__doc__ or ""
        print(f"{name:12} {about.splitlines()[0]}")
    print('Run one: make bench ARGS="NAME …"')
    if arguments:
        print(f"there is no bench {arguments[0]!r}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
