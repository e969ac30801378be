"""Dark is dark everywhere."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

NEAR_WHITE = 200


@pytest.mark.parametrize("name", ["judged", "hostile", "monitor", "compare"])
def test_a_dark_page_has_no_white_rectangle(open_page, name):
    """No connected patch of blocks, eight pixels square and near white all over, fills a hundredth of the page."""
    shot = open_page(name, color_scheme="dark").page.screenshot(full_page=True)
    grey = np.asarray(Image.open(BytesIO(shot)).convert("L"))
    height, width = (side // 8 * 8 for side in grey.shape)
    darkest = grey[:height, :width].reshape(height // 8, 8, width // 8, 8).min(axis=(1, 3))

    patches, _ = ndimage.label(darkest > NEAR_WHITE)

    assert np.bincount(patches.ravel())[1:].max(initial=0) < 0.01 * patches.size


@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_a_dark_page_is_dark(open_page, name):
    page = open_page(name, color_scheme="dark").page

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 26)"
