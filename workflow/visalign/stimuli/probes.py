"""Several visual tasks in one stimulus set, so that features of a model are recorded once."""

from visalign.stimuli import drawn_tasks

SOURCE = drawn_tasks.source(
    "probes",
    "visual tasks of several kinds, drawn",
    "svrt-01, svrt-04, svrt-15, svrt-22, pathfinder-3, pathfinder-6",
)
