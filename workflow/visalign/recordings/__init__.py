"""Neural recordings: readers of every format, one internal form, ceilings."""
