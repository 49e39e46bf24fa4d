"""Kill a run at random moments, and see that nothing is torn and nothing is lost.

    python tests/benchmarks/crashes.py --kills 200

Each run is killed after a random time, alone or with all that it has started, and started again; when it comes to its
end its files are compared with those of a run that nothing has disturbed, and all is begun anew.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))
import crashing


@click.command()
@click.option("--kills", default=200, show_default=True, help="How often.")
@click.option("--seed", default=1, show_default=True, help="Random state.")
@click.option("--longest", default=12.0, show_default=True, help="Seconds that a run lives at most.")
def main(kills: int, seed: int, longest: float) -> None:
    """Kill runs on the sample."""
    number, done, ends, begin = random.Random(seed), 0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crashing.finish(folder / "out", folder / "cache")
        while done < kills:
            out, cache = folder / f"out{ends}", folder / f"cache{ends}"
            while done < kills and not crashing.kill_at_random(out, cache, number, longest=longest):
                done += 1
            crashing.finish(out, cache)
            crashing.check_same(out, folder / "out")
            ends += 1
            click.echo(f"{done} kills, {ends} runs that ended in the same bytes, {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
