"""What came in and went out, counted by stretches of time: the figures behind the dashboard and ``analytics/``."""
