"""`python app.py` in headless Chromium: the fixtures and gestures of the browser tests (see conftest.py)."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from tiny_checkpoint import make_tiny_checkpoint

ROOT = Path(__file__).resolve().parents[1]
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
)
LEAVING = (
    "AbortError: signal is aborted",
    "Unexpected error Connection errored out",
    "Unexpected error 404: Not Found",
)
"""What gradio's page complains about when it is left while it waits for an answer: it asks on for a stream that is
closed. A file that is not there reads otherwise ("Failed to load resource")."""
PATIENCE = 90_000
"""ms; a busy machine of two cores loads the models in it many times over."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder, port, log):
    command = [sys.executable, "app.py", "--port", str(port), "--projects", str(folder / "projects")]
    make_tiny_checkpoint(folder / "checkpoints" / "tiny")
    own = {
        "GRADIO_TEMP_DIR": folder / "uploads",
        "XDG_CACHE_HOME": folder / "cache",
        "APVGEN_CHECKPOINTS": folder / "checkpoints",
    }
    environment = {**os.environ, **{name: str(place) for name, place in own.items()}}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return server, address
        except OSError:
            time.sleep(0.2)
    server.kill()
    raise AssertionError(f"the studio did not start: {Path(log.name).read_text()}")


def stop(server):
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    with (folder / "log").open("w") as log:
        server, address = start(folder, free_port(), log)
        yield address
        stop(server)


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("NOT CHECKED: no chromium on this machine, so the studio's page is unproved here")
    sync_api = pytest.importorskip("playwright.sync_api", reason="NOT CHECKED: playwright is absent")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(browser, address):
    """An open page; afterwards nothing may have been complained about or fetched from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    complaints, elsewhere = [], []
    context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("request", lambda sent: elsewhere.append(sent.url) if is_elsewhere(sent.url, address) else None)
    page = context.new_page()
    visit(page, address)
    yield page
    context.close()
    assert not [said for said in complaints if not any(words in said for words in LEAVING)], complaints
    assert not elsewhere, elsewhere


def is_elsewhere(url, address):
    return not url.startswith((address, "data:", "blob:"))


def visit(page, address):
    page.goto(address)
    page.get_by_role("button", name="Analyse").wait_for()
    page.wait_for_function("document.querySelectorAll('#pictures .shot').length > 0")


def use_example(page):
    page.get_by_role("button", name="Use the bundled example").click()
    for name in ("photo.jpg", "motion.npz", "voice.wav"):
        page.get_by_text(name, exact=True).wait_for()


def analyse(page):
    page.get_by_role("button", name="Analyse").click()
    page.get_by_text("Done in").first.wait_for()
    page.locator("#findings").get_by_text("in 100 % of the frames").first.wait_for()


def pictures(page):
    return page.locator("#pictures img").evaluate_all("images => images.map(image => image.src)")


def wait_for_other_pictures(page, before):
    page.wait_for_function(
        "before => document.querySelector('#pictures img')?.src !== before", arg=before[0] if before else None
    )


def choose(page, label, option):
    page.get_by_label(label).click()
    page.get_by_role("option", name=re.compile("^" + re.escape(option))).click()
