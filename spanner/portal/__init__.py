"""Pages of federated search."""
