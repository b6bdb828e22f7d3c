"""Accuracy against alignment: correlations, envelope, test of decline, and what may be said of them."""
