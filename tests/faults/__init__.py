"""Bad input, abuse and leaks: a seeded sample in each run, the whole by ``make faults``."""
