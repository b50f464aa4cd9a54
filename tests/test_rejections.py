"""Rejections: how long they count, and what a record tells other workers of them."""

import pytest

from oauth_auth import FileStore, Token
from oauth_auth.held import Held
from oauth_auth.rejections import Rejections
from oauth_auth.stores.base import Record

API, OTHER = "https://api.example.com", "https://other.example.com"
NOW = 1_700_000_000.0


def held(*rejections, made_at=NOW, life=3600.0):
    """Return a token whose record tells of these rejections."""
    token = Token("a", obtained_at=made_at, expires_at=made_at + life)
    return Held(token, Record(generation=7, token=token, rejections=rejections))


class TestExplain:
    """Whether a token was made because this origin refused the one before it."""

    def test_what_this_process_saw(self):
        """A token made since a rejection at this origin is explained by it. M32."""
        rejections = Rejections()
        rejections.note(API, NOW - 1)
        assert rejections.explain(held(), API, NOW + 5)
        assert not rejections.explain(held(), OTHER, NOW + 5)
        assert not rejections.explain(held(made_at=NOW - 2), API, NOW + 5)

    def test_what_another_process_saw(self):
        """The record tells a worker that has just started. M32."""
        assert Rejections().explain(held((API, NOW - 1)), API, NOW + 5)
        assert not Rejections().explain(held((OTHER, NOW - 1)), API, NOW + 5)

    @pytest.mark.parametrize(("life", "lately"), [(3600.0, 60.0), (2.0, 1.0)])
    def test_it_counts_for_a_minute_or_half_a_life(self, life, lately):
        """A token of seconds may well have expired since, so its 401 is worth more."""
        token = held((API, NOW), life=life)
        assert Rejections().explain(token, API, NOW + lately - 0.1)
        assert not Rejections().explain(token, API, NOW + lately)

    def test_a_clock_that_was_set_back(self):
        """A rejection of the future explains nothing: the clock has changed. M99."""
        assert not Rejections().explain(held((API, NOW + 30)), API, NOW + 5)

    def test_a_token_without_a_known_life(self):
        """Without expires_in a rejection counts for the whole minute."""
        token = Token("a", obtained_at=NOW)
        own = Held(token, Record("line", 1, token, rejections=((API, NOW),)))
        assert Rejections().explain(own, API, NOW + 59)
        assert not Rejections().explain(own, API, NOW + 60)


class TestExhaust:
    """Whether an origin's rejections have led to too many renewals."""

    def test_three_at_one_origin_within_a_minute(self):
        """A path that takes no token is not worth a renewal each time. M32."""
        times = [(API, NOW + second) for second in (0.0, 10.0, 20.0)]
        assert Rejections().exhaust(held(*times), API, NOW + 59)
        assert not Rejections().exhaust(held(*times), OTHER, NOW + 59)
        assert not Rejections().exhaust(held(*times[:2]), API, NOW + 59)
        assert not Rejections().exhaust(held(*times), API, NOW + 60)


class TestAddedTo:
    """What the next generation's record tells."""

    def test_the_newest_comes_last_and_once(self):
        """The newest rejection seen here is added to those that the record has."""
        rejections = Rejections()
        assert rejections.added_to(((OTHER, 1.0),)) == ((OTHER, 1.0),)
        rejections.note(API, 3.0)
        rejections.note(OTHER, 2.0)
        kept = rejections.added_to(((OTHER, 1.0),))
        assert kept == ((OTHER, 1.0), (API, 3.0))
        assert rejections.added_to(kept) == kept

    def test_both_stay_bounded(self):
        """Neither the record nor the memory grows with the number of rejections."""
        rejections, kept = Rejections(), ()
        for number in range(1000):
            rejections.note(f"https://{number}.example.com", float(number))
            kept = rejections.added_to(kept)
        assert len(kept) == 16
        assert kept[-1] == ("https://999.example.com", 999.0)
        assert len(rejections._seen) <= 256

    def test_they_travel_in_the_record(self, tmp_path):
        """What one worker saved is what another one reads."""
        store = FileStore(tmp_path)
        record = Record("line", 1, Token("a"), rejections=((API, 3.0), (OTHER, 4.5)))
        with store.lock("one", timeout=0) as transaction:
            transaction.save(record)
        assert FileStore(tmp_path).read("one").rejections == record.rejections
