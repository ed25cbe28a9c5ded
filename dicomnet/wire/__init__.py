"""The data plane: pynetdicom negotiates an association, and this package moves its bytes. See docs/data-plane.md."""
