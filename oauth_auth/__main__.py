"""`python -m oauth_auth`: the command line, where its script is not on the path."""

from oauth_auth.cli import main

if __name__ == "__main__":
    main()
