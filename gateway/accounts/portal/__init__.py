"""Pages of accounts: users, API keys, and one's own account."""
