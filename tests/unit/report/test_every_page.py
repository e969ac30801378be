"""Every kind of page there is: inert, well built, the same text again on any machine."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from functools import cache
from itertools import pairwise

import pytest

from tests.browser.pages import PAGES
from tests.unit.report.outlines import Outline

EVERY = sorted(PAGES)
LOADING = {"src", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href", "srcdoc", "ping"}
ACTIVE = {"script", "img", "link", "iframe", "object", "embed", "form", "base", "video", "audio", "foreignobject"}
DIGESTS = """
import hashlib, json
from tests.browser.pages import PAGES
made = {name: make().encode() for name, make in PAGES.items() if name != "large"}
print(json.dumps({name: hashlib.sha256(page).hexdigest() for name, page in made.items()}))
"""
MACHINES = {
    "east": {"TZ": "Pacific/Kiritimati", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1", "PYTHONUTF8": "0"},
    "west": {"TZ": "America/Adak", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4242"},
}


@cache
def page(name):
    return PAGES[name]()


@cache
def outline(name):
    return Outline(page(name))


@pytest.mark.parametrize("name", EVERY)
def test_the_policy_names_the_hash_of_the_only_style(name):
    (style,) = re.findall(r"<style[^>]*>(.*?)</style>", page(name), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    (policy,) = [dict(attrs)["content"] for tag, attrs in outline(name).tags
                 if tag == "meta" and dict(attrs).get("http-equiv") == "Content-Security-Policy"]  # fmt: skip

    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("name", EVERY)
def test_nothing_on_the_page_acts_or_loads(name):
    found = outline(name)

    assert not ACTIVE & {tag for tag, _ in found.tags}
    assert [a for a, _ in found.attributes if a.startswith("on") or a == "style" or a in LOADING] == []
    assert {value[0] for a, value in found.attributes if a == "href"} <= {"#"}
    assert [value for _, value in found.attributes if value and "javascript:" in value.lower()] == []


@pytest.mark.parametrize("name", EVERY)
def test_the_style_loads_nothing(name):
    (style,) = re.findall(r"<style>(.*?)</style>", page(name), re.DOTALL)

    assert re.findall(r"url\(|@import|@font-face|expression\(|https?:", style) == []


@pytest.mark.parametrize("name", EVERY)
def test_every_tag_is_closed_every_id_is_used_once_and_every_link_leads_to_one(name):
    found = outline(name)
    ids = [value for a, value in found.attributes if a == "id"]
    pointing = [value.removeprefix("#") for a, value in found.attributes if a == "href"]
    labelled = [value for a, value in found.attributes if a in ("for", "aria-labelledby", "aria-describedby")]

    assert found.is_balanced
    assert found.open == []
    assert len(ids) == len(set(ids))
    assert {one for value in (*pointing, *labelled) for one in value.split()} <= set(ids)


@pytest.mark.parametrize("name", EVERY)
def test_a_web_address_is_text_that_came_with_the_data(name):
    """Nothing of ours names one; the namespace of a drawing is not needed inside a page."""
    hostile = {"hostile", "monitor-hostile"}

    assert name in hostile or re.findall(r"https?:", page(name)) == []


@pytest.mark.parametrize("name", EVERY)
def test_there_is_one_h1_and_no_level_is_skipped(name):
    levels = [int(tag[1]) for tag, _ in outline(name).tags if re.fullmatch("h[1-6]", tag)]

    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("machine", MACHINES)
def test_neither_clock_nor_language_nor_hashing_of_a_machine_changes_a_byte(machine):
    environ = {**os.environ, **MACHINES[machine]}
    told = subprocess.run([sys.executable, "-c", DIGESTS], env=environ, capture_output=True, text=True, check=True)

    expected = {name: hashlib.sha256(page(name).encode()).hexdigest() for name in EVERY if name != "large"}
    assert json.loads(told.stdout.splitlines()[-1]) == expected
