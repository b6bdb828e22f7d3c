"""Training with supervision of saliency: images, losses, the loop, comparison of arms."""
