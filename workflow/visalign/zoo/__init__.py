"""Models: their weights, layers, inputs, gradients, and the image statistics that stand beside them."""
