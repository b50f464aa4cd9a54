"""Rejections: how long they count, and what a record tells other workers of them."""

import pytest

from oauth_auth import FileStore, Token
from oauth_auth.held import Held
from oauth_auth.rejections import Rejections
from oauth_auth.stores.base import Record

API, OTHER = "https://api.example.com", "https://other.example.com"
NOW = 1_700_000_000.0


def held(*rejections, generation=7, life=3600.0):
    """Return a token whose record tells of these rejections."""
    token = Token("a", obtained_at=NOW, expires_at=NOW + life)
    return Held(token, Record("line", generation, token, rejections=rejections))


class TestExplain:
    """Whether a token was made because this origin refused the one before it."""

    def test_one_that_was_made_for_it(self):
        """The record tells a worker that has just started, too. M32."""
        made_for_it = held((API, NOW - 1, 7))
        assert Rejections().explain(made_for_it, API, NOW + 5)
        assert not Rejections().explain(made_for_it, OTHER, NOW + 5)

    def test_one_that_was_made_for_another_reason(self):
        """A token found in the store was not made for what its older one met. M12."""
        rejections = Rejections()
        rejections.note(held(generation=6), API, NOW - 1)
        assert not rejections.explain(held(), API, NOW + 5)
        assert not rejections.explain(held((API, NOW - 1, 6)), API, NOW + 5)

    @pytest.mark.parametrize(
        ("life", "lately"), [(3600.0, 60.0), (None, 60.0), (2.0, 1.0), (0.0, 0.5)]
    )
    def test_it_counts_for_a_minute_or_half_a_life(self, life, lately):
        """A token of seconds may well have expired since, so its 401 is worth more."""
        made_for_it = held((API, NOW, 7), life=life or 0.0)
        if life is None:
            token = Token("a", obtained_at=NOW)
            record = Record("line", 7, token, rejections=((API, NOW, 7),))
            made_for_it = Held(token, record)
        assert Rejections().explain(made_for_it, API, NOW + lately - 0.1)
        assert not Rejections().explain(made_for_it, API, NOW + lately)

    def test_a_clock_that_was_set_back(self):
        """A rejection of the future explains nothing: the clock has changed. M99g."""
        assert not Rejections().explain(held((API, NOW + 30, 7)), API, NOW + 5)

    @pytest.mark.parametrize("skew", [-1200.0, 1200.0])
    def test_a_token_of_a_machine_with_another_clock(self, skew):
        """What this process has seen of the origin goes by its own clock. M32."""
        rejections = Rejections()
        made_elsewhere = held((API, NOW + skew, 7))
        assert not rejections.explain(made_elsewhere, API, NOW)
        rejections.note(held(generation=6), API, NOW - 1)
        assert rejections.explain(made_elsewhere, API, NOW)

    def test_a_token_that_another_thread_has_just_met_a_401_with(self):
        """It ended long after it was made, for all threads alike. M32."""
        rejections = Rejections()
        made_for_it = held((API, NOW, 7))
        assert not rejections.explain(made_for_it, API, NOW + 3600)
        rejections.note(made_for_it, API, NOW + 3600)
        assert not rejections.explain(made_for_it, API, NOW + 3600)


class TestExhaust:
    """Whether an origin's rejections have led to too many renewals."""

    def test_three_at_one_origin_within_a_minute(self):
        """A path that takes no token is not worth a renewal each time. M32."""
        told = [(API, NOW + 10.0 * n, n) for n in range(3)]
        assert Rejections().exhaust(held(*told), API, NOW + 59)
        assert not Rejections().exhaust(held(*told), OTHER, NOW + 59)
        assert not Rejections().exhaust(held(*told[:2]), API, NOW + 59)
        assert not Rejections().exhaust(held(*told), API, NOW + 60)


class TestLeadingTo:
    """What the next generation's record tells."""

    def test_it_names_those_that_refused_the_token(self):
        """Of the origins seen here those count that refused just this token."""
        rejections = Rejections()
        rejections.note(held(generation=5), "https://older.example.com", 1.0)
        rejections.note(held(generation=6), API, 3.0)
        rejections.note(held(generation=6), OTHER, 2.0)
        told = ((OTHER, 0.5, 4),)
        assert rejections.leading_to(7, held(generation=6), told) == (
            *told,
            (API, 3.0, 7),
            (OTHER, 2.0, 7),
        )

    def test_a_renewal_for_another_reason_adds_nothing(self):
        """Expiry, or a call of renew(), is nobody's rejection."""
        rejections = Rejections()
        rejections.note(held(generation=6), API, 3.0)
        assert rejections.leading_to(7, None, ()) == ()
        assert rejections.leading_to(8, held(generation=7), ()) == ()

    def test_both_stay_bounded(self):
        """Neither the record nor the memory grows with the number of rejections."""
        rejections, told = Rejections(), ()
        for number in range(1000):
            refused = held(generation=number)
            rejections.note(refused, f"https://{number}.example.com", float(number))
            told = rejections.leading_to(number + 1, refused, told)
        assert len(told) == 16
        assert told[-1] == ("https://999.example.com", 999.0, 1000)
        assert len(rejections._seen) <= 256

    def test_they_travel_in_the_record(self, tmp_path):
        """What one worker saved is what another one reads."""
        store = FileStore(tmp_path)
        told = ((API, 3.0, 1), (OTHER, 4.5, 1))
        with store.lock("one", timeout=0) as transaction:
            transaction.save(Record("line", 1, Token("a"), rejections=told))
        assert FileStore(tmp_path).read("one").rejections == told
