"""Where records are kept: in memory, in files, and on other machines."""
