"""Pages of the archive that need nothing but the archive; gateway.portal adds those that tell of deliveries too."""
