"""Pathfinder as a source of stimuli; how it is drawn is in `visual_tasks.pathfinder`."""

from visalign.stimuli import drawn_tasks

SOURCE = drawn_tasks.source("pathfinder", "Pathfinder, drawn", "pathfinder-*")
