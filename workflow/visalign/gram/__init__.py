"""Gram matrices of layers, and the comparisons that are computed from them."""
