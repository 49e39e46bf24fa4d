"""Where does the counting happen?

The counting of ``ngrams`` on the workers of a Dask cluster. A part of the text is encoded by one worker and stays
there; each question to the text is counted part by part, and the counts are merged by range of keys. A part is a task
that any other worker can repeat, so that nothing is lost when a worker dies. The results are those of a local text.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

import termmine
from termmine import corpus, discovery, ngrams
from termmine.errors import InputError, TermmineError

if TYPE_CHECKING:
    from dask.delayed import Delayed
    from distributed import Client

BYTES = 1 << 25  # of a file that make a part
CHARACTERS = 1 << 20  # of documents that make a part; they travel with the task, which should stay small
_MERGED_AT_ONCE = 16
_POSITIONS = 40  # bits of a position; the number of the part stands above them
_RETRIES = 2  # of a task that fails, e.g. since a network drive does; a worker's death does not count
_DEATHS = 10  # of workers during one task, after which the task is taken to be the cause
_PATIENCE = 8  # seconds for a scheduler, or its first worker, to answer
_CHUNK = 1 << 22  # bytes read at a time


# --- connecting ------------------------------------------------------------------------------------------


def _dask() -> Any:
    """The package, which is an optional extra."""
    try:
        import dask
        import distributed  # noqa: F401 (its absence should be noticed here)
    except ImportError:
        raise InputError('a cluster needs Dask, which is not here; pip install "termmine[dask]"') from None
    return dask


@contextmanager
def connect(address: str) -> "Iterator[Client]":
    """A client of a Dask cluster, closed in the end.

    Parameters
    ----------
    address : a scheduler's, ``tcp://host:port``; or ``local``, ``local:4``: processes on this machine (default: one a
        core), which end with the context

    Raises
    ------
    InputError : Dask is not installed, or there is no such scheduler, or it has no worker

    >>> with connect("local:2") as client:                              # doctest: +SKIP
    ...     words = discovery.discover(encode(lines, config, client), config)
    """
    dask = _dask()
    kind, colon, number = address.partition(":")
    if kind == "local":
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": _DEATHS}),
            _local_client(number if colon else None) as client,
        ):
            yield client
    else:
        with _remote_client(address) as client:
            yield client


@contextmanager
def _local_client(number: str | None) -> "Iterator[Client]":
    from distributed import Client, LocalCluster

    if number is not None and not (number.isdecimal() and int(number)):
        raise InputError(f"local:N needs a number of processes, 1 or more, got local:{number}")
    options = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    workers = None if number is None else int(number)  # None: one a core
    with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:
        yield client


def _remote_client(address: str) -> "Client":
    from distributed import Client

    def version() -> str:  # defined here, so that it is sent itself, not by the name of a module that may be absent
        return __import__("termmine").__version__

    if "://" not in address:
        raise InputError(f"a scheduler's address is tcp://HOST:PORT, local or local:N, got {address}")
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError):
        raise InputError(f"no Dask scheduler answers at {address}; start one with: dask scheduler") from None
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
        versions = {client.run_on_scheduler(version), *client.run(version).values()}
    except TimeoutError:
        client.close()
        raise InputError(f"the scheduler at {address} has no worker; start one with: dask worker {address}") from None
    except ImportError:
        client.close()
        raise InputError(f"not every machine of {address} has termmine; install it on all of them") from None
    if versions != {termmine.__version__}:
        client.close()
        others = ", ".join(sorted(versions - {termmine.__version__}))
        raise InputError(f"{address} has termmine {others}, not {termmine.__version__}; install the same everywhere")
    return client


# --- parts of a text -------------------------------------------------------------------------------------


class Part(corpus.Corpus):
    """The lines of a file whose first bytes lie in a range; the line breaks are looked for when it is read.

    Parameters
    ----------
    path : UTF-8 text
    begin, end : the range, in bytes; of a line that is longer than it, all belongs to the part where the line begins
    """

    def __init__(self, path: Path, begin: int, end: int) -> None:
        super().__init__([path])
        self.begin, self.end = begin, end

    def __iter__(self) -> Iterator[str]:
        return corpus.lines_in(self.blocks())

    def blocks(self) -> Iterator[str]:
        path = self.paths[0]
        try:
            with open(path, "rb") as file:
                begin = _line_after(file, self.begin, self.end)
                text = corpus.decoded(_chunks_until_line(file, begin, self.end), path, begin)
                if not self.begin:
                    yield next(filter(None, text), "").removeprefix("\ufeff")
                yield from text
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}; each worker has to see it") from None


def _line_after(file: BinaryIO, begin: int, end: int) -> int:
    """Where the first line begins in a range of bytes; its end if none does."""
    if begin == 0:
        return 0
    file.seek(begin - 1)  # a line break there is the one before
    for chunk in iter(lambda: file.read(min(_CHUNK, end - file.tell())), b""):
        if (found := chunk.find(b"\n")) >= 0:
            return min(file.tell() - len(chunk) + found + 1, end)
    return end


def _chunks_until_line(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    """The bytes from ``begin`` to the last line that begins before ``end``."""
    if begin >= end:
        yield b""
        return
    file.seek(begin)
    while begin < end - 1 and (chunk := file.read(min(_CHUNK, end - 1 - begin))):
        begin += len(chunk)
        yield chunk
    while chunk := file.read(_CHUNK):
        found = chunk.find(b"\n") + 1
        yield chunk[: found or None]
        if found:
            return


def _parts(paths: Iterable[Path], size: int) -> list[Part]:
    """Files in ranges of some bytes."""
    return [Part(path, i, i + size) for path in paths for i in range(0, path.stat().st_size, size)]


def _batches(documents: Iterable[str], size: int) -> Iterator[list[str]]:
    """Documents in lists of some characters, one at least."""
    waiting: list[str] = []
    characters = 0
    for document in documents:
        waiting.append(document)
        characters += len(document)
        if characters >= size:
            yield waiting
            waiting, characters = [], 0
    yield waiting


def encode(
    lines: Iterable[str], config: discovery.Config, client: "Client", *, part_size: int | None = None
) -> "ClusterText":
    """The text as the config's method reads it, encoded by a cluster's workers; ``discovery.discover`` takes it.

    Parameters
    ----------
    lines : the corpus that ``corpus.read_lines`` opened, whose files each worker has to see under the same path; or
        documents, which are sent
    config : thresholds; of them, only the method and ``classic`` matter here
    client : of the cluster, as ``connect`` yields it
    part_size : bytes of a file, or characters of documents, that make a part (default: 32 MB, a million characters)

    Raises
    ------
    TypeError : ``lines`` is a bare string, which would be read as one document per character
    InputError : from the corpus, e.g. it is not UTF-8; or the method is ``em``, which needs the text in one place
    """
    if isinstance(lines, str):
        raise TypeError("lines must be an iterable of documents, got one str; put it in a list: [text]")
    if isinstance(config, discovery.EmConfig):
        raise InputError("method em reads the text itself; give it the files, without --scheduler")
    if isinstance(lines, corpus.Corpus):
        parts: Iterable = _parts(lines.paths, part_size or BYTES)
    else:
        parts = _batches(lines, part_size or CHARACTERS)
    encoded = [_encoded_on(client, part, config) for part in parts]
    return ClusterText(client, encoded, units=discovery.units_of(config))


def _encoded_on(client: "Client", part: Part | list[str], config: discovery.Config) -> "Delayed":
    """One part on some worker; in ``partial``, since Dask would look into each document of an argument."""
    task = _dask().delayed(partial(_encoded, part, config), pure=False)()
    return client.persist(task, retries=_RETRIES)


# --- what the workers do: pure functions, so that each can be repeated elsewhere ---------------------------

Blocks = list[np.ndarray]


def _encoded(part: Iterable[str], config: discovery.Config) -> Blocks:
    return list(discovery.encode(part, config).blocks())


def _itself(value: object) -> object:
    return value


def _text(blocks: Blocks, only_han: bool) -> ngrams.EncodedText:
    """One thread counts, since a worker runs several tasks side by side."""
    text = ngrams.EncodedText(threads=1)
    for block in blocks:
        text.append(_writable(block))
    return text.only_han() if only_han else text


def _writable(array: np.ndarray) -> np.ndarray:
    """An array that came from elsewhere may be read-only, a type that all would have to be compiled for again."""
    return np.require(array, requirements="W")


def _count_units(blocks: Blocks, only_han: bool) -> np.ndarray:
    return _text(blocks, only_han).unit_counts()


def _count_windows(blocks: Blocks, only_han: bool, n: int) -> int:
    return _text(blocks, only_han).count_windows(n)


def _count_ngrams(blocks: Blocks, only_han: bool, n: int, shorter: ngrams.Ngrams | None, shares: int) -> list:
    if shorter is not None:
        shorter = ngrams.Ngrams(shorter.n, _writable(shorter.keys), _writable(shorter.counts))
    return _text(blocks, only_han).count_ngrams(n, shorter=shorter).shares(shares)


def _count_pieces(blocks: Blocks, only_han: bool, cut: ngrams.Cut, shares: int, number: int) -> list:
    strong = ngrams.Ngrams(cut.strong.n, _writable(cut.strong.keys), _writable(cut.strong.counts))
    taken = None if cut.taken is None else _writable(cut.taken)
    pieces = _text(blocks, only_han).count_pieces(replace(cut, strong=strong, taken=taken), lambda _: 1)
    firsts = pieces.firsts + (pieces.lengths > 1) * (number << _POSITIONS)
    return replace(pieces, firsts=firsts).shares(shares)


def _count_keys(blocks: Blocks, only_han: bool, find: ngrams.FindKeys, shares: int) -> list:
    return ngrams.merged(_text(blocks, only_han).count_keys(find)).shares(shares)


def _merge_ngrams(parts: Sequence[ngrams.Ngrams], floor: int = 1) -> ngrams.Ngrams:
    return ngrams.merged(parts, floor)


def _merge_pieces(parts: Sequence[ngrams.Pieces]) -> ngrams.Pieces:
    arrays = ("ids", "lengths", "counts", "firsts")
    return ngrams.merged_pieces(
        [replace(part, **{name: _writable(getattr(part, name)) for name in arrays}) for part in parts]
    )


def _total(pieces: ngrams.Pieces) -> int:
    return pieces.total


def _frequent(pieces: ngrams.Pieces, floor: int) -> ngrams.Pieces:
    return pieces.where(pieces.counts >= floor)


# --- asking them -----------------------------------------------------------------------------------------


class ClusterText(ngrams.Text):
    """A corpus whose parts lie on the workers of a Dask cluster.

    Parameters
    ----------
    client : of the cluster
    parts : persisted tasks that give the blocks of unit ids, in the order of the text
    units : what the units are, as ``ngrams.encode`` takes it

    Raises
    ------
    InputError : a part cannot be read
    """

    def __init__(self, client: "Client", parts: Sequence["Delayed"], *, units: str) -> None:
        self.client, self.units = client, units
        self._parts = list(parts)
        self._only_han = False
        self._check()

    def _check(self) -> None:
        """Wait for the parts; of several errors raise the one that a local reader would come to first."""
        from distributed import futures_of, wait

        futures = futures_of(self._parts)
        wait(futures)
        for future in futures:
            if future.status == "error":
                raise _own_error(future.exception())

    def only_han(self) -> "ClusterText":
        han = copy(self)
        han._only_han = True
        return han

    def unit_counts(self) -> np.ndarray:
        return sum(self._ask(self._each(_count_units)), np.zeros(1 << 16, np.int64))

    def count_windows(self, n: int) -> int:
        return sum(self._ask(self._each(_count_windows, n)))

    def count_ngrams(self, n: int, *, floor: int = 1, shorter: ngrams.Ngrams | None = None) -> ngrams.Ngrams:
        shares = self._shares()
        counted = self._each(_count_ngrams, n, _constant(shorter), shares)
        last = partial(_merge_ngrams, floor=floor)
        return ngrams.merged(self._ask([_merged(dealt, _merge_ngrams, last) for dealt in _dealt(counted, shares)]))

    def count_pieces(self, cut: ngrams.Cut, floor: Callable[[int], int]) -> ngrams.Pieces:
        if self._only_han:
            raise ValueError("pieces are cut from the whole text, not from its Han characters alone")
        cut, shares = _constant(cut), self._shares()
        counted = [self._task(_count_pieces, part, cut, shares, i) for i, part in enumerate(self._parts)]
        merged = [_merged(dealt, _merge_pieces, _merge_pieces) for dealt in _dealt(counted, shares)]
        with _large_constants():
            merged = self.client.persist(merged, retries=_RETRIES)
        total = self._ask([_dask().delayed(_total, pure=False)(merged[0])])[0]
        frequent = _dask().delayed(_frequent, pure=False)
        return ngrams.joined_pieces(self._ask([frequent(share, max(floor(total), 1)) for share in merged]))

    def count_keys(self, find: ngrams.FindKeys) -> Iterator[ngrams.Ngrams]:
        shares = self._shares()
        counted = self._each(_count_keys, _constant(find), shares)
        merged = [_merged(dealt, _merge_ngrams, _merge_ngrams) for dealt in _dealt(counted, shares)]
        yield from self._ask(merged)

    def _each(self, function: Callable, *arguments: object) -> "list[Delayed]":
        """A task a part."""
        return [self._task(function, part, *arguments) for part in self._parts]

    def _task(self, function: Callable, part: "Delayed", *arguments: object) -> "Delayed":
        return _dask().delayed(function, pure=False)(part, self._only_han, *arguments)

    def _shares(self) -> int:
        """Ranges of keys that are merged side by side, as many as can be."""
        return min(max(sum(self.client.nthreads().values()), 1), ngrams.BUCKETS)

    def _ask(self, tasks: "list[Delayed]") -> list:
        """The results of tasks."""
        try:
            with _large_constants():
                futures = self.client.compute(tasks, retries=_RETRIES)
            return self.client.gather(futures)
        except Exception as error:
            raise _own_error(error) from None


@contextmanager
def _large_constants() -> Iterator[None]:
    """Without Dask's warning of a large graph: the frequent n-grams are in it once, so that they can be sent again."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph|Large object")
        yield


def _dealt(counted: "list[Delayed]", shares: int) -> "list[list[Delayed]]":
    """By share, what each part has counted of it."""
    return [[part[share] for part in counted] for share in range(shares)]


def _constant(value: object) -> "Delayed":
    """A value for many tasks: a task itself, so that it is sent once, and again when its worker dies."""
    return _dask().delayed(partial(_itself, value), pure=False)()


def _merged(parts: "list[Delayed]", merge: Callable, last: Callable) -> "Delayed":
    """One result of many, in order and few at a time; ``last`` is the merge that ends it."""
    from dask import delayed

    while len(parts) > _MERGED_AT_ONCE:
        groups = [parts[i : i + _MERGED_AT_ONCE] for i in range(0, len(parts), _MERGED_AT_ONCE)]
        parts = [delayed(merge, pure=False)(group) for group in groups]
    return delayed(last, pure=False)(parts)


def _own_error(error: BaseException) -> BaseException:
    """The error of a task as the user should read it."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return TermmineError("one part of the text killed all workers that tried it; give them more memory")
    return error
