"""A program that unpacks a LAZ file: `python unpack_laz.py packed.laz plain.las`.

It runs as a process of its own, without the package around it: the library that unpacks LAZ ends the whole process
where a damaged file makes it ask for more memory than there is.
"""

from __future__ import annotations

import sys
from pathlib import Path

MOST_MEMORY = 4 << 30


def unpack(packed: Path, plain: Path) -> None:
    """Writes the points of a LAZ file as they are, unpacked."""
    import laspy

    with laspy.open(packed, read_evlrs=False) as reader:
        reader.read().write(plain, do_compress=False)


if __name__ == "__main__":
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    except ImportError:  # systems without such limits
        pass
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
