import os
import sys
from pathlib import Path

import pytest

os.environ["MPLBACKEND"] = "agg"
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Results of stages are kept for this session alone."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["TERMMINE_CACHE"] = str(folder)
    return folder


@pytest.fixture
def sample() -> Path:
    """The folder of the sample corpus."""
    return ROOT / "data" / "sample"


@pytest.fixture
def termmine(monkeypatch, capsys):
    """Call the command line in this process: (status, standard output, standard error)."""
    from termmine import cli

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["termmine", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return call
