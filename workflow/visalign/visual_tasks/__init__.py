"""Visual tasks beyond recognition: images whose labels are certain, and what re-derives them."""
