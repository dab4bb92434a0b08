from jaxinterp.text import format_number, format_percent, suggestion


def test_numbers_have_a_true_minus_sign_and_no_negative_zero():
    assert format_number(-0.125) == "−0.12" and format_number(-0.001) == "0.00" and format_number(3.0, 0) == "3"


def test_what_is_not_known_is_a_dash():
    assert format_number(float("nan")) == format_percent(float("inf")) == "—"


def test_shares_are_percent():
    assert format_percent(0.9875, 1) == "98.8 %"
    assert format_percent(0.5) == "50 %"


def test_the_name_that_is_spelled_most_alike_is_suggested():
    assert suggestion("hiden1", ["hidden0", "hidden1"]) == " (did you mean hidden1?)"
    assert suggestion("dmeo", {"demo": 1, "more": 2}, shown="a/{}".format) == " (did you mean a/demo?)"
    assert suggestion("x", ["hidden0"]) == suggestion("hidden7", ["hidden0", "hidden10"]) == suggestion("x", []) == ""
