"""How each HTTP library's requests get the token; one module per library."""
