"""Correcting a frame in the browser: the pose changes, is undone, and is still there after a reload."""

import pytest
from studio_browser import analyse, pictures, use_example

pytestmark = pytest.mark.browser

WRIST = """document.querySelector('#editor circle[data-part="body"][data-point="4"]')"""
SPEC = "document.querySelector('#editor .editor').dataset.spec"
"""What the editor shows; every change to the project changes it."""
PLACED = f"place => ['cx', 'cy'].every((name, k) => Number({WRIST}.getAttribute(name)) === Number(place[k]))"
TURN = "() => new Promise(done => setTimeout(done, 60))"
TURNS = 12
"""Of the page's clock, as the editor counts them: it would have asked by then."""


@pytest.fixture
def editor(tab):
    """The page with the bundled example analysed and the editor unfolded."""
    use_example(tab)
    analyse(tab)
    unfold(tab)
    return tab


def unfold(page):
    page.get_by_text("Adjust: drag points").click()
    page.locator("#editor circle").first.wait_for()


def wrist(page):
    return page.locator('#editor circle[data-part="body"][data-point="4"]')


def centre(locator):
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, locator, right, down):
    x, y = centre(locator)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()


def place(locator):
    return [float(locator.get_attribute(name)) for name in ("cx", "cy")]


def test_a_dragged_point_changes_the_pose_is_undone_and_survives_a_reload(editor):
    start, shown = place(wrist(editor)), pictures(editor)
    drag(editor, wrist(editor), 40, -60)
    editor.get_by_text("Right wrist moved to").wait_for()
    moved = place(wrist(editor))
    assert moved[0] > start[0] + 20
    assert moved[1] < start[1] - 30
    editor.wait_for_function("before => document.querySelectorAll('#pictures img')[2].src !== before", arg=shown[2])
    editor.reload()
    unfold(editor)
    assert place(wrist(editor)) == moved
    editor.locator("#adjust").get_by_role("button", name="Undo").click()
    editor.get_by_text("As analysed.").wait_for()
    assert place(wrist(editor)) == start


def test_keys_undo_and_redo_one_step_each_also_from_the_frame_field(editor):
    places = [place(wrist(editor))]
    for right in (20, 25, 30):
        before = editor.evaluate(SPEC)
        drag(editor, wrist(editor), right, -10)
        editor.wait_for_function(f"before => {SPEC} !== before", arg=before)
        places.append(place(wrist(editor)))
    for keys, step in ((("Control+z",) * 3, 0), (("Control+Shift+z", "Control+y"), 2)):
        for key in keys:
            editor.keyboard.press(key)
        wait_for_place(editor, places[step])
    field = editor.locator("#frame input[type=number]")
    field.fill("0")
    field.press("Control+z")
    wait_for_place(editor, places[1])
    assert field.input_value() == "0"
    typed = editor.get_by_label("Frames around it, to either side")
    typed.press_sequentially("7")
    typed.press("Control+z")
    typed.blur()
    for _ in range(TURNS):
        editor.evaluate(TURN)
    assert place(wrist(editor)) == places[1]


def wait_for_place(page, wanted):
    page.wait_for_function(PLACED, arg=[str(value) for value in wanted])


def is_asked_for_a_frame(request):
    return "component_server" in request.url and request.post_data_json.get("fn_name") == "editor_frame"


def count_asked(page, answer=None):
    """What the editor asks from now on; `answer`, JSON, in place of the studio's."""
    asked = []

    def see(route):
        if not is_asked_for_a_frame(route.request):
            return route.continue_()
        asked.append(route.request.post_data_json["data"])
        return route.continue_() if answer is None else route.fulfill(body=answer, content_type="application/json")

    page.route("**/component_server/**", see)
    return asked


def test_without_a_project_the_editor_says_what_it_is_for_and_asks_nothing(tab):
    asked = count_asked(tab)
    tab.get_by_text("Adjust: drag points").click()
    tab.get_by_text("the points of every frame can be dragged here").wait_for()
    for _ in range(TURNS):
        tab.evaluate(TURN)
    assert not asked


def test_an_error_is_said_in_the_editor_and_not_asked_for_again(editor):
    asked = count_asked(editor, '{"error": "That frame is damaged."}')
    editor.keyboard.press("ArrowRight")
    editor.locator("#editor").get_by_text("That frame is damaged.").wait_for()
    for _ in range(TURNS):
        editor.evaluate(TURN)
    assert [one["t"] for one in asked] == [1]
    editor.unroute_all()
    editor.keyboard.press("ArrowRight")
    editor.locator('#editor .editor[data-at="2"] circle').first.wait_for()


def test_a_studio_that_does_not_answer_is_asked_less_and_less(editor):
    asked = count_asked(editor, "null")
    with editor.expect_request(is_asked_for_a_frame):
        editor.keyboard.press("ArrowRight")
    for _ in range(TURNS):
        editor.evaluate(TURN)
    assert len(asked) < TURNS / 2
    editor.unroute_all()
    editor.locator('#editor .editor[data-at="1"] circle').first.wait_for()


def test_the_editor_follows_the_frame_slider(editor):
    editor.locator("#frame input[type=range]").focus()
    for _ in range(3):
        editor.keyboard.press("ArrowRight")
    editor.locator('#editor .editor[data-at="3"]').wait_for()
    drag(editor, wrist(editor), 25, 0)
    editor.get_by_text("px in frame 3").wait_for()


def test_what_is_typed_after_a_frame_number_stays(editor):
    editor.locator("#adjust").get_by_text("Face: size, place, rotation").click()
    frame = editor.locator("#frame input[type=number]")
    frame.fill("60")
    frame.press("Enter")
    editor.locator('#editor .editor[data-at="60"]').wait_for()
    width = editor.get_by_label("number input for Width, % of the fitted face")
    width.fill("150")
    width.press("Enter")
    editor.wait_for_timeout(1000)  # an answer that overwrote it would be here by now
    assert width.input_value() == "150"
    editor.locator("#adjust").get_by_role("button", name="Use in these frames").click()
    editor.get_by_text("Face changed in frame 60.").wait_for()


def test_a_key_frame_of_the_face_can_be_set(editor):
    shown = pictures(editor)
    editor.locator("#adjust").get_by_text("Face: size, place, rotation").click()
    editor.get_by_label("number input for Width, % of the fitted face").fill("150")
    editor.keyboard.press("Tab")
    editor.locator("#adjust").get_by_role("button", name="Set key frame").click()
    editor.get_by_text("Key frame of the face at 0.").wait_for()
    editor.wait_for_function("before => document.querySelectorAll('#pictures img')[2].src !== before", arg=shown[2])
