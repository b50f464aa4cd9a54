"""A person logs in: with the browser of this machine, of another, or of a web app."""
