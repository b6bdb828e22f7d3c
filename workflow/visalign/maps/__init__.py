"""Human importance maps: readers, clicks, the one processing, agreement of people, comparison with models."""
