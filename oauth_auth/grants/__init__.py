"""How a token is had: one file per grant."""
