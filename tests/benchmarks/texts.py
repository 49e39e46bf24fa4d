"""Make a text of a given size: ``python texts.py MEGABYTES OUT [TEXT…]``, no line of it repeated.

Without TEXT files it is the data sets law and news. When there is not enough of it, the rest is its own clauses in
seeded random order, a few a line: the same words in new neighbourhoods, but no new clause, so fewer different
n-grams than as much real text has. Prints what it made, as JSON. A program of its own, so that its memory does not
count in a measurement (see ``discovery.run``).
"""

import json
import random
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_CLAUSE = re.compile("[^，。；！？]+[，。；！？]")
_MEGABYTE = 1_000_000


def data_set_files() -> list[Path]:
    """The domain texts of law and news, fetched if need be."""
    from termmine import datasets

    return [datasets.get(name).domain for name in ("law", "news")]


def read_lines(paths: Iterable[Path]) -> Iterator[str]:
    """The lines of the files without their ends, empty ones left out."""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            yield from filter(None, (line.strip() for line in file))


def recombine(lines: Iterable[str], seed: int = 0) -> Iterator[str]:
    """Lines of two to eight clauses of the text, without end; every clause once, then all again in another order."""
    clauses = [clause for line in lines for clause in _CLAUSE.findall(line)]
    if len(clauses) < 1000:
        sys.exit(f"too little text to recombine: {len(clauses)} clauses; give more --text or a smaller --size")
    rng = random.Random(seed)
    while True:
        rng.shuffle(clauses)
        start = 0
        while start < len(clauses):
            end = start + rng.randint(2, 8)
            yield "".join(clauses[start:end])
            start = end


def write_unique(lines: Iterable[str], out: Path, limit: int, mode: str, seen: set[int]) -> int:
    """Write lines that are not in ``seen`` until ``limit`` bytes are full; return the bytes written."""
    written = 0
    with open(out, mode, encoding="utf-8", newline="\n") as file:
        for line in lines:
            size = len(line.encode()) + 1
            if written + size > limit:
                break
            if hash(line) not in seen:
                seen.add(hash(line))
                file.write(f"{line}\n")
                written += size
    return written


def make(megabytes: float, out: Path, paths: list[Path]) -> dict[str, float]:
    """Write the text; its size and how much of it is recombined, in MB."""
    limit = int(megabytes * _MEGABYTE)
    seen: set[int] = set()
    real = write_unique(read_lines(paths), out, limit, "w", seen)
    made = 0
    if real < 0.99 * limit:
        made = write_unique(recombine(read_lines(paths)), out, limit - real, "a", seen)
    return {"megabytes": (real + made) / _MEGABYTE, "recombined": made / _MEGABYTE}


def main(megabytes: str, out: str, *texts: str) -> None:
    """The command line."""
    paths = [Path(text) for text in texts] or data_set_files()
    print(json.dumps(make(float(megabytes), Path(out), paths)))


if __name__ == "__main__":
    main(*sys.argv[1:])
