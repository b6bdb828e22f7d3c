"""Probes: what frozen features know of the answers to visual tasks."""
