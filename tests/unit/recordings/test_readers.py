"""Claims about the readers of recordings: what each declares, and what the sheet's schema says of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from visalign.errors import InputError
from visalign.io import schemas
from visalign.recordings import readers
from visalign.recordings.reader import Asked


def test_declaring_readers_starts_nothing_heavy():
    """Every start of Snakemake imports them."""
    heavy = "{'numpy', 'xarray', 'pandas', 'h5py', 'scipy'}"
    code = f"import sys, visalign.recordings.readers; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("reader", readers.READERS, ids=lambda reader: reader.name)
def test_what_a_reader_needs_and_takes_are_columns_of_the_sheet(reader):
    columns = schemas.schema("recordings")["properties"]
    assert {*reader.needs, *reader.takes, *readers.SETTINGS} <= set(columns)
    assert set(reader.takes) <= set(readers.SETTINGS)
    assert readers.of(reader.name) is reader and reader.meaning


def test_what_can_be_asked_of_a_reader_is_the_region_and_what_some_reader_takes():
    assert set(Asked.__annotations__) == {"region", "stimulus_ids", *readers.SETTINGS}
    assert {setting for reader in readers.READERS for setting in reader.takes} == set(readers.SETTINGS)


def test_names_of_readers_are_told_apart():
    assert len(set(readers.names())) == len(readers.READERS)


@pytest.mark.parametrize("reader", readers.READERS, ids=lambda reader: reader.name)
def test_settings_that_a_reader_does_not_take_are_refused_before_its_file_is_opened(reader):
    given = {"region": "IT", "subject": "x", "windows": "51-90", "first_ms": 0}
    given |= {"variable": "X", "order": "ids.csv"}
    others = [setting for setting in readers.SETTINGS if setting not in reader.takes]
    if others:
        with pytest.raises(InputError, match=f"--{others[0]}: the reader {reader.name} does not take it"):
            readers.read(reader.name, "absent", given, None)
    else:
        with pytest.raises(InputError, match="absent: no such"):
            readers.read(reader.name, "absent", given, None)
