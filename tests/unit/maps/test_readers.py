"""Claims about the readers of importance maps that are declared."""

from __future__ import annotations

import subprocess
import sys

import pytest

from visalign.errors import InputError
from visalign.io.sheets import read_sheet
from visalign.maps import readers
from visalign.study.schemas import definition


def test_declarations_import_nothing_that_computes():
    code = "import sys\nfrom visalign.maps import readers\n"
    code += "sys.exit(bool({'numpy', 'pandas', 'PIL', 'tqdm', 'zarr'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_each_reader_says_what_it_reads_and_has_a_name_of_its_own():
    assert len(set(readers.names())) == len(readers.READERS)
    for reader in readers.READERS:
        assert readers.of(reader.name) is reader
        assert f"{reader.name}: {reader.meaning}" in readers.meanings() and reader.path in readers.paths()


@pytest.mark.parametrize("reader", readers.names())
def test_the_sheet_knows_every_reader_and_asks_for_the_columns_it_needs(tmp_path, reader):
    sheet, needs = tmp_path / "maps.tsv", readers.needs()[reader]
    columns = dict.fromkeys(needs, "1") | {"maps": "a", "reader": reader, "path": "p", "stimuli": "s"}
    sheet.write_text("\t".join(columns) + "\n" + "\t".join(columns.values()) + "\n")
    assert read_sheet(sheet, definition("maps"), "maps")["a"]["reader"] == reader
    for needed in needs:
        others = {name: cell for name, cell in columns.items() if name != needed}
        sheet.write_text("\t".join(others) + "\n" + "\t".join(others.values()) + "\n")
        with pytest.raises(InputError, match=f"'{needed}' is a required property"):
            read_sheet(sheet, definition("maps"), "maps")


def test_the_labels_of_a_reader_come_from_a_csv_where_there_is_one_and_with_its_images():
    assert {reader.name for reader in readers.READERS if reader.labelled} == {"folder", "clicks"}
    assert not [name for name, columns in readers.needs().items() if "labels" in columns]
