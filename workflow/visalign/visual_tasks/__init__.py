"""Visual tasks beyond recognition: images drawn so that their labels are certain, and what re-derives them."""
