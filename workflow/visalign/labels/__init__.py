"""Names of classes: label spaces, ImageNet's, images of several labels."""
