"""What cannot be used is refused in one clear sentence, and nothing but the named file is ever read."""

import struct
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_files import number_of, write_growing, write_numbered, write_sound
from PIL import Image

from apvgen.config import Limits
from apvgen.errors import LimitError, MediaError
from apvgen.media import VideoReader, content_hash, probe_video, read_audio, read_image

LIMITS = Limits()
READERS = [probe_video, read_audio, read_image]


@pytest.fixture
def film(tmp_path):
    return write_numbered(tmp_path / "film.mp4", range(100), Fraction(1, 25))


def claim_length(path: Path, seconds: float) -> Path:
    """Overwrite the Duration element of a Matroska header (RFC 9559, 5.1.2.10), in milliseconds."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    data[at : at + 8] = struct.pack(">d", seconds * 1000)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://example.org/a.mp4", "is an address"),
        ("https://example.org/a.mp4", "is an address"),
        ("concat:a.mp4|b.mp4", "is an address"),
        ("data:video/mp4;base64,AAAA", "is an address"),
        ("pipe:0", "is an address"),
        ("/nowhere/at/all.mp4", "does not exist"),
        ("/dev/zero", "is not a file"),
        ("/", "is not a file"),
        ("a\0b", "cannot be read"),
    ],
)
def test_only_files_of_this_machine_are_opened(read, address, says):
    with pytest.raises(MediaError, match=says):
        read(address, LIMITS)


@pytest.mark.parametrize("read", READERS)
def test_an_empty_file_is_refused(tmp_path, read):
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(MediaError, match="is empty"):
        read(path, LIMITS)


@pytest.mark.parametrize("read", READERS)
def test_a_file_without_permission_is_refused(film, read, monkeypatch):
    def forbidden(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(MediaError, match="Permission denied"):
        read(film, LIMITS)


@pytest.mark.parametrize("read", READERS)
def test_a_file_larger_than_allowed_is_refused_unread(film, read):
    with pytest.raises(LimitError, match=r"MiB allowed.*file_bytes"):
        read(film, Limits(file_bytes=1000))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.mp4", "once upon a time " * 500),
        ("notes.txt", "once upon a time " * 500),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4,\nfilm.mp4\n#EXT-X-ENDLIST\n"),
        ("list.txt", "ffconcat version 1.0\nfile film.mp4\n"),
        ("call.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"),
    ],
)
def test_text_and_playlists_are_no_media(film, read, name, content):
    path = film.with_name(name)
    path.write_text(content)
    with pytest.raises(MediaError, match=name):
        read(path, LIMITS)


def test_a_playlist_under_another_name_is_not_followed(film):
    path = film.with_name("list.mp4")
    path.write_text("ffconcat version 1.0\nfile film.mp4\n")
    with pytest.raises(MediaError, match="cannot be read as media"):
        probe_video(path, LIMITS)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "avif", "bmp", "tiff"])
def test_a_picture_is_no_video(tmp_path, extension):
    path = tmp_path / f"photo.{extension}"
    Image.new("RGB", (64, 48), "red").save(path)
    with pytest.raises(MediaError, match="is a picture, not a video"):
        probe_video(path, LIMITS)


def test_a_video_is_no_picture(film):
    with pytest.raises(MediaError, match="is not a picture"):
        read_image(film, LIMITS)


def test_sound_is_no_video(tmp_path):
    path = write_sound(tmp_path / "voice.wav", np.zeros((1, 8000)), 8000)
    with pytest.raises(MediaError, match="has only sound"):
        probe_video(path, LIMITS)


def test_a_video_without_frames_is_refused(tmp_path):
    silence = np.zeros((1, 8000), np.float32)
    path = write_numbered(tmp_path / "none.mkv", [], Fraction(1, 25), sound=(silence, 8000, 0))
    with pytest.raises(MediaError, match="without any frames"):
        probe_video(path, LIMITS)


@pytest.mark.parametrize(("name", "options"), [("film.mkv", {}), ("faststart.mp4", {"movflags": "faststart"})])
def test_a_video_that_was_cut_short_is_refused(tmp_path, name, options):
    path = write_numbered(tmp_path / name, range(100), Fraction(1, 25), muxing=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(MediaError, match=r"is cut short: it ends at .* of the 4\.0 s"):
        probe_video(path, LIMITS)


def test_a_video_without_its_index_is_refused(film):
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(MediaError, match="cannot be read as media"):
        probe_video(film, LIMITS)


def blank_out(path: Path, begin: float, end: float) -> Path:
    """Zeros over a share of the pictures' data."""
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    first, last = (start + int((len(data) - start) * share) for share in (begin, end))
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    return path


@pytest.fixture
def indexed_film(tmp_path):
    return write_numbered(tmp_path / "film.mp4", range(200), Fraction(1, 25), muxing={"movflags": "faststart"})


def test_a_long_damaged_part_is_reported_with_its_time(indexed_film):
    reader = VideoReader(blank_out(indexed_film, 0.3, 0.8), Fraction(25), LIMITS)
    with pytest.raises(MediaError, match=r"is damaged at \d\.\d s: re-encode it"):
        list(reader.frames())


def test_a_moment_of_damage_is_bridged_by_the_picture_before_it(indexed_film):
    reader = VideoReader(blank_out(indexed_film, 0.45, 0.5), Fraction(25), LIMITS)
    shown = [number_of(frame) for frame in reader.frames()]
    assert len(shown) == 200
    assert shown[:80] == list(range(80))
    assert shown[120:] == list(range(120, 200))


def test_pictures_that_outgrow_the_limit_midway_are_not_decoded(tmp_path):
    path = write_growing(tmp_path / "grows.mkv", [64] * 50 + [256] * 50)
    assert {frame.shape for frame in VideoReader(path, None, LIMITS).frames()} == {(64, 64, 3)}
    with pytest.raises(MediaError, match="cannot be read as media"):
        list(VideoReader(path, None, Limits(video_pixels=64 * 64)).frames())


def test_a_video_of_which_nothing_can_be_decoded_is_refused(indexed_film):
    with pytest.raises(MediaError, match="no picture can be decoded"):
        probe_video(blank_out(indexed_film, 0, 1), LIMITS)


def test_a_video_with_more_pixels_than_allowed_is_refused(film):
    with pytest.raises(LimitError, match=r"32 x 32 pixels.*video_pixels"):
        probe_video(film, Limits(video_pixels=1000))


def test_pixels_stretched_beyond_the_limit_are_refused(tmp_path):
    path = write_numbered(tmp_path / "thin.mp4", range(3), Fraction(1, 25), pixel_aspect=Fraction(30))
    assert probe_video(path, LIMITS).hw == (32, 960)
    with pytest.raises(LimitError, match=r"960 x 32 pixels.*video_pixels"):
        probe_video(path, Limits(video_pixels=20_000))


def test_a_video_longer_than_allowed_is_refused(film):
    with pytest.raises(LimitError, match=r"longer than the 3 s allowed.*video_seconds"):
        probe_video(film, Limits(video_seconds=3))


def test_a_header_that_claims_hours_is_believed_without_reading_on(tmp_path):
    path = write_numbered(tmp_path / "film.mkv", range(100), Fraction(1, 25))
    with pytest.raises(LimitError, match="at least 10800 s"):
        probe_video(claim_length(path, 3 * 3600), LIMITS)


def test_a_header_that_claims_too_little_does_not_help(tmp_path):
    path = claim_length(write_numbered(tmp_path / "film.mkv", range(100), Fraction(1, 25)), 0.5)
    assert probe_video(path, LIMITS).duration == 4
    with pytest.raises(LimitError, match="longer than the 3 s allowed"):
        probe_video(path, Limits(video_seconds=3))


def test_frames_without_end_in_no_time_are_refused(tmp_path):
    path = write_numbered(tmp_path / "burst.mp4", range(3000), Fraction(1, 12_800))
    with pytest.raises(LimitError, match=r"more than 2000 frames.*video_seconds"):
        probe_video(path, Limits(video_seconds=2))


def test_a_picture_bomb_is_refused_by_its_header(tmp_path, monkeypatch):
    def decode(image):
        pytest.fail("the bomb was decoded")

    path = tmp_path / "bomb.png"
    Image.new("L", (9000, 9000)).save(path)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(LimitError, match=r"9000 x 9000 pixels.*image_pixels"):
        read_image(path, LIMITS)


def test_a_picture_larger_than_pillow_itself_allows_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    Image.new("L", (300, 300)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(LimitError, match="far larger"):
        read_image(path, Limits(image_pixels=10**10))


def test_an_8k_picture_is_within_the_limits(tmp_path):
    path = tmp_path / "large.png"
    Image.new("L", (7680, 4320), 90).save(path, compress_level=1)
    assert read_image(path, LIMITS).shape == (4320, 7680, 3)


def test_a_picture_that_was_cut_short_is_refused(tmp_path):
    path = tmp_path / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(MediaError, match="damaged or unfinished"):
        read_image(path, LIMITS)


def test_a_picture_or_a_silent_film_is_no_voice(film):
    with pytest.raises(MediaError, match="has no sound track"):
        read_audio(film, LIMITS)
    photo = film.with_name("photo.png")
    Image.new("RGB", (64, 48), "red").save(photo)
    with pytest.raises(MediaError, match="has no sound track"):
        read_audio(photo, LIMITS)


def test_sound_longer_than_allowed_is_refused(tmp_path):
    path = write_sound(tmp_path / "voice.wav", np.zeros((1, 24000)), 8000)
    with pytest.raises(LimitError, match=r"more sound than the 2 s allowed.*audio_seconds"):
        read_audio(path, Limits(audio_seconds=2))


def test_sound_with_values_that_are_no_numbers_is_refused(tmp_path):
    samples = np.zeros((1, 8000), np.float32)
    samples[0, 4000] = np.nan
    with pytest.raises(MediaError, match="no numbers"):
        read_audio(write_sound(tmp_path / "voice.wav", samples, 8000), LIMITS)


def test_sound_without_samples_is_refused(tmp_path):
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    with pytest.raises(MediaError, match=r"voice.wav .*no sound that can be decoded"):
        read_audio(path, LIMITS)


def test_sound_that_was_cut_short_is_refused(tmp_path):
    tone = np.random.default_rng(0).standard_normal((1, 96000)) * 0.1
    path = write_sound(tmp_path / "voice.mka", tone, 8000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match="cut short"):
        read_audio(path, LIMITS)


def test_a_hash_follows_the_content_and_not_the_name(film):
    copy = film.with_name("copy.mp4")
    copy.write_bytes(film.read_bytes())
    assert content_hash(copy) == content_hash(film)
    copy.write_bytes(film.read_bytes() + b"\0")
    assert content_hash(copy) != content_hash(film)
    with pytest.raises(MediaError, match="cannot be read"):
        content_hash(film.with_name("absent.mp4"))
