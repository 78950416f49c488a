import pickle
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from media_files import SIDE, number_of, turn_on_screen, write_numbered

from apvgen.config import Limits
from apvgen.media import VideoInfo, VideoReader, probe_video, write_video

LIMITS = Limits()
FAST = {"preset": "ultrafast", "bf": "2"}
RATES = [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(30), Fraction(60)]
CONTAINERS = [
    ("film.mp4", "libx264", FAST),
    ("film.mkv", "libx264", {"preset": "veryfast", "b-pyramid": "normal", "bf": "3"}),
    ("open_gop.mp4", "libx264", {"preset": "veryfast", "x264-params": "open-gop=1:bframes=3"}),
    ("film.ts", "libx264", FAST),
    ("film.mpg", "mpeg2video", {"bf": "2", "b": "4M"}),
    ("film.avi", "mpeg4", {"bf": "2", "b": "4M"}),
    ("x264.avi", "libx264", FAST),
    ("film.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good", "cpu-used": "8"}),
    ("film.flv", "flv1", {"b": "4M"}),
    ("film.asf", "mpeg4", {"b": "4M"}),
    ("film.mov", "mjpeg", {"b": "4M", "strict": "unofficial"}),
    ("bare.h264", "libx264", FAST),
]


def numbers(reader, start=0, stop=None):
    return [number_of(frame) for frame in reader.frames(start, stop)]


def steady(path, frames, fps, **how):
    return write_numbered(path, range(frames), 1 / Fraction(fps), **how)


@pytest.mark.parametrize(("name", "codec", "options"), CONTAINERS, ids=[name for name, *_ in CONTAINERS])
def test_every_frame_of_every_container_is_read_once_and_in_order(tmp_path, name, codec, options):
    path = steady(tmp_path / name, 130, 30, codec=codec, options=options)
    reader = VideoReader(path, None, LIMITS)
    assert reader.frame_count == 130
    assert reader.fps == 30
    assert numbers(reader) == list(range(130))


@pytest.mark.parametrize(("name", "codec", "options"), CONTAINERS, ids=[name for name, *_ in CONTAINERS])
def test_a_segment_equals_the_same_part_of_the_whole(tmp_path, name, codec, options):
    reader = VideoReader(steady(tmp_path / name, 130, 30, codec=codec, options=options), Fraction(25), LIMITS)
    whole = list(reader.frames())
    assert len(whole) == reader.frame_count == 108
    for start in (0, 31, 33, 34, 66, 67, 99, 107):
        part = list(reader.frames(start, start + 4))
        assert np.array_equal(part, whole[start : start + 4])
    assert np.array_equal(list(reader.frames(-3)), whole[-3:])
    assert list(reader.frames(50, 50)) == []


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_the_picture_does_not_drift_in_ten_minutes(tmp_path, rate):
    output = Fraction(25)
    source_frames = round(600 * rate)
    reader = VideoReader(steady(tmp_path / "long.mkv", source_frames, rate), output, LIMITS)
    assert reader.frame_count == round(source_frames / rate * output)
    for start in (0, reader.frame_count // 2, reader.frame_count - 60):
        shown = np.array(numbers(reader, start, start + 60))
        due = np.arange(start, start + len(shown)) / output
        late = due - [int(number) / rate for number in shown]
        assert max(abs(late)) < 1 / output
        assert abs(np.mean(late)) < 1 / (4 * output)


def test_a_variable_rate_is_followed_by_its_stamps(tmp_path):
    stamps = [0, 40, 1000, 1040, 1080, 3000, 3033, 3066, 3500]
    reader = VideoReader(write_numbered(tmp_path / "phone.mp4", stamps, Fraction(1, 1000)), Fraction(25), LIMITS)
    shown = numbers(reader)
    expected = [max(i for i, stamp in enumerate(stamps) if stamp <= k * 40 + 20) for k in range(len(shown))]
    assert shown == expected
    assert reader.frame_count == pytest.approx(3500 / 40, abs=2)


def test_time_counts_from_the_first_picture(tmp_path):
    late = write_numbered(tmp_path / "late.mkv", range(500, 530), Fraction(1, 25))
    reader = VideoReader(late, Fraction(25), LIMITS)
    assert numbers(reader) == list(range(30))
    assert reader.info.duration == Fraction(30, 25)


def test_fewer_and_more_frames_than_the_source_has(tmp_path):
    path = steady(tmp_path / "film.mp4", 60, 30)
    assert numbers(VideoReader(path, Fraction(15), LIMITS)) == list(range(0, 60, 2))
    assert numbers(VideoReader(path, Fraction(60), LIMITS)) == [k // 2 for k in range(120)]


def test_frames_that_show_the_same_picture_do_not_share_memory(tmp_path):
    path = write_numbered(tmp_path / "held.mp4", [0, 4], Fraction(1, 25))
    first, second = VideoReader(path, Fraction(25), LIMITS).frames(0, 2)
    first[:] = 255
    assert number_of(second) == 0


def test_a_video_of_one_frame_is_read(tmp_path):
    reader = VideoReader(steady(tmp_path / "one.mp4", 1, 25), Fraction(25), LIMITS)
    assert reader.frame_count == 1
    assert numbers(reader) == [0]


def test_a_reader_may_end_early(tmp_path):
    path = steady(tmp_path / "film.mp4", 50, 25)
    reader = VideoReader(path, Fraction(25), LIMITS, max_frames=20)
    assert reader.frame_count == 20
    assert numbers(reader) == list(range(20))
    assert VideoReader(path, Fraction(25), LIMITS, max_frames=99).frame_count == 50


def _numbers_in_a_worker(reader, start, stop):
    return numbers(reader, start, stop)


def test_a_reader_travels_to_worker_processes(tmp_path):
    reader = VideoReader(steady(tmp_path / "film.mp4", 100, 25), Fraction(25), LIMITS, threads=1)
    usual = VideoReader(reader.path, Fraction(25), LIMITS)
    assert np.array_equal(list(reader.frames(38, 45)), list(usual.frames(38, 45)))
    with ProcessPoolExecutor(2) as pool:
        halves = [pool.submit(_numbers_in_a_worker, reader, start, start + 50) for start in (0, 50)]
        assert [number for half in halves for number in half.result()] == list(range(100))
    assert numbers(pickle.loads(pickle.dumps(reader)), 7, 9) == [7, 8]


def corner_film(path, hw=(48, 64)):
    """Red top left, green top right, blue bottom left, white bottom right."""
    picture = np.full((*hw, 3), 255, np.uint8)
    middle, centre = hw[0] // 2, hw[1] // 2
    picture[:middle, :centre] = (255, 0, 0)
    picture[:middle, centre:] = (0, 255, 0)
    picture[middle:, :centre] = (0, 0, 255)
    return write_video(path, [picture] * 3, Fraction(25)), picture


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_phone_gives_upright_pictures(tmp_path, degrees):
    path, picture = corner_film(tmp_path / "phone.mp4")
    reader = VideoReader(turn_on_screen(path, degrees), Fraction(25), LIMITS)
    upright = np.rot90(picture, -degrees // 90)
    assert reader.hw == reader.info.hw == upright.shape[:2]
    shown = next(reader.frames())
    assert shown.shape == upright.shape
    for y in (6, -6):
        for x in (6, -6):
            assert abs(shown[y, x].astype(int) - upright[y, x]).max() <= 6


def test_large_pictures_are_shrunk_to_even_sides(tmp_path):
    path, _ = corner_film(tmp_path / "wide.mp4", (90, 318))
    reader = VideoReader(path, Fraction(25), LIMITS, max_side=101)
    assert reader.info.hw == (90, 318)
    assert reader.hw == (28, 100)
    assert next(reader.frames()).shape == (28, 100, 3)
    assert VideoReader(path, Fraction(25), LIMITS, max_side=400).hw == (90, 318)


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    path = write_numbered(tmp_path / "dv.mp4", range(3), Fraction(1, 25), pixel_aspect=Fraction(3, 2))
    reader = VideoReader(path, Fraction(25), LIMITS)
    assert reader.hw == (SIDE, SIDE * 3 // 2)
    assert next(reader.frames()).shape == (SIDE, SIDE * 3 // 2, 3)


def test_what_is_said_about_a_video_matches_it(tmp_path):
    silence = np.zeros((1, 8000), np.float32)
    path = steady(tmp_path / "film.mkv", 60, Fraction(30000, 1001), sound=(silence, 8000, 0))
    info = probe_video(path, LIMITS)
    assert info.hw == (SIDE, SIDE)
    assert info.fps == Fraction(30000, 1001)
    assert abs(info.duration - 60 * Fraction(1001, 30000)) < Fraction(1, 1000)
    assert info.has_audio
    assert info.codec == "h264"


@pytest.mark.media
def test_a_real_dance_is_read_whole_and_in_parts(media):
    path = media / "driving" / "dance_576x1024_29fps.mp4"
    reader = VideoReader(path, Fraction(25), LIMITS, max_side=256)
    assert reader.info == VideoInfo((1024, 576), Fraction(29), Fraction(133, 29), False, "h264")
    assert (reader.hw, reader.frame_count) == ((256, 144), 115)
    whole = list(reader.frames())
    assert len(whole) == 115
    for start in (0, 40, 100):
        assert np.array_equal(list(reader.frames(start, start + 15)), whole[start : start + 15])
