"""A page asks for nothing, complains of nothing and needs no script, wherever it is shown."""

import pytest

from tests.browser.pages import PAGES

EVERY = sorted(PAGES)
HELD = ["blob", "srcdoc"]
FRAME = "<!doctype html><title>viewer</title><iframe sandbox=allow-scripts width=1280 height=800></iframe>"
SHOW = """([text, how]) => {
    const frame = document.querySelector("iframe");
    if (how === "srcdoc") frame.srcdoc = text;
    else frame.src = URL.createObjectURL(new Blob([text], {type: "text/html"}));
}"""
# What a style would be missed by: how large the heading is, how a chip is framed, how many drawings have a size.
DRESSED = """main => {
    const of = (selector, what) => getComputedStyle(main.querySelector(selector))[what];
    return [of("h1", "fontSize"), of(".chip.inconclusive", "borderTopStyle"), of(".bar", "stroke"),
            [...main.querySelectorAll("svg")].filter(s => s.getBoundingClientRect().height > 0).length];
}"""


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_requested_but_the_file_and_nothing_is_complained_of(open_page, name):
    opened = open_page(name)

    assert opened.requests == [opened.path.as_uri()]
    assert opened.complaints == []


@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_without_script_the_picture_is_the_same(open_page, name):
    with_script = open_page(name).page.screenshot(full_page=True)

    assert open_page(name, java_script_enabled=False).page.screenshot(full_page=True) == with_script


@pytest.mark.parametrize("name", EVERY)
def test_no_script_of_a_name_ran_and_the_title_is_one(open_page, name):
    page = open_page(name).page

    assert page.evaluate("typeof window.pwn") == "undefined"
    assert page.locator("head > title").count() == 1
    assert page.locator("h1").count() == 1
    assert page.locator("script, iframe, object, embed, img, link, form").count() == 0


@pytest.mark.parametrize("how", HELD)
@pytest.mark.parametrize("name", ["judged", "monitor"])
def test_inside_a_sandboxed_frame_everything_is_there(open_page, contexts, pages, name, how):
    """As MLflow's viewer holds it: a frame that may run scripts and shares nothing with its page."""
    alone = open_page(name).page.locator("main")
    viewer = contexts().new_page()
    viewer.set_viewport_size({"width": 1320, "height": 840})
    complaints = []
    viewer.on("pageerror", lambda error: complaints.append(str(error)))
    viewer.on("console", lambda message: complaints.append(message.text))
    viewer.set_content(FRAME)

    viewer.evaluate(SHOW, [pages[name].read_text(encoding="utf-8"), how])
    inside = viewer.frame_locator("iframe").locator("main")
    inside.wait_for()

    assert inside.inner_text() == alone.inner_text()
    assert inside.evaluate(DRESSED) == alone.evaluate(DRESSED)
    assert complaints == []
    viewer.close()
