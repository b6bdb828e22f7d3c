"""Doors of commands that no rule needs, or that serve a stage."""
