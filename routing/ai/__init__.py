"""AI workers: which studies they get, what they answer, and what of it is believed."""
