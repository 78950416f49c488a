import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest

from apvgen.config import Limits
from apvgen.errors import MediaError, OutputError
from apvgen.media import VideoReader, probe_video, read_audio, read_metadata, write_video
from apvgen.media.writer import remove_abandoned
from apvgen.types import Audio

LIMITS = Limits()
COLOURS = np.uint8(
    [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 150, 120), (30, 60, 200)]
)


def colour_card(height=96, patch=32):
    return np.repeat(np.repeat(COLOURS[None], height, 0), patch, 1)


def noise(frames, hw=(64, 96)):
    rng = np.random.default_rng(0)
    for _ in range(frames):
        yield rng.integers(0, 255, (*hw, 3), np.uint8)


def hum(seconds, rate=48000, channels=1):
    tone = 0.3 * np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 200 / rate)
    return Audio(np.tile(tone.astype(np.float32), (channels, 1)), rate)


@pytest.mark.parametrize("hw", [(96, 256), (720, 1280)], ids=["small", "hd"])
def test_written_colours_come_back(tmp_path, hw):
    card = colour_card(hw[0], hw[1] // len(COLOURS))
    path = write_video(tmp_path / "card.mp4", [card] * 3, Fraction(25))
    shown = list(VideoReader(path, Fraction(25), LIMITS).frames())[1]
    middles = (np.arange(len(COLOURS)) + 0.5) * hw[1] / len(COLOURS)
    assert abs(shown[hw[0] // 2, middles.astype(int)].astype(int) - COLOURS).max() <= 4


@pytest.mark.parametrize("matrix", ["ITU601", "ITU709", "BT2020"])
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_of_any_tagged_matrix_and_range_are_read_right(tmp_path, matrix, full_range):
    tag = {"ITU601": 6, "ITU709": 1, "BT2020": 9}[matrix]
    path, spread = tmp_path / "card.mp4", 2 if full_range else 1
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = 256, 96, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tag, spread
        frame = av.VideoFrame.from_ndarray(colour_card(), "rgb24")
        coded = frame.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=spread)
        container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    shown = next(VideoReader(path, None, LIMITS).frames())
    assert abs(shown[48, 16::32].astype(int) - COLOURS).max() <= 4


def test_what_is_written_plays_in_a_browser(tmp_path):
    path = write_video(tmp_path / "film.mp4", noise(60), Fraction(30000, 1001), hum(2, 16000))
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        coded = video.codec_context
        assert (video.codec.canonical_name, coded.pix_fmt, video.average_rate) == (
            "h264",
            "yuv420p",
            Fraction(30000, 1001),
        )
        assert (coded.colorspace, coded.color_primaries, coded.color_trc, coded.color_range) == (1, 1, 1, 1)
        assert (sound.codec.canonical_name, sound.rate) == ("aac", 48000)
    data = path.read_bytes()
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"mdat")


def test_sound_and_picture_lie_next_to_each_other_in_the_file(tmp_path):
    path = write_video(tmp_path / "film.mp4", noise(250), Fraction(25), hum(10))
    ahead = {"video": 0.0, "audio": 0.0}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.dts is None:
                continue
            ahead[packet.stream.type] = float(packet.dts * packet.time_base)
            assert abs(ahead["video"] - ahead["audio"]) < 1.5


@pytest.mark.parametrize(
    "fps", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(7, 3)]
)
def test_frame_rates_are_kept_exactly(tmp_path, fps):
    path = write_video(tmp_path / "film.mp4", noise(40, (16, 16)), fps)
    info = probe_video(path, LIMITS)
    assert info.fps == fps
    assert info.duration == 40 / fps
    assert VideoReader(path, None, LIMITS).frame_count == 40


def test_a_rate_given_as_a_float_is_taken_as_meant(tmp_path):
    assert probe_video(write_video(tmp_path / "film.mp4", noise(9), 29.97), LIMITS).fps == Fraction(2997, 100)
    with nothing_is_left(tmp_path, ["film.mp4"]), pytest.raises(ValueError, match="positive rate"):
        write_video(tmp_path / "other.mp4", noise(9), 0)


@pytest.mark.parametrize("seconds", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_gets_the_length_of_the_picture(tmp_path, seconds, channels):
    path = write_video(tmp_path / "film.mp4", noise(50), Fraction(25), hum(seconds, channels=channels))
    audio = read_audio(path, LIMITS)
    assert len(audio.samples) == channels
    assert float(audio.duration) == pytest.approx(2, abs=0.022)
    loudness = [np.sqrt((part**2).mean()) for part in np.array_split(audio.samples[0, :96000], 20)]
    heard = np.array(loudness) > 0.1
    assert heard.sum() == round(min(seconds, 2) * 10)
    assert heard[: heard.sum()].all()


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 32000, 44100, 96000])
def test_sound_of_any_rate_keeps_its_pitch_and_place(tmp_path, rate):
    path = write_video(tmp_path / "film.mp4", noise(50), Fraction(25), hum(2, rate))
    audio = read_audio(path, LIMITS)
    middle = audio.samples[0, audio.rate // 2 : audio.rate]
    due = hum(2, audio.rate).samples[0, audio.rate // 2 : audio.rate]
    assert abs(middle - due).max() < 0.02


@pytest.mark.parametrize("hw", [(65, 97), (64, 97), (1, 1)])
def test_odd_sides_grow_by_a_repeated_row_or_column(tmp_path, hw):
    picture = np.full((*hw, 3), 90, np.uint8)
    reader = VideoReader(write_video(tmp_path / "odd.mp4", [picture] * 2, Fraction(25)), None, LIMITS)
    assert reader.hw == (hw[0] + hw[0] % 2, hw[1] + hw[1] % 2)
    assert abs(next(reader.frames()).astype(int) - 90).max() <= 3


def test_pictures_that_are_views_are_written_as_they_look(tmp_path):
    card = colour_card()
    path = write_video(tmp_path / "card.mp4", [np.asfortranarray(card)[:, ::-1]] * 2, Fraction(25))
    shown = next(VideoReader(path, None, LIMITS).frames())
    assert abs(shown[48, 16::32].astype(int) - COLOURS[::-1]).max() <= 4


@pytest.mark.parametrize(
    "values", [{}, {"name": "Zoë \u0000 \U0001f600", "fps": [25, 1], "deep": {"a": None}}, {"x": "y" * 200_000}]
)
def test_metadata_comes_back(tmp_path, values):
    path = write_video(tmp_path / "film.mp4", noise(2), Fraction(25), metadata=values)
    assert read_metadata(path) == values


@pytest.mark.parametrize("comment", ["a holiday film", "[1, 2]", ""])
def test_a_comment_of_another_program_is_no_metadata(tmp_path, comment):
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 16
        container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        container.mux(stream.encode(None))
    assert read_metadata(path) == {}


def test_metadata_of_something_that_is_no_media_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("once upon a time")
    with pytest.raises(MediaError, match="cannot be read"):
        read_metadata(tmp_path / "text.mp4")


@contextmanager
def nothing_is_left(folder, names=()):
    yield
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def break_after(frames, error):
    yield from noise(frames)
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), RuntimeError("model"), MediaError("input")])
def test_an_interruption_leaves_nothing_and_is_not_hidden(tmp_path, error):
    with nothing_is_left(tmp_path), pytest.raises(type(error)):
        write_video(tmp_path / "film.mp4", break_after(30, error), Fraction(25), hum(1))


def test_a_failed_run_keeps_the_earlier_result(tmp_path):
    path = write_video(tmp_path / "film.mp4", noise(5), Fraction(25))
    before = path.read_bytes()
    with nothing_is_left(tmp_path, ["film.mp4"]), pytest.raises(RuntimeError):
        write_video(path, break_after(30, RuntimeError()), Fraction(25))
    assert path.read_bytes() == before
    write_video(path, noise(9), Fraction(25))
    assert VideoReader(path, None, LIMITS).frame_count == 9


@contextmanager
def files_no_larger_than(size):
    """The system refuses to write beyond this, as it does on a full disk."""
    resource = pytest.importorskip("resource")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.99])
def test_a_disk_that_fills_up_is_reported_and_nothing_is_left(tmp_path, share):
    whole = write_video(tmp_path / "film.mp4", noise(60), Fraction(25), hum(2)).stat().st_size
    (tmp_path / "film.mp4").unlink()
    with (
        nothing_is_left(tmp_path),
        files_no_larger_than(int(whole * share)),
        pytest.raises(OutputError, match="cannot be written"),
    ):
        write_video(tmp_path / "film.mp4", noise(60), Fraction(25), hum(2))


def test_a_full_disk_is_named_as_such(tmp_path, monkeypatch):
    def full(self, packets):
        raise av.error.OSError(28, "No space left on device")

    monkeypatch.setattr("apvgen.media.encoder.Mp4Encoder.add", full)
    with nothing_is_left(tmp_path), pytest.raises(OutputError, match=r"No space left on device.*free space"):
        write_video(tmp_path / "film.mp4", noise(3), Fraction(25))


def test_a_folder_that_cannot_be_written_is_reported_before_any_work(tmp_path):
    def never():
        pytest.fail("frames were made for nothing")
        yield

    (tmp_path / "file").touch()
    (tmp_path / "taken.mp4").mkdir()
    with nothing_is_left(tmp_path, ["file", "taken.mp4"]), pytest.raises(OutputError, match="check the folder"):
        write_video(tmp_path / "file" / "film.mp4", never(), Fraction(25))
    with nothing_is_left(tmp_path, ["file", "taken.mp4"]), pytest.raises(OutputError, match="is a folder"):
        write_video(tmp_path / "taken.mp4", noise(2), Fraction(25))


def test_folders_are_made_where_they_are_missing(tmp_path):
    path = write_video(tmp_path / "new" / "deep" / "film.mp4", noise(2), Fraction(25))
    assert probe_video(path, LIMITS).hw == (64, 96)


def test_another_ending_than_mp4_is_refused(tmp_path):
    with nothing_is_left(tmp_path), pytest.raises(OutputError, match=r"end in \.mp4"):
        write_video(tmp_path / "film.avi", noise(2), Fraction(25))


def test_nothing_to_write_is_an_error(tmp_path):
    with nothing_is_left(tmp_path), pytest.raises(OutputError, match="no frames"):
        write_video(tmp_path / "film.mp4", [], Fraction(25))


def test_frames_of_the_wrong_form_are_refused(tmp_path):
    good = np.zeros((16, 16, 3), np.uint8)
    for bad in (np.zeros((16, 18, 3), np.uint8), good.astype(np.float32), np.zeros((16, 16, 4), np.uint8)):
        with nothing_is_left(tmp_path), pytest.raises(ValueError, match=r"frame 1 must be uint8 \[16, 16, 3\]"):
            write_video(tmp_path / "film.mp4", [good, bad], Fraction(25))


def test_sound_and_metadata_of_the_wrong_form_are_refused(tmp_path):
    bad = hum(1)
    bad.samples[0, 5] = np.nan
    with nothing_is_left(tmp_path), pytest.raises(ValueError, match="no numbers"):
        write_video(tmp_path / "film.mp4", noise(2), Fraction(25), bad)
    with nothing_is_left(tmp_path), pytest.raises(ValueError, match="1 or 2 channels, not 6"):
        write_video(tmp_path / "film.mp4", noise(2), Fraction(25), hum(1, channels=6))
    with nothing_is_left(tmp_path), pytest.raises(TypeError):
        write_video(tmp_path / "film.mp4", noise(2), Fraction(25), metadata={"a": object()})


def test_a_result_may_be_read_by_whom_the_system_lets(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    path = write_video(tmp_path / "film.mp4", noise(2), Fraction(25))
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_frames_are_encoded_as_they_come(tmp_path):
    made = []

    def frames():
        for frame in noise(300, (128, 128)):
            made.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
            yield frame

    write_video(tmp_path / "film.mp4", frames(), Fraction(25))
    assert made[-1] > made[0]
    assert made[150] > 0


@pytest.mark.media
def test_a_real_film_is_written_and_read_back(media, tmp_path):
    source = VideoReader(media / "talking" / "speech_pair_30fps.mp4", Fraction(25), LIMITS, max_side=400)
    sound = read_audio(media / "talking" / "speech_pair_30fps.mp4", LIMITS)
    assert (source.info.hw, source.info.fps, source.frame_count, sound.rate) == ((516, 1030), 30, 194, 16000)
    path = write_video(tmp_path / "copy.mp4", source.frames(0, 50), Fraction(25), sound)
    copy = VideoReader(path, None, LIMITS)
    error = np.mean([(a.astype(float) - b) ** 2 for a, b in zip(source.frames(0, 50), copy.frames(), strict=True)])
    assert 10 * np.log10(255**2 / error) > 36
    heard = read_audio(path, LIMITS, 16000).samples[0, :32000]
    assert np.corrcoef(heard, sound.samples[0, :32000])[0, 1] > 0.99


def test_what_a_killed_program_left_is_removed_and_a_running_ones_stays(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    running, own, finished = os.getppid(), os.getpid(), tmp_path / "draft.mp4"
    left = [f".draft.mp4.{name}.partial" for name in ("0123abcd", f"{killed.pid}-0123abcd", f"{own}-0123abcd")]
    kept = [f".draft.mp4.{running}-0123abcd.partial", ".other.partial", finished.name]
    for name in (*left, *kept):
        (tmp_path / name).touch()
    assert remove_abandoned(tmp_path) == 3
    assert {path.name for path in tmp_path.iterdir()} == set(kept)
    assert remove_abandoned(tmp_path) == 0


def test_an_unfinished_video_bears_the_name_that_is_removed(tmp_path):
    def killed():
        yield from noise(1)
        assert remove_abandoned(tmp_path) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "draft.mp4", killed(), Fraction(25))
    assert not list(tmp_path.iterdir())
