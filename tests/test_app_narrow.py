"""The studio in the width of a phone: nothing touches, overlaps or is cut."""

import pytest
from studio_browser import analyse, use_example

pytestmark = pytest.mark.browser

CHIPS = '<span class="jumps"><button>13</button><button>20–24</button><button>100</button></span>'
ROOM = """button => {
    const text = document.createRange();
    text.selectNodeContents(button);
    const [inner, outer] = [text, button].map(one => one.getBoundingClientRect());
    return Math.min(inner.left - outer.left, outer.right - inner.right);
}"""
"""Px between the words of a button and its edge."""
BEFORE_ARROW = """input => {
    const arrow = input.parentElement.querySelector("svg").getBoundingClientRect().left;
    return arrow - (input.getBoundingClientRect().right - parseFloat(getComputedStyle(input).paddingRight));
}"""
"""Px between the words of a dropdown and its arrow."""


@pytest.fixture
def phone(tab):
    """The page with the bundled example analysed."""
    tab.set_viewport_size({"width": 390, "height": 844})
    use_example(tab)
    analyse(tab)
    return tab


def box(page, what):
    return page.locator(what).first.bounding_box()


def test_a_rendered_video_keeps_clear_of_the_button_below_it(phone):
    phone.get_by_role("button", name="Render", exact=True).click()
    phone.locator("#result video").wait_for()
    video, player = box(phone, "#result video"), box(phone, "#result")
    download = phone.get_by_role("button", name="Download the draft").bounding_box()
    assert video["y"] + video["height"] <= player["y"] + player["height"] + 0.5
    assert download["y"] - (player["y"] + player["height"]) >= 6


def test_words_keep_clear_of_edges_and_arrows(phone):
    buttons = phone.locator("#render .actions button")
    buttons.first.wait_for()
    assert min(buttons.evaluate_all(f"all => all.map({ROOM})")) >= 6
    assert phone.locator("#renderer input").evaluate(BEFORE_ARROW) >= 0


def test_the_report_uses_the_whole_width_and_its_buttons_stand_in_a_row(phone):
    row = phone.locator("#report li").first
    row.locator(".mark").evaluate("(mark, chips) => mark.insertAdjacentHTML('beforeend', chips)", CHIPS)
    sentence, chips = box(phone, "#report .mark"), box(phone, "#report .jumps")
    assert sentence["width"] == pytest.approx(phone.locator("#report").bounding_box()["width"], abs=1)
    assert chips["x"] == pytest.approx(sentence["x"], abs=1)
    places = row.locator(".jumps button").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(({top, height}) => [top, height])"
    )
    assert len(places) == 3
    assert places == [places[0]] * 3
