"""Statistics that several rooms need: correlations, intervals, resampling, splits."""
