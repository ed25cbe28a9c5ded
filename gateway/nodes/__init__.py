"""Which processes run on which hosts: each says so itself every fifteen seconds, and what changes is noted."""
