import numpy as np

from jaxinterp.analysis.doses import rises

RISING = np.linspace(0, 1, 13)
BUMP = np.concatenate([np.linspace(0, 1, 5), np.linspace(1, 0.2, 8)])


def rise(curve):
    return rises(np.float32(curve)[None, :, None], np.array([500])).item()


def test_a_rise_may_fall_by_one_image():
    assert rise(RISING) == 1 and rise(BUMP) == 0 and rise(np.ones(13)) == 0
    step = RISING.copy()
    step[6] -= 1 / 12 + 1 / 500
    assert rise(step) == 1
    step[6] -= 1 / 500
    assert rise(step) == 0 and np.isnan(rise(np.full(13, np.nan)))
