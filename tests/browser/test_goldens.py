"""What pages look like, compared with pictures that a person has looked at; see ``pictures``."""

import pytest

from tests.browser import pictures

SCREEN = {"width": 1280, "height": 800}
SHEET = {"width": 688, "height": 1017}
PARTS = {"card": ".card:nth-of-type(2)", "beeswarm": ".chart:has(.swarm)"}


def compare(name, shot, folder):
    if pictures.WRITES:
        pictures.keep(name, shot)
        return
    found = pictures.difference(name, shot)
    if found.share > pictures.MOST_DIFFERENT:
        (folder / f"{name}.png").write_bytes(shot)
        found.picture.save(folder / f"{name}-difference.png")
    assert found.share <= pictures.MOST_DIFFERENT, f"see {folder}"


@pytest.mark.usefixtures("fonts_of_the_goldens")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_screen_looks_as_it_did(open_page, scheme, tmp_path):
    page = open_page("judged", **SCREEN, color_scheme=scheme).page

    compare(f"first-screen-{scheme}", page.screenshot(), tmp_path)


@pytest.mark.usefixtures("fonts_of_the_goldens")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_looks_as_it_did(open_page, part, scheme, tmp_path):
    page = open_page("judged", **SCREEN, color_scheme=scheme).page

    compare(f"{part}-{scheme}", page.locator(PARTS[part]).first.screenshot(), tmp_path)


@pytest.mark.usefixtures("fonts_of_the_goldens")
def test_the_first_sheet_of_paper_looks_as_it_did(open_page, tmp_path):
    page = open_page("judged", **SHEET).page
    page.emulate_media(media="print")

    compare("sheet", page.screenshot(), tmp_path)


def test_no_picture_is_large_and_none_is_kept_for_nothing():
    kept = {path.stem: path.stat().st_size for path in pictures.GOLDENS.glob("*.png")}

    assert set(kept) == {
        f"{name}-{scheme}" for name in ("first-screen", *PARTS) for scheme in ("light", "dark")
    } | {"sheet"}  # fmt: skip
    assert max(kept.values()) <= pictures.LARGEST


@pytest.mark.usefixtures("fonts_of_the_goldens")
def test_a_row_that_moves_by_two_pixels_is_noticed(open_page):
    """The tolerance is for how an edge is smoothed, not for what is drawn."""
    page = open_page("judged", **SCREEN, bypass_csp=True).page
    page.add_style_tag(content=".forest tbody { position: relative; top: 2px }")

    assert pictures.difference("first-screen-light", page.screenshot()).share > pictures.MOST_DIFFERENT
