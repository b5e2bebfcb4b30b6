"""`./run fuzz`: mutates files of every format, and says what the readers did not take well."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from perceiver.isolation.limits import MEGABYTE
from tests.fuzz.campaign import Folder, Tally, fuzz
from tests.fuzz.children import Bounds
from tests.fuzz.readers import READERS


def main() -> int:
    """Runs the fuzzer; 1 where it found something."""
    options = _arguments()
    # Children are forked, and threads do not survive that.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    bounds = Bounds(memory=options.memory * MEGABYTE, seconds=options.limit)
    folder, tallies = Folder(options.out), dict[str, Tally]()
    share = options.seconds / len(options.readers)
    for name in options.readers:
        tally = tallies[name] = Tally()
        numbers = range(options.first, options.first + options.mutations)
        begun = time.monotonic()
        for finding in fuzz(name, seed=options.seed, numbers=numbers, bounds=bounds, seconds=share, tally=tally):
            place = folder.keep(finding, bounds)
            where = f": {place}" if place else ""
            print(f"{name} {finding.number} ({finding.origin}): {finding.outcome.what} {finding.outcome.where}{where}")
        print(_line(name, tally, time.monotonic() - begun), flush=True)
    if options.json:
        found = {name: {"mutations": one.count, **one.what, "files": one.kinds} for name, one in tallies.items()}
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(tally.findings for tally in tallies.values()))


def _line(name: str, tally: Tally, seconds: float) -> str:
    read, refused = tally.what["read"], tally.what["refused"]
    others = [f"{tally.what[what]} {what}" for what in sorted(tally.what) if what not in ("read", "refused")]
    return (
        f"{name}: {tally.count:,} mutations of {len(tally.kinds)} files in {seconds:,.0f} s: {read:,} read, "
        f"{refused:,} refused, {', '.join(others) or 'no findings'}; the slowest took {tally.slowest:.1f} s"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; all by default")
    parser.add_argument("--mutations", type=int, default=10_000, help="of each reader (10000)")
    parser.add_argument("--seconds", type=float, default=3600.0, help="in all, shared by the readers (3600)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations (0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation (0)")
    parser.add_argument("--limit", type=float, default=Bounds.seconds, help="processor seconds a file may take (20)")
    parser.add_argument("--memory", type=int, default=Bounds.memory // MEGABYTE, help="megabytes it may take (2048)")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="folder for the findings (build/fuzz)")
    parser.add_argument("--json", type=Path, help="file for the counts")
    options = parser.parse_args()
    if unknown := set(options.readers) - set(READERS):
        parser.error(f"there is no reader {', '.join(sorted(unknown))}; there are {', '.join(READERS)}")
    options.readers = options.readers or list(READERS)
    return options


if __name__ == "__main__":
    sys.exit(main())
