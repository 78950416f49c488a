"""Looking at frames in the browser: keys, playing, jumping, and the curves of the lab."""

import pytest
from studio_browser import PATIENCE, analyse, pictures, use_example, visit, wait_for_other_pictures

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
    assert play_button(inspect) == "Pause"
    inspect.keyboard.press(" ")
    stopped = frame(inspect)
    wait_for_frame(inspect, stopped)
    inspect.wait_for_timeout(300)
    assert frame(inspect) == stopped


def play_button(page):
    """What it says, in accordance with whether it is pressed."""
    said, pressed = page.locator("[data-do=play]").evaluate("b => [b.textContent, b.getAttribute('aria-pressed')]")
    assert (said, pressed) in (("Play", "false"), ("Pause", "true"))
    return said


def test_the_play_button_says_what_it_does_however_playing_ends(inspect):
    button = inspect.locator("[data-do=play]")
    button.click()
    inspect.wait_for_function(PLAYING)
    assert play_button(inspect) == "Pause"
    for _ in range(3):  # a voice that is stopped before it begins is nothing to complain about
        inspect.keyboard.press(" ")
        inspect.keyboard.press(" ")
    inspect.locator("#frame input[type=range]").click(position={"x": 200, "y": 2})
    inspect.wait_for_function(f"!({PLAYING})")
    assert play_button(inspect) == "Play"
    inspect.locator("#frame input[type=number]").fill("128")
    wait_for_frame(inspect, 128)
    button.click()
    inspect.wait_for_function(f"!({PLAYING}) && document.querySelector('#frame input[type=range]').value === '130'")
    assert play_button(inspect) == "Play"


@pytest.mark.parametrize(("typed", "becomes"), [("-3", 0), ("12.5", 13), ("", 5), ("999", 130), ("007", 7)])
def test_what_is_typed_as_a_frame_becomes_the_nearest_one_without_a_complaint(inspect, typed, becomes):
    field = inspect.locator("#frame input[type=number]")
    field.fill("5")
    wait_for_frame(inspect, 5)
    field.press("Control+a")
    field.press("Delete")
    field.press_sequentially(typed)
    field.press("Enter")
    wait_for_frame(inspect, becomes)
    assert field.input_value() == str(becomes)
    inspect.keyboard.press("ArrowLeft")  # the field is left, and keys step again
    wait_for_frame(inspect, max(becomes - 1, 0))
    assert inspect.locator(".toast-body").count() == 0


TYPED = """
async () => {
  const [slider, field] = ["range", "number"].map((type) => document.querySelector(`#frame input[type=${type}]`));
  const told = [];
  const seen = [];
  slider.addEventListener("input", () => told.push(slider.value));
  field.addEventListener("input", () => seen.push(field.value));
  for (const text of ["1", "12", "", "128"]) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const shown = [slider.value, ...told];
  const end = performance.now() + 10000;
  while (told.length === 0 && performance.now() < end) await new Promise(requestAnimationFrame);
  return [shown, told, seen, field.value];
}
"""


def test_gradio_hears_of_a_typed_frame_only_when_typing_pauses(inspect):
    """It writes its own number into the field while an answer comes, which would be in the middle of typing."""
    assert inspect.evaluate(TYPED) == [["128"], ["128"], [], "128"]
    wait_for_frame(inspect, 128)


def test_the_browsers_own_undo_moves_no_frame(inspect):
    field = inspect.locator("#frame input[type=number]")
    field.click()
    field.press("Control+a")
    field.press_sequentially("42")
    wait_for_frame(inspect, 42)
    field.press("Control+z")
    field.press("Tab")
    assert (frame(inspect), field.input_value()) == (42, "42")


def test_every_chosen_layer_shows_a_tick(inspect):
    boxes = inspect.locator("#layers input")
    for box in boxes.all():
        box.check()
    ticks = boxes.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundImage)")
    assert len(ticks) == 6
    assert all(tick.startswith("url(") for tick in ticks)


def test_playing_ends_at_the_last_frame_and_begins_again(inspect):
    inspect.locator("#frame input[type=number]").fill("120")
    wait_for_frame(inspect, 120)
    inspect.get_by_role("button", name="Play", exact=True).click()
    inspect.wait_for_function(f"!({PLAYING})")
    assert frame(inspect) == 130
    inspect.get_by_label("Sound").uncheck()
    inspect.get_by_role("button", name="Play", exact=True).click()
    inspect.wait_for_function(f"{PLAYING} && document.querySelector('#frame input[type=range]').value < 100")


def test_a_voice_that_has_ended_does_not_end_playing_without_sound(inspect):
    inspect.evaluate("voice = document.querySelector('.transport audio')")
    inspect.wait_for_function("voice.duration > 0")
    inspect.evaluate("voice.currentTime = voice.duration - 0.1")
    inspect.evaluate("voice.play()")
    inspect.wait_for_function("voice.ended")
    inspect.get_by_label("Sound").uncheck()
    inspect.get_by_role("button", name="Play", exact=True).click()
    inspect.wait_for_function("document.querySelector('#frame input[type=range]').value > 5")
    assert inspect.evaluate(PLAYING)


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


@pytest.mark.parametrize("width", [390, 1280])
def test_zooming_and_hiding_pictures_moves_nothing_below_them(inspect, width):
    def below():
        return inspect.locator("#layers").evaluate("e => e.getBoundingClientRect().top + scrollY")

    inspect.set_viewport_size({"width": width, "height": 900})
    before = below()
    for zoom in ("Face", "Left hand", "All"):
        shown = pictures(inspect)
        inspect.locator("#zoom").get_by_label(zoom, exact=True).check()
        wait_for_other_pictures(inspect, shown)
        assert below() == before
    for left, name in ((3, "Pose frame"), (2, "Pose on the photo"), (1, "Face from the voice")):
        inspect.get_by_label(name, exact=True).uncheck()
        inspect.wait_for_function(f"document.querySelectorAll('#pictures img').length === {left}")
        assert below() == before
    while inspect.locator("#layers input:checked").count():
        inspect.locator("#layers input:checked").first.uncheck()
    inspect.get_by_text("Everything is switched off").wait_for()
    assert below() == before


def test_a_close_up_shows_other_pictures_of_the_same_frame(inspect):
    whole = pictures(inspect)
    inspect.keyboard.press("Shift+ArrowRight")
    wait_for_frame(inspect, 10)
    inspect.locator("#zoom").get_by_label("Face", exact=True).check()
    wait_for_other_pictures(inspect, whole)
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
    inspect.wait_for_function("document.querySelector('.transport').getBoundingClientRect().top >= 0")
    assert inspect.locator("#pictures").bounding_box()["y"] < 300


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
