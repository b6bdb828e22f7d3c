"""Doors: one stage per rule file. A door reads all, calls pure functions, writes all."""
