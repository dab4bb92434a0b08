import jinja2
import pytest

from jaxinterp.report import templates


def test_a_template_that_lacks_a_value_is_an_error_and_values_stay_text():
    shown = templates.environment().from_string("{{ text }}")
    assert shown.render(text="<b>") == "&lt;b&gt;"
    with pytest.raises(jinja2.UndefinedError):
        shown.render()


def test_a_policy_names_a_script_by_its_hash():
    # openssl dgst -sha256 -binary | base64, of "alert('Hello, world.');", as in the policy's specification
    assert templates.policy_hash("alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
