"""How fast each sender sends, and so when what it sends is complete."""
