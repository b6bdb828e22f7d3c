"""Images: their tables, where they come from, how they are decoded and transformed."""
