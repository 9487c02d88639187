"""How predictions scale: over processes, over boxes, over more boxes than memory, at rest, and beside bad requests."""
