"""What happened to studies, in the order in which it became true: the change feed."""
