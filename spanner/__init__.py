"""One query over many archives."""
