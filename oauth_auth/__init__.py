"""OAuth 2 for requests, httpx and httpx2."""
