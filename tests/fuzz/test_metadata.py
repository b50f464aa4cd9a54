"""Metadata documents and issuers of every kind."""

from tests.fuzz.exploring import explore, thoroughness
from tests.fuzz.metadata import documents, issuer_law, issuers, metadata_law


@thoroughness
def test_whatever_a_metadata_document_says(thorough):
    """Secrets go to https URLs alone, and what was given by hand stays. M44, M45."""
    explore(metadata_law, *documents, thorough=thorough, cases=300)


@thoroughness
def test_whatever_is_given_as_issuer(thorough):
    """Its metadata is looked for where the issuer is, and nowhere else."""
    explore(issuer_law, issuers, thorough=thorough, cases=300)
