"""Test studies: small synthetic CTs that somebody has sent through the listener to see the whole way work."""
