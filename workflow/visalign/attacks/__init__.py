"""Smallest adversarial perturbations: search, verification, tolerance, alignment."""
