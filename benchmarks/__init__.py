"""How fast it is, measured against floors and peers in one run; see README.md."""
