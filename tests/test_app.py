"""The studio as a person meets it: `python app.py` in headless Chromium, with the bundled example."""

import re
import shutil
import time

import pytest
import soundfile
from studio_browser import (
    PATIENCE,
    ROOT,
    analyse,
    choose,
    free_port,
    pictures,
    start,
    stop,
    use_example,
    visit,
    wait_for_other_pictures,
)

import app

pytestmark = pytest.mark.browser


def test_from_the_example_to_a_draft_with_sound_and_back_after_a_reload(tab):
    use_example(tab)
    analyse(tab)
    shown = pictures(tab)
    assert len(shown) == 4
    tab.locator("#frame input[type=range]").focus()
    tab.keyboard.press("ArrowRight")
    wait_for_other_pictures(tab, shown)
    tab.get_by_text("0.04 s").wait_for()
    for beside in ("Face from the voice", "Pose frame"):
        tab.get_by_label(beside, exact=True).uncheck()
    tab.wait_for_function("document.querySelectorAll('#pictures img').length === 2")

    tab.get_by_role("button", name="Render", exact=True).click()
    tab.locator("#result video").wait_for()
    tab.get_by_text("not the diffusion result").wait_for()
    playing = tab.locator("#result video").evaluate(
        """async video => {
            await video.play();
            await new Promise(done => setTimeout(done, 700));
            return [video.duration, video.videoWidth, video.videoHeight, video.webkitAudioDecodedByteCount];
        }"""
    )
    assert playing[0] == pytest.approx(5.25, abs=0.1)
    assert playing[1:3] == [512, 768]
    assert playing[3] > 0
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the draft").click()
    assert download.value.suggested_filename == "apvgen-draft.mp4"

    tab.reload()
    tab.get_by_text("motion.npz", exact=True).wait_for()
    tab.locator("#result video").wait_for()
    assert len(pictures(tab)) == 4


def test_a_wrong_file_gets_one_clear_sentence_and_can_be_changed(tab, tmp_path):
    wrong = tmp_path / "holiday.png"
    wrong.write_bytes(b"this is no picture")
    tab.locator("#card-reference input[type=file]").set_input_files(wrong)
    said = tab.locator("#card-reference .bad")
    said.wait_for()
    assert said.inner_text().startswith("holiday.png is not a picture")
    assert said.inner_text().count(".") == 2
    tab.locator("#card-reference").get_by_role("button", name="Change").click()
    tab.locator("#card-reference input[type=file]").set_input_files(app.EXAMPLE / "photo.jpg")
    tab.get_by_text("340 × 510 px").wait_for()
    tab.get_by_role("button", name="Analyse").click()
    refused = tab.get_by_text("No motion and no voice was chosen yet")
    refused.wait_for()
    tab.get_by_role("button", name="Use the bundled example").click()
    refused.wait_for(state="detached")


def test_other_files_than_those_of_the_open_project_are_told_from_it(tab, tmp_path):
    use_example(tab)
    analyse(tab)
    earlier = tab.get_by_text("earlier files: photo.jpg, motion.npz, voice.wav")
    assert earlier.count() == 0
    shutil.copy(app.EXAMPLE / "photo.jpg", tmp_path / "other.jpg")
    with (tmp_path / "other.jpg").open("ab") as file:
        file.write(b"1")
    tab.locator("#card-reference").get_by_role("button", name="Change").click()
    tab.locator("#card-reference input[type=file]").set_input_files(tmp_path / "other.jpg")
    tab.get_by_text("other.jpg", exact=True).wait_for()
    tab.wait_for_function("document.body.innerText.split('earlier files: photo.jpg, motion.npz').length === 3")
    assert tab.locator("#render").get_by_text("This renders the earlier files").is_visible()
    tab.get_by_role("button", name="Use the bundled example").click()
    earlier.first.wait_for(state="hidden")
    tab.wait_for_function("!document.body.innerText.includes('earlier files')")


def test_options_that_differ_from_the_defaults_are_counted_on_the_closed_drawer(tab):
    tab.get_by_role("button", name="Options").click()
    choose(tab, "Size of the result", "320 × 512 px")
    choose(tab, "Frames a second", "30")
    tab.get_by_role("button", name="Options, 2 changed").wait_for()
    choose(tab, "Frames a second", "25")
    tab.get_by_role("button", name="Options, 1 changed").wait_for()


def test_a_render_can_be_stopped_and_started_again(tab):
    use_example(tab)
    analyse(tab)
    tab.get_by_role("button", name="Render", exact=True).click()
    tab.get_by_text(re.compile("Drawing the draft: frame")).wait_for()
    began = time.monotonic()
    tab.locator("#render").get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped. Nothing unfinished was kept.").wait_for()
    assert time.monotonic() - began < PATIENCE / 1000 / 2
    assert tab.locator("#result video").count() == 0
    assert tab.get_by_role("button", name="Render", exact=True).is_enabled()


def test_a_checkpoint_of_this_machine_renders_in_the_studio_and_can_be_stopped(tab, tmp_path):
    samples, rate = soundfile.read(app.EXAMPLE / "voice.wav")
    soundfile.write(tmp_path / "short.wav", samples[: int(0.2 * rate)], rate)
    use_example(tab)
    tab.locator("#card-voice").get_by_role("button", name="Change").click()
    tab.locator("#card-voice input[type=file]").set_input_files(tmp_path / "short.wav")
    tab.get_by_text("short.wav", exact=True).wait_for()
    tab.get_by_role("button", name="Options").click()
    choose(tab, "Size of the result", "320 × 512 px")
    analyse(tab)
    choose(tab, "Renderer", "Diffusion: tiny")
    choose(tab, "Quality", "fast")
    render = tab.get_by_role("button", name="Render", exact=True)
    render.click()
    tab.get_by_text(re.compile("Denoising: pass")).wait_for()
    tab.locator("#render").get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped. Nothing unfinished was kept.").wait_for()
    render.click()
    tab.locator("#result video").wait_for()
    tab.get_by_text("Diffusion result").first.wait_for()
    size = tab.locator("#result video").evaluate("video => [video.videoWidth, video.videoHeight]")
    assert size == [320, 512]


def test_a_tab_left_open_while_the_program_is_started_again_renders(browser, tmp_path):
    port = free_port()
    with (tmp_path / "log").open("w") as log:
        server, address = start(tmp_path, port, log)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        try:
            visit(page, address)
            use_example(page)
            analyse(page)
            page.locator("#report li").first.wait_for()
            page.route("**/app_id", lambda route: route.abort())  # a page that was at work would load itself anew
            stop(server)
            server, _ = start(tmp_path, port, log)
            page.get_by_role("button", name="Render", exact=True).click()
            page.locator("#result video").wait_for()
        finally:
            page.close()
            stop(server)


def test_two_tabs_keep_their_own_projects(tab, address):
    use_example(tab)
    analyse(tab)
    first = tab.evaluate("sessionStorage.getItem('apvgen.open')")
    other = tab.context.new_page()
    visit(other, address)
    other.get_by_text("motion.npz", exact=True).wait_for()
    analyse(other)
    other.wait_for_function("before => sessionStorage.getItem('apvgen.open') !== before", arg=first)
    tab.reload()
    tab.get_by_text("motion.npz", exact=True).wait_for()
    tab.wait_for_timeout(500)
    assert tab.evaluate("sessionStorage.getItem('apvgen.open')") == first


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_window(tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    use_example(tab)
    analyse(tab)
    tab.get_by_role("button", name="Options").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_no_layout_jumps_while_the_three_files_are_filled_in(tab):
    def place():
        return tab.get_by_role("button", name="Analyse").bounding_box()["y"]

    empty = place()
    use_example(tab)
    assert place() == empty


def test_projects_and_system_files_are_not_served(tab, address):
    use_example(tab)
    analyse(tab)
    for path in ("/etc/passwd", str(ROOT / "app.py"), str(ROOT / "assets" / "voice")):
        assert tab.request.get(f"{address}/gradio_api/file={path}").status == 403
