"""How well features predict neurons: layers chosen, predictivity, similarity, what is attainable."""
