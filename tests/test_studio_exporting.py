import zipfile
from fractions import Fraction
from typing import get_args

import pytest

from apvgen import exchange
from apvgen.errors import InputError, ProjectError
from apvgen.exchange import Reading
from apvgen.exchange.export import Format, Source
from apvgen.studio import exporting


def test_every_format_is_offered():
    assert {value for _, value in exporting.FORMATS} == set(get_args(Format))
    assert {value for _, value in exporting.SOURCES} == set(get_args(Source))


@pytest.mark.parametrize("form", ["openpose", "echomimic"])
def test_an_export_comes_with_its_photo_and_can_be_uploaded_again(studio, opened, form):
    place, text = exporting.make(studio, opened, form, "drawn")
    assert place.is_relative_to(studio.uploads)
    assert "12 poses" in text
    with zipfile.ZipFile(place) as archive:
        names = archive.namelist()
    assert "pose-photo.png" in names
    assert len([name for name in names if name.startswith("pose/")]) == 12
    assert len(exchange.read_motion(place, Reading(default_fps=Fraction(25)))) == 12


def test_a_video_is_packed_with_its_photo(studio, opened):
    place, text = exporting.make(studio, opened, "wan-s2v", "drawn")
    with zipfile.ZipFile(place) as archive:
        assert archive.namelist() == ["pose-photo.png", "pose.mp4"]
    assert "16 a second" in text


def test_without_a_project_there_is_nothing_to_export(studio):
    with pytest.raises(InputError, match="analyse first"):
        exporting.make(studio, "", "openpose", "drawn")
    button, status = exporting.exported(studio, "", "openpose", "drawn")
    assert "analyse first" in status
    assert not button.interactive
    with pytest.raises(ProjectError):
        exporting.make(studio, "../../etc", "openpose", "drawn")
