"""Whose data a study rests on, and under which licence, as its sheets say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, cast

from visalign.study.study import Study


class Credit(TypedDict):
    """Data sets of one origin; '' where a sheet does not say."""

    names: list[str]
    citation: str
    licence: str


def of(study: Study) -> list[Credit]:
    """Return the origins of the data in use, those of one citation and licence together.

    Recordings come first, then maps, then stimuli. Data sets without either are left out.
    """
    used, found = study.in_use(), dict[tuple[str, str], list[str]]()
    sheets = {
        "recordings": study.recordings,
        "maps": study.maps,
        "probes": study.probes,
        "stimuli": study.stimuli,
    }
    for sheet, rows in sheets.items():
        for name, row in cast(Mapping[str, Mapping[str, str]], rows).items():
            origin = row.get("citation", ""), row.get("licence", "")
            if name in used[sheet] and any(origin):
                found.setdefault(origin, []).append(name)
    return [
        {"names": list(dict.fromkeys(names)), "citation": citation, "licence": licence}
        for (citation, licence), names in found.items()
    ]
