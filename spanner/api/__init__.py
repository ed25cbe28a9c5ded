"""The REST API of federated search."""
