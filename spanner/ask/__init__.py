"""Put a question to one source; a file for each kind."""
