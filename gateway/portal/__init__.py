"""Pages that belong to no single app, and what all pages share."""
