"""How fast is word discovery and segmentation, and how much memory does it take, beside other packages?

    python tests/benchmarks/discovery.py --size 100
    python tests/benchmarks/discovery.py --size 20 --methods pmi --peers nlp_zero,jieba --peer-python peers/bin/python
    python tests/benchmarks/discovery.py --growth 1,3,10,30,100 --peers none

Prints a Markdown table: every contestant run on the same text, one after the other, each as a process of its own.
Absolute times drift from machine to machine: compare the ratios of one run. Linux and macOS only (``os.wait4``).
"""

import contextlib
import datetime
import json
import math
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

HERE = Path(__file__).parent
HEAD = ("contestant", "what it does", "MB", "user s", "wall s", "peak MB", "characters/s", "found", "user s ÷ termmine")


# --- who runs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One command that reads a text file and writes what it finds, one word a line, or the segmented text."""

    name: str
    does: str
    command: Callable[[Path, Path], Sequence[str | Path]]  # text, output file -> the command line
    against: str = "pmi"  # the termmine contestant whose user seconds its own are divided by
    prints: bool = False  # writes to standard output, not to the output file
    header: int = 0  # lines at the head of the output that are no words
    segments: bool = False  # gives the text back: nothing is counted


def termmine_command() -> str:
    """``termmine`` of the Python that runs this file, else the first on the path."""
    beside = Path(sys.executable).with_name("termmine")
    return str(beside) if beside.exists() else shutil.which("termmine") or "termmine"


def termmine_method(method: str) -> Contestant:
    """``termmine discover --method METHOD``."""
    return Contestant(
        name=method,
        does=f"termmine discover --method {method}",
        command=lambda text, out: [termmine_command(), "discover", text, "-o", out, "--method", method],
        against=method,
        header=1,
    )


def termmine_segment(folder: Path) -> Contestant:
    """``termmine segment`` with the words of the same text, which are found before the clock starts."""

    def command(text: Path, out: Path) -> list[str | Path]:
        words = folder / f"{text.stem}.words.csv"
        if not words.exists():
            subprocess.run([termmine_command(), "discover", text, "-o", words], check=True, capture_output=True)
        return [termmine_command(), "segment", "--words", words, text]

    return Contestant(
        name="segment",
        does="termmine segment, with the words of termmine discover",
        command=command,
        against="segment",
        prints=True,
        segments=True,
    )


def peer(name: str, does: str, python: str, against: str = "pmi", segments: bool = False) -> Contestant:
    """A peer, driven by ``peers.py``."""
    return Contestant(
        name=name,
        does=does,
        command=lambda text, out: [python, HERE / "peers.py", name, text, out],
        against=against,
        segments=segments,
    )


def peers(python: str) -> list[Contestant]:
    """The peers and the settings they run with."""
    return [
        peer("nlp_zero", "nlp_zero Word_Finder: PMI chain, min_proba 1e-6, min_pmi .5", python),
        peer("gensim", "gensim Phrases over jieba's words: normalised PMI > .5", python, against="cohesion"),
        peer("smoothnlp", "SmoothNLP extract_phrase: PMI and entropy, defaults", python, against="cohesion"),
        peer("jionlp", "JioNLP new_word_discovery: PMI and entropy, defaults", python, against="cohesion"),
        peer("jieba", "jieba.cut: segmentation by dictionary and HMM", python, against="segment", segments=True),
    ]


def other(definition: str) -> Contestant:
    """A contestant from the command line: ``NAME[/AGAINST]=COMMAND``, with {text} and {out} in the command."""
    name, _, command = definition.partition("=")
    name, _, against = name.partition("/")
    if not command:
        raise click.BadParameter(f"{definition!r} is not NAME=COMMAND")

    def fill(text: Path, out: Path) -> list[str]:
        return [part.format(text=text, out=out) for part in shlex.split(command)]

    return Contestant(name=name, does="given by --other", command=fill, against=against or "pmi")


# --- running one ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run took; ``failed`` holds the reason when it gave nothing."""

    user: float = math.nan  # seconds of CPU in user mode, the process and all that it started
    wall: float = math.nan  # seconds
    peak: float = math.nan  # MB of memory, the largest of the processes
    found: int = 0  # words
    failed: str = ""


def run(contestant: Contestant, text: Path, folder: Path, timeout: float) -> Result:
    """Run a contestant once and measure it from outside.

    A child starts as a copy of its parent, and the kernel counts that in the child's peak memory: this program
    must therefore stay small, and leaves reading the text to others.
    """
    out, log = folder / "out.csv", folder / "log"
    out.unlink(missing_ok=True)
    try:
        command = contestant.command(text, out)
        with open(log, "wb") as errors, open(out if contestant.prints else os.devnull, "wb") as printed:
            status, wall, usage = _measure(command, printed, errors, timeout)
    except (OSError, subprocess.CalledProcessError) as error:
        return Result(failed=str(error))
    if status != 0:
        return Result(failed=_reason(status, log))
    found = 0 if contestant.segments else count_lines(out) - contestant.header
    return Result(user=usage.ru_utime, wall=wall, peak=_megabytes(usage.ru_maxrss), found=found)


def _measure(command: Sequence[str | Path], stdout: BinaryIO, stderr: BinaryIO, timeout: float) -> tuple:
    """Exit status, wall seconds and resource usage of a command, which is killed after ``timeout`` seconds."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=stdout, stderr=stderr, start_new_session=True)
    timer = threading.Timer(timeout, os.killpg, (child.pid, signal.SIGKILL))
    timer.start()
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    finally:
        timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.perf_counter() - start, usage


def _reason(status: int, log: Path) -> str:
    if status == -signal.SIGKILL:
        return "stopped: over --timeout, or out of memory"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), f"exit status {status}")[:100]


def _megabytes(maxrss: int) -> float:
    return maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)  # bytes there, KiB elsewhere


def count_lines(path: Path) -> int:
    """Lines of a file, in little memory."""
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def count_characters(path: Path) -> int:
    """Characters of a UTF-8 file, line ends included: the bytes that do not continue one."""
    continuing = bytes(range(0x80, 0xC0))
    with open(path, "rb") as file:
        return sum(len(block.translate(None, continuing)) for block in iter(lambda: file.read(1 << 20), b""))


def run_all(contestants: Iterable[Contestant], text: Path, folder: Path, timeout: float) -> dict[str, Result]:
    """Run them one after the other; says on standard error who runs."""
    results = {}
    for contestant in contestants:
        click.echo(f"{text.name}: {contestant.name} …", err=True)
        results[contestant.name] = run(contestant, text, folder, timeout)
    return results


def warm_up(contestants: Iterable[Contestant], text: Path, folder: Path, timeout: float) -> None:
    """Run once on the head of the text, so that nobody compiles or builds a cache while measured."""
    head = folder / "head.txt"
    head.write_text("".join(_first_lines(text, 2000)), encoding="utf-8")
    run_all(contestants, head, folder, timeout)


def _first_lines(path: Path, n: int) -> Iterator[str]:
    with open(path, encoding="utf-8") as file:
        yield from (line for _, line in zip(range(n), file, strict=False))


# --- telling it -------------------------------------------------------------------------------------------


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---" if name in HEAD[:2] else "---:" for name in head]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def table(contestants: Iterable[Contestant], results: dict[str, Result], text: Path) -> str:
    """One row a contestant, in the columns of ``HEAD``."""
    characters, size = count_characters(text), f"{text.stat().st_size / 1e6:.1f}"
    return markdown(HEAD, [_row(one, results, characters, size) for one in contestants])


def _row(one: Contestant, results: dict[str, Result], characters: int, size: str) -> list[str]:
    result = results[one.name]
    if result.failed:
        return [one.name, f"{one.does}: skipped, {_cell(result.failed)}", size, *["–"] * 6]
    return [
        one.name,
        one.does,
        size,
        f"{result.user:.1f}",
        f"{result.wall:.1f}",
        f"{result.peak:,.0f}",
        f"{characters / result.user:,.0f}",
        "–" if one.segments else f"{result.found:,}",
        _ratio(one, results),
    ]


def _cell(text: str) -> str:
    return text.replace("|", "/")


def _ratio(one: Contestant, results: dict[str, Result]) -> str:
    rival = results.get(one.against)
    if one.name == one.against or rival is None or rival.failed:
        return "–"
    return f"{results[one.name].user / rival.user:.1f} × {one.against}"


def growth_table(contestants: Iterable[Contestant], by_size: dict[float, dict[str, Result]]) -> str:
    """User seconds (peak MB) at each size, and the fitted exponent."""
    head = ("contestant", *(f"{size:g} MB" for size in by_size), "exponent")
    return markdown(head, [_growth_row(one.name, by_size) for one in contestants])


def _growth_row(name: str, by_size: dict[float, dict[str, Result]]) -> list[str]:
    ran = {size: results[name] for size, results in by_size.items() if not results[name].failed}
    cells = [f"{ran[size].user:.2f} s ({ran[size].peak:,.0f} MB)" if size in ran else "–" for size in by_size]
    slope = exponent(list(ran), [result.user for result in ran.values()])
    return [name, *cells, f"{slope:.2f}" if len(ran) > 1 else "–"]


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log seconds over log size by least squares: 1 for linear growth.

    >>> round(exponent([1, 10, 100], [2, 20, 200]), 6)
    1.0
    """
    if len(sizes) < 2:
        return math.nan
    xs, ys = [math.log(size) for size in sizes], [math.log(second) for second in seconds]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread


def caption(made: dict[str, float], given: bool) -> str:
    """What was measured, where, and how to read it."""
    source = "the files given" if given else "the data sets law and news"
    text = f"Text: {source}, no line repeated."
    if made["recombined"]:
        text += (
            f" {made['recombined']:.1f} of the {made['megabytes']:.1f} MB are clauses of it, recombined (seed 0): no "
            "new clause, so fewer different n-grams than as much real text has."
        )
    machine = f"{os.cpu_count()} × {cpu_model()}, {platform.system()}, Python {platform.python_version()}"
    return (
        f"{text}\n\nMeasured {datetime.date.today()} on {machine}. User seconds and peak memory are those of the whole "
        "process, start-up included, and of what it started; characters per second are per user second. Each "
        "contestant ran once on a small text before, so that compiled code was cached."
    )


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    with contextlib.suppress(OSError):
        if match := re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()):
            return match[1]
    return platform.processor() or platform.machine()


# --- the command ------------------------------------------------------------------------------------------


def make_text(size: float, out: Path, texts: Sequence[str]) -> dict[str, float]:
    """Let ``texts.py`` write a text of ``size`` MB; what it says about it."""
    done = subprocess.run(
        [sys.executable, HERE / "texts.py", str(size), out, *texts], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException("no text to measure on")
    return json.loads(done.stdout)


_METHODS = "What of termmine runs, separated by commas, or none."
_PEERS = "Which peers run: nlp_zero, gensim, smoothnlp, jionlp, jieba, separated by commas; all or none."
_OTHER = "One more contestant, with {text} and {out} in its command; METHOD is what its seconds are divided by."


def _names(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    return [] if value == "none" else value.split(",")


def _sizes(_context: click.Context, option: click.Parameter, value: str | None) -> list[float]:
    try:
        return sorted({float(size) for size in value.split(",")}) if value else []
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not sizes in MB, separated by commas", param=option) from error


def choose(
    methods: list[str], peer_names: list[str], others: Sequence[str], python: str, folder: Path
) -> list[Contestant]:
    """The contestants of those names, in the order of the table."""
    known = {one.name: one for one in peers(python)}
    if unknown := sorted(set(peer_names) - set(known) - {"all"}):
        raise click.BadParameter(f"no peer {', '.join(unknown)}; there are: {', '.join(known)}", param_hint="--peers")
    ours = [termmine_segment(folder) if name == "segment" else termmine_method(name) for name in methods]
    chosen = [one for name, one in known.items() if name in peer_names or "all" in peer_names]
    return [*ours, *chosen, *map(other, others)]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--size", default=20.0, show_default=True, metavar="MB", help="Size of the text, in 1,000,000 bytes.")
@click.option("--text", "texts", multiple=True, type=click.Path(exists=True), help="UTF-8 text; may be repeated.")
@click.option(
    "--methods", default="pmi,cohesion,em,segment", show_default=True, callback=_names, metavar="NAME,…", help=_METHODS
)
@click.option("--peers", "peer_names", default="all", show_default=True, callback=_names, metavar="NAME,…", help=_PEERS)
@click.option("--other", "others", multiple=True, metavar="NAME[/METHOD]=COMMAND", help=_OTHER)
@click.option("--peer-python", default=sys.executable, metavar="PYTHON", help="The Python that has the peers.")
@click.option("--growth", metavar="MB,MB,…", callback=_sizes, help="Measure at several sizes and fit the exponent.")
@click.option("--timeout", default=3600.0, show_default=True, metavar="SECONDS", help="Stop a contestant after.")
def main(
    size: float,
    texts: Sequence[str],
    methods: list[str],
    peer_names: list[str],
    others: Sequence[str],
    peer_python: str,
    growth: list[float],
    timeout: float,
) -> None:
    """Measure word discovery and segmentation, termmine's and its peers', and print a Markdown table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contestants = choose(methods, peer_names, others, peer_python, folder)
        text = folder / "text.txt"
        made = make_text(max(growth, default=size), text, texts)
        warm_up(contestants, text, folder, timeout)
        if growth:
            by_size = measure_growth(contestants, text, growth, folder, timeout)
            click.echo(growth_table(contestants, by_size))
            click.echo("\nExponent: least squares of log user seconds over log size; nothing is subtracted.\n")
        else:
            click.echo(table(contestants, run_all(contestants, text, folder, timeout), text) + "\n")
        click.echo(caption(made, bool(texts)))


def measure_growth(
    contestants: Sequence[Contestant], text: Path, sizes: Sequence[float], folder: Path, timeout: float
) -> dict[float, dict[str, Result]]:
    """Run all on the heads of ``text`` of those sizes."""
    by_size = {}
    for size in sizes:
        part = folder / f"text-{size:g}.txt"
        make_text(size, part, [str(text)])
        by_size[size] = run_all(contestants, part, folder, timeout)
        part.unlink()
    return by_size


if __name__ == "__main__":
    main()
