from importlib import metadata

import jax
import numpy as np
import pytest

from jaxinterp import data, doctor


def by_name(checks):
    return {check.what: check for check in checks}


def test_a_device_that_computes_what_the_cpu_does_agrees():
    found = list(doctor.agreement(jax.devices()[-1:]))
    assert [check.verdict for check in found] == ["ok"] * 3
    assert all(float(check.found) < 1e-6 for check in found)


@pytest.mark.parametrize(("factor", "verdict"), [(1 + 1e-5, "ok"), (1 + 1e-3, "wrong"), (np.nan, "wrong")])
def test_a_device_that_computes_something_else_does_not(monkeypatch, factor, verdict):
    reference, of_device = {"logits": np.array([0.0, -2.0, 1.0])}, {"logits": np.array([0.0, -2.0, 1.0]) * factor}
    cpu = jax.local_devices(backend="cpu")[0]
    monkeypatch.setattr(doctor, "step_on", lambda device: reference if device is cpu else of_device)
    (check,) = doctor.agreement(jax.devices()[-1:])
    assert (check.verdict, check.expected) == (verdict, "at most 1e-04")


def test_where_there_is_no_accelerator_nothing_is_compared():
    if jax.default_backend() == "cpu":
        assert [check.found for check in doctor.agreement()] == ["there is no accelerator"]


def test_the_step_that_is_compared_goes_down_the_gradient():
    found = doctor.step_on(jax.devices()[0])
    np.testing.assert_allclose(found["step of training"], -0.01 * found["gradient"], atol=1e-7)
    assert np.abs(found["gradient"]).max() > 1e-2


def install(folder, name, *requirements):
    info = folder / f"{name}-1.5.dist-info"
    info.mkdir()
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5", *(f"Requires-Dist: {text}" for text in requirements)]
    (info / "METADATA").write_text("\n".join(lines))


def test_missing_packages_of_an_extra_are_found_in_the_extras_of_others_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    needed = ('lantern[oil]>=1; extra == "light"', 'no-match; extra == "light"', 'other; extra == "dark"', "numpy")
    install(tmp_path, "house", *needed, 'windows-only; extra == "light" and sys_platform == "win32"')
    install(tmp_path, "lantern", 'whale-oil; extra == "oil"', "numpy")
    assert doctor._missing("house", "light") == ["whale-oil", "no-match"]
    assert doctor._missing("house", "dark") == ["other"]
    assert doctor._missing("lantern", "water") == []


def test_the_extras_are_those_of_the_package():
    known = metadata.metadata("jaxinterp").get_all("Provides-Extra") or []
    assert set(doctor.EXTRAS) <= set(known)
    assert [check.what for check in doctor.extras()] == sorted(doctor.EXTRAS)


def test_a_version_that_does_not_fit_is_wrong(monkeypatch):
    assert {check.verdict for check in doctor.versions()} == {"", "ok"}
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.2" if name == "jax" else version(name))
    assert [(check.what, check.found) for check in doctor.versions() if check.verdict == "wrong"] == [("jax", "0.2")]


def test_all_checks_are_made(monkeypatch, tmp_path):
    found = by_name(doctor.checks())
    assert found["shipped MNIST"].verdict == "ok" and found["device 0"].found
    monkeypatch.setattr(data, "shipped", lambda: tmp_path)
    assert by_name(doctor.checks())["shipped MNIST"].verdict == "wrong"
