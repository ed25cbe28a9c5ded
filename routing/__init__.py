"""Rules decide where instances go; deliveries account for each of them."""
