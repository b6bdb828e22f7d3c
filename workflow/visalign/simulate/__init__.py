"""Simulated neurons and clicks, with a known truth."""
