"""Users, their roles, and the ways to prove who one is."""
