"""The synthetic visual reasoning test as a source of stimuli; how it is drawn is in `visual_tasks.svrt`."""

from visalign.stimuli import drawn_tasks

SOURCE = drawn_tasks.source("svrt", "the synthetic visual reasoning test, drawn", "svrt-*")
