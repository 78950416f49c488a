"""Looking at frames in the browser: keys, playing, jumping, and the curves of the lab."""

import pytest
from studio_browser import PATIENCE, analyse, pictures, use_example, visit

pytestmark = pytest.mark.browser

AT = "document.querySelector('#pictures [data-draw]').dataset.at"
PLAYING = "document.querySelector('[data-do=play]').getAttribute('aria-pressed') === 'true'"


@pytest.fixture(scope="module")
def example(browser, address):
    """The name of a project of the bundled example: 131 frames, 25 a second."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    visit(page, address)
    use_example(page)
    analyse(page)
    name = page.evaluate("sessionStorage.getItem('apvgen.open')")
    page.close()
    return name


@pytest.fixture
def inspect(tab, example):
    """The page with that project open."""
    tab.context.add_init_script(f"sessionStorage.setItem('apvgen.open', '{example}')")
    tab.reload()
    tab.wait_for_function(f"document.querySelector('#pictures [data-draw]') && {AT} === '0'")
    return tab


def frame(page):
    return int(page.locator("#frame input[type=range]").input_value())


def wait_for_frame(page, t):
    page.wait_for_function(f"{AT} === '{t}' && document.querySelector('#frame input[type=range]').value === '{t}'")


def unfold_lab(page):
    page.get_by_role("button", name="FDA lab").click()
    page.locator(".modes section").nth(2).wait_for()


def test_keys_step_and_play_but_leave_typing_alone(inspect):
    inspect.keyboard.press("ArrowRight")
    inspect.keyboard.press("ArrowRight")
    inspect.keyboard.press("ArrowLeft")
    wait_for_frame(inspect, 1)
    inspect.keyboard.press("Shift+ArrowRight")
    wait_for_frame(inspect, 11)
    inspect.locator("#frame input[type=number]").fill("42")
    inspect.keyboard.press("ArrowLeft")
    inspect.keyboard.press(" ")
    assert not inspect.evaluate(PLAYING)
    wait_for_frame(inspect, 42)


def test_space_plays_in_time_with_the_voice_and_pauses_where_it_is(inspect):
    inspect.evaluate(
        f"shown = new Set(); new MutationObserver(() => shown.add({AT}))"
        ".observe(document.querySelector('#pictures'), {attributes: true, subtree: true})"
    )
    inspect.keyboard.press(" ")
    inspect.wait_for_function("document.querySelector('.transport audio').currentTime > 0.2")
    for least in (10, 25, 45):
        inspect.wait_for_function(f"document.querySelector('#frame input[type=range]').value > {least}")
        t, heard = inspect.evaluate(
            "[Number(document.querySelector('#frame input[type=range]').value),"
            " 25 * document.querySelector('.transport audio').currentTime]"
        )
        assert t == pytest.approx(heard, abs=25)  # a busy browser is slow to draw the slider, but does not fall behind
    assert inspect.evaluate("shown.size") >= 2  # how many more depends on the machine
    inspect.keyboard.press(" ")
    stopped = frame(inspect)
    wait_for_frame(inspect, stopped)
    inspect.wait_for_timeout(300)
    assert frame(inspect) == stopped


def test_playing_ends_at_the_last_frame_and_begins_again(inspect):
    inspect.locator("#frame input[type=number]").fill("120")
    wait_for_frame(inspect, 120)
    inspect.get_by_role("button", name="Play", exact=True).click()
    inspect.wait_for_function(f"!({PLAYING})")
    assert frame(inspect) == 130
    inspect.get_by_label("Sound").uncheck()
    inspect.get_by_role("button", name="Play", exact=True).click()
    inspect.wait_for_function(f"{PLAYING} && document.querySelector('#frame input[type=range]').value < 100")


def test_stepping_moves_nothing_on_the_page(inspect):
    def places():
        return inspect.evaluate(
            "[...document.querySelectorAll('#pictures img, #layers, #worst')]"
            ".map(e => JSON.stringify(e.getBoundingClientRect()))"
        )

    before = places()
    for t in (1, 2, 3):
        inspect.keyboard.press("ArrowRight")
        wait_for_frame(inspect, t)
        assert places() == before


def test_a_close_up_shows_other_pictures_of_the_same_frame(inspect):
    whole = pictures(inspect)
    inspect.keyboard.press("Shift+ArrowRight")
    wait_for_frame(inspect, 10)
    inspect.locator("#zoom").get_by_label("Face", exact=True).check()
    inspect.wait_for_function("document.querySelector('.pictures').classList.contains('square')")
    wait_for_frame(inspect, 10)
    assert not set(pictures(inspect)) & set(whole)


def test_a_frame_to_look_at_is_jumped_to_and_comes_into_view(inspect):
    inspect.set_viewport_size({"width": 390, "height": 700})
    inspect.locator("#worst").get_by_text("No frame stands out").wait_for()
    inspect.locator("#below input[type=number]").fill("1")
    inspect.locator("#below input[type=range]").dispatch_event("pointerup")
    inspect.locator("#worst [data-frame]").nth(3).wait_for()
    wanted = inspect.locator("#worst [data-frame]").nth(3)
    wanted.click()
    wait_for_frame(inspect, wanted.get_attribute("data-frame"))
    box = inspect.locator("#pictures").bounding_box()
    assert box["y"] >= 0


def test_a_click_on_a_curve_jumps_and_smoothing_redraws_it(inspect):
    unfold_lab(inspect)
    axis = inspect.locator(".lips .axis")
    box = axis.bounding_box()
    axis.click(position={"x": box["width"] * 65 / 130, "y": 20})
    wait_for_frame_of_lab(inspect, 65)
    curve = inspect.locator(".modes .placed").first
    before = curve.get_attribute("d")
    inspect.locator("#lab input[type=number]").fill("8")
    inspect.wait_for_function(
        "before => document.querySelector('.modes .placed').getAttribute('d') !== before", arg=before
    )
    assert frame(inspect) == 65


def wait_for_frame_of_lab(page, t):
    page.wait_for_function(f"document.querySelector('#lab [data-draw]').dataset.at === '{t}'")
    assert frame(page) == t


def test_another_way_is_applied_to_the_project_and_kept(inspect):
    unfold_lab(inspect)
    inspect.locator("#lab").get_by_label("As in the paper").check()
    inspect.get_by_role("button", name="Apply to the project").click()
    inspect.get_by_text("Applied.").wait_for()
    inspect.locator(".modes section").first.get_by_text("in use").wait_for()
    inspect.reload()
    inspect.get_by_role("button", name="FDA lab").click()
    inspect.locator(".modes section").first.get_by_text("in use").wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_lab_is_no_wider_than_the_window(inspect, width):
    inspect.set_viewport_size({"width": width, "height": 800})
    unfold_lab(inspect)
    assert inspect.evaluate("document.documentElement.scrollWidth") <= width
