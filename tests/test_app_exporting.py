"""Poses leave the studio for another tool."""

import zipfile

import pytest
from studio_browser import analyse, use_example

pytestmark = pytest.mark.browser


def test_an_export_is_one_download_and_goes_away_with_its_project(tab):
    assert tab.get_by_role("button", name="Export", exact=True).is_disabled()
    use_example(tab)
    analyse(tab)
    tab.locator("#export-format input").click()
    tab.get_by_role("option", name="OpenPose, 25 body points").click()
    tab.get_by_role("button", name="Export", exact=True).click()
    tab.get_by_text("131 poses, 25 a second and the photo").wait_for()
    with tab.expect_download() as download:
        tab.locator("#exported").click()
    assert download.value.suggested_filename == "openpose.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 132
    analyse(tab)
    tab.get_by_text("131 poses, 25 a second and the photo").wait_for(state="detached")
