"""Pages of routing: deliveries, destinations and rules."""
