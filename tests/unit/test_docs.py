"""Claims of the documents: links lead somewhere, commands can be typed, citations find their section."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from visalign import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("", "docs", "config")
    for path in sorted((ROOT / folder).glob("*.md"))
}
#: Lines of shell in documents that call the program, continued lines joined.
COMMANDS = [
    (name, line)
    for name, text in DOCUMENTS.items()
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("python -m visalign")
]


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_headings(name):
    prose = re.sub(r"```.*?```", "", DOCUMENTS[name], flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?://", link):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / name).parent / file if file else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_have_a_cell_per_column(name):
    prose = re.sub(r"```.*?```", "", DOCUMENTS[name], flags=re.S)
    for table in re.findall(r"(?:^\|.*\n?)+", prose, re.M):
        rows = [re.sub(r"\\\|", "", row).count("|") for row in table.splitlines()]
        assert len(set(rows)) == 1, table.splitlines()[0]


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_commands_name_every_required_option_and_none_that_is_not_there(name, command):
    words = shlex.split(command, comments=True)[3:]
    cli.build_parser(words[0]).parse_args(words)


def test_sections_that_the_code_cites_are_there():
    sections = set(re.findall(r"^## (\d+) ", DOCUMENTS["docs/methods.md"], re.M))
    cited = {
        number
        for path in (ROOT / "workflow").rglob("*.py")
        for numbers in re.findall(r"docs/methods\.md (§[^).:;]+)", path.read_text())
        for number in re.findall(r"§(\d+)", numbers)
    }
    assert cited and cited <= sections
