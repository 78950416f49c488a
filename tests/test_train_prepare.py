"""Preparation: sources found, footage judged and cropped with its keypoints, nothing lost or done twice."""

import csv
import os
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from training_clips import track

from apvgen.errors import InputError, NoPersonError
from apvgen.keypoints import Detection
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.media import write_video
from apvgen.types import Audio, Motion, Track
from train import journal
from train.clipping import Recipe, Tools, most_frontal
from train.clipping import prepare as clips_of
from train.examples import Clip
from train.outpaint import SURROUND, Classical
from train.prepare import Share, alone, keep_settings, main, prepare
from train.quality import Quality, Standards, company, complaint, pieces, sharpness, shots
from train.shards import open_shards
from train.sources import Source, find_sources, open_footage

FPS, HW, FACE_PX = Fraction(25), (120, 160), 40


def scene(frames, seed=0, shade=90):
    """RGB `[T, *HW, 3]`: a textured square face with a bright nose that walks to the right, on grey."""
    face = np.random.default_rng(seed).integers(60, 200, (FACE_PX, FACE_PX, 3)).astype(np.uint8)
    face[15:25, 15:25] = 255
    shown = np.full((frames, *HW, 3), shade, np.uint8)
    for t in range(frames):
        left, top = place(t)
        shown[t, top : top + FACE_PX, left : left + FACE_PX] = face
    return shown


def place(t):
    return 50 + t // 2, 35


class Knowing:
    """Knows where the face of `scene` is. others: boxes of other people. sees: which frames show anybody."""

    name, version = "knowing", "1"

    def __init__(self, others=(), sees=lambda _: True, before=lambda _: None):
        self.others, self.sees, self.before = list(others), sees, before
        self.seen = []

    def detect(self, video, person=0, on_progress=None):
        self.before(video.path)
        self.seen.append(video.path.stem)
        frames = list(video.frames())
        if not any(self.sees(t) for t in range(len(frames))):
            raise NoPersonError("No person was found in the driving video; use one that shows a person clearly.")
        xy = np.full((len(frames), 478, 2), np.nan, np.float32)
        for t, frame in enumerate(frames):
            if self.sees(t):
                nose = np.argwhere(frame.min(-1) > 230).mean(0)[::-1] + 0.5
                xy[t] = nose + np.random.default_rng(1).uniform(-1, 1, (478, 2)) * FACE_PX / 2
                xy[t, :5] = nose - FACE_PX / 2, nose, nose + FACE_PX / 2, nose, nose
                xy[t, 234, 0], xy[t, 454, 0] = nose[0] - FACE_PX / 2 + t % 3, nose[0] + FACE_PX / 2 + t % 3
        face = track(FACE478, xy, video.hw)
        face = replace(face, score=np.isfinite(xy).all(-1).astype(np.float32), fps=video.fps)
        body = replace(face, layout=BODY18, xy=face.xy[:, :18], score=face.score[:, :18])
        motion = Motion(body, Track.empty(HANDS, len(frames), video.hw, video.fps), face)
        boxes = [
            [*(face.xy[:, 1] - 20).T, *(face.xy[:, 1] + 20).T],
            *([[v] * len(frames) for v in o] for o in self.others),
        ]
        return Detection(motion, np.array(boxes, np.float32).transpose(0, 2, 1))


RECIPE = Recipe("face", 1.0, 64, Standards(seconds=0.4, face_px=30), SURROUND)
TOOLS = Tools(Knowing(), Classical())


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    for k in range(4):
        write_video(folder / f"talk {k}.mp4", scene(12, k), FPS)
    return folder


def made(source, recipe=RECIPE, tools=TOOLS, present=()):
    return list(clips_of(source, recipe, tools, present))


def only_source(path):
    return find_sources(path)[0]


def test_videos_and_tiktok_folders_are_found(videos):
    frames = videos / "TikTok" / "00001"
    for kind in ("images", "masks", "densepose"):
        (frames / kind).mkdir(parents=True)
        for k, frame in enumerate(scene(11)):
            cv2.imwrite(str(frames / kind / f"{k + 1:04d}.png"), frame[..., ::-1])
    sources = find_sources(videos)
    assert [source.path.name for source in sources] == [f"talk {k}.mp4" for k in range(4)] + ["images"]
    assert sources[-1].fps == 30
    assert sources[-1].name.startswith("TikTok-00001-images-")
    assert len({source.name for source in sources}) == 5
    footage = open_footage(sources[-1])
    assert (footage.hw, footage.fps, footage.frame_count) == (HW, 30, 11)
    np.testing.assert_array_equal(next(footage.frames(9)), scene(11)[9])
    assert {type(one) for one in made(sources[-1], replace(RECIPE, standards=Standards(seconds=0.3, face_px=30)))} == {
        Clip
    }


def test_a_vfhq_list_gives_stretch_and_part(videos):
    text = "Video ID: talk 2\nH: 240\nW: 320\nFPS: 25.0\n\nCROP: 64 40 304 240\n"
    (videos / "lists").mkdir()
    (videos / "lists" / "Clip+talk 2+P0+C3+F1-10.txt").write_text(text)
    (source,) = find_sources(videos / "lists", videos)
    assert (source.path.name, source.first, source.stop, source.fps) == ("talk 2.mp4", 2, 10, 25)
    footage = open_footage(source)
    assert (footage.hw, footage.frame_count) == ((100, 120), 8)  # half of the list's size
    whole = open_footage(only_source(videos / "talk 2.mp4"))
    for k, frame in enumerate(footage.frames()):
        np.testing.assert_array_equal(frame, next(whole.frames(k + 2))[20:120, 32:152])


def test_what_is_no_source_is_told(tmp_path, videos):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no videos, no folders of pictures and no clip lists"):
        find_sources(tmp_path / "empty")
    (tmp_path / "empty" / "Clip+x+P0+C0+F0-9.txt").write_text("H 1080\n")
    with pytest.raises(InputError, match=r"F0-9\.txt is not a VFHQ clip list .*KeyError"):
        find_sources(tmp_path / "empty")
    (rejected,) = made(Source("x", videos / "absent.mp4"))
    assert "does not exist" in rejected.reason
    (rejected,) = made(Source("x", videos / "talk 1.mp4", first=5, stop=99))
    assert "has 12 frames, not frames 5 to 99" in rejected.reason


def test_shots_end_at_cuts_and_are_cut_into_equal_parts():
    frames = [*scene(9), *scene(7, shade=200), *scene(4, shade=20)]
    assert shots(frames) == [range(9), range(9, 16), range(16, 20)]
    assert pieces(range(9, 33), 10) == [range(9, 17), range(17, 25), range(25, 33)]
    assert pieces(range(5), 5) == [range(5)]


def test_company_counts_whoever_is_large():
    me, small, large = [0, 0, 40, 40], [0, 0, 9, 9], [50, 0, 80, 40]
    people = np.array([[me] * 4, [small] * 4, [large, large, [np.nan] * 4, [np.nan] * 4]], np.float32)
    assert company(people) == 0.5
    assert company(people[:2]) == 0
    assert company(people[:1]) == 0


def test_blur_lowers_sharpness_and_size_does_not():
    picture = scene(1)[0]
    box = np.array([50, 35, 90, 75])
    sharp = sharpness(picture, box)
    assert sharpness(cv2.GaussianBlur(picture, None, 1.5), box) < sharp / 3
    large = cv2.resize(picture, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    larger = cv2.resize(large, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    assert sharpness(larger, box * 16) == pytest.approx(sharpness(large, box * 8), rel=0.1)
    assert sharpness(picture, np.array([500, 500, 600, 600])) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": 0.5}, "no face in 50% of its frames"),
        ({"company": 0.3}, "somebody else in 30% of its frames"),
        ({"face_px": 20.0}, "face of 20 px, at least 120"),
        ({"sharpness": 3.0}, r"blurred: sharpness 3.0, at least 8.0"),
        ({}, None),
    ],
)
def test_complaints_say_figures_and_limits(change, words):
    assert complaint("face", replace(Quality(5, 1, 200, 0, 99), **change), Standards.of("face")) == words


def test_face_clips_are_squares_around_the_face_with_their_keypoints(videos):
    (clip,) = made(only_source(videos / "talk 0.mp4"))
    assert clip.frames.shape == (12, 64, 64, 3)
    for t, frame in enumerate(clip.frames):
        nose = np.argwhere(frame.min(-1) > 225).mean(0)[::-1] + 0.5
        np.testing.assert_allclose(clip.motion.face.xy[t, 1], nose, atol=0.5)
    height = np.ptp(clip.motion.face.xy[0, :, 1])
    assert height == pytest.approx(64 / 2.3, rel=0.03)
    assert clip.motion.face.xy[..., 1].min() > 0.7 * height  # room for hair
    assert clip.surround.shape[1] / 64 == pytest.approx(1 + 2 * SURROUND.left, rel=0.02)
    assert clip.facts["quality"]["share"] == 1
    assert clip.facts["detector"] == "knowing 1"
    assert clip.facts["surround"]["method"] == "classical"
    assert clip.reference_frame == most_frontal(clip.motion.face) == 0  # cheeks lie 0, 1, 2, 0 .. px off the nose


def test_body_clips_keep_the_picture(videos):
    (clip,) = made(only_source(videos / "talk 0.mp4"), replace(RECIPE, kind="body", side=80))
    assert clip.frames.shape == (12, 60, 80, 3)
    assert clip.surround is None
    nose = np.argwhere(clip.frames[3].min(-1) > 200).mean(0)[::-1] + 0.5
    np.testing.assert_allclose(clip.motion.body.xy[3, 1], nose, atol=0.5)


def test_the_voice_is_that_of_the_frames(tmp_path):
    samples = np.zeros((1, 48_000), np.float32)
    samples[0, 16_000 * 12 // 10 :][:400] = 0.9  # a click 1.2 s in, at frame 30
    write_video(tmp_path / "a.mp4", scene(60), FPS, Audio(samples, 16_000))
    clips = made(only_source(tmp_path / "a.mp4"), replace(RECIPE, seconds=0.8))
    assert [len(clip.frames) for clip in clips] == [20, 20, 20]
    assert all(clip.voice.samples.shape == (1, 12_800) for clip in clips)
    loudest = [np.abs(clip.voice.samples).max() for clip in clips]
    assert loudest[1] > 0.3 > 10 * max(loudest[0], loudest[2])
    click = np.flatnonzero(np.abs(clips[1].voice.samples[0]) > 0.2)[0] / 16_000
    assert click == pytest.approx(10 / 25, abs=0.04)


@pytest.mark.parametrize(
    ("tools", "recipe", "reason"),
    [
        (Knowing(sees=lambda _: False), RECIPE, "nobody is seen"),
        (Knowing(sees=lambda t: t < 6), RECIPE, "no face in 50% of its frames"),
        (Knowing(others=[(100, 0, 150, 90)]), RECIPE, "somebody else in 100% of its frames"),
        (Knowing(), replace(RECIPE, standards=Standards(seconds=0.4)), "face of 40 px, at least 120"),
        (Knowing(), replace(RECIPE, standards=Standards(0.4, face_px=9, sharpness=500)), "blurred: sharpness"),
        (Knowing(), replace(RECIPE, standards=Standards(2.0)), "a shot of 0.48 s, at least 2"),
    ],
)
def test_rejections_name_the_stretch_and_the_reason(videos, tools, recipe, reason):
    (rejected,) = made(only_source(videos / "talk 0.mp4"), recipe, Tools(tools, Classical()))
    assert reason in rejected.reason
    assert (rejected.start, rejected.stop) == (0, 12)
    assert rejected.path.endswith("talk 0.mp4")


def test_every_rejection_is_listed(videos, tmp_path):
    (videos / "broken.mp4").write_bytes(b"no video" * 99)
    write_video(videos / "short.mp4", scene(3), FPS)
    done = prepare(find_sources(videos), tmp_path / "out", RECIPE, TOOLS, Share(), 1 << 20)
    assert (done.clips, done.frames) == (4, 48)
    with (tmp_path / "out" / "rejected.csv").open() as file:
        listed = {row["path"].rpartition("/")[2]: row["reason"] for row in csv.DictReader(file)}
    assert listed.keys() == {"broken.mp4", "short.mp4"}
    assert "cannot be read as media" in listed["broken.mp4"]
    assert listed["short.mp4"] == "a shot of 0.12 s, at least 0.4"


def keys(out):
    return sorted(entry.key for entry in open_shards(out))


def test_processes_share_the_sources(videos, tmp_path):
    for process in (0, 1, 2):
        prepare(find_sources(videos), tmp_path / "shared", RECIPE, TOOLS, Share(process, 3), 1 << 20)
    prepare(find_sources(videos), tmp_path / "alone", RECIPE, TOOLS, Share(), 1 << 20)
    assert keys(tmp_path / "shared") == keys(tmp_path / "alone")
    assert len({entry.shard for entry in open_shards(tmp_path / "shared")}) == 3


@pytest.mark.parametrize("shard_bytes", [1, 1 << 30])
def test_a_killed_run_goes_on_and_does_nothing_twice(videos, tmp_path, shard_bytes):
    """Killed in the third source. With a shard a clip the first two stand; else their shard never got its name."""
    out, sources = tmp_path / "out", find_sources(videos)

    def kill(path):
        if path.stem == "talk 2":
            os._exit(9)

    child = os.fork()
    if not child:
        prepare(sources, out, RECIPE, Tools(Knowing(before=kill), Classical()), Share(), shard_bytes)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    kept = 1 if shard_bytes == 1 else 0  # the writer completes a shard when the next clip does not fit
    assert len(list(out.glob("[!.]*.tar"))) == kept
    detector = Knowing()
    prepare(sources, out, RECIPE, Tools(detector, Classical()), Share(), shard_bytes)
    assert detector.seen == [f"talk {k}" for k in range(kept, 4)]
    assert [key.rpartition("-")[2] for key in keys(out)] == ["000000"] * 4
    again = Knowing()
    done = prepare(sources, out, RECIPE, Tools(again, Classical()), Share(1, 2), shard_bytes)
    assert (again.seen, done.clips) == ([], 0)


def test_two_runs_do_not_write_the_same_shards(tmp_path):
    refused = pytest.raises(InputError, match=r"Another run prepares clips in .*; wait for it")
    with alone(tmp_path, "face-000"), alone(tmp_path, "face-001"), refused, alone(tmp_path, "face-000"):
        pass
    with alone(tmp_path, "face-000"):
        pass


def test_a_stopped_source_goes_on_with_the_clips_that_lack(tmp_path):
    write_video(tmp_path / "long.mp4", scene(60), FPS)
    sources, recipe = find_sources(tmp_path / "long.mp4"), replace(RECIPE, seconds=0.8)
    calls = []

    def stop(path):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(sources, tmp_path / "out", recipe, Tools(Knowing(before=stop), Classical()), Share(), 1 << 30)
    assert len(keys(tmp_path / "out")) == 2
    detector = Knowing()
    prepare(sources, tmp_path / "out", recipe, Tools(detector, Classical()), Share(), 1 << 30)
    assert len(detector.seen) == 1
    assert [key[-6:] for key in keys(tmp_path / "out")] == ["000000", "000020", "000040"]


def test_half_a_journal_line_is_no_outcome(tmp_path):
    whole = journal.Outcome("a", ("a-000000",), (journal.Rejection("a", "a.mp4", "dark", 3, 9),))
    journal.append(tmp_path, "face-000", whole)
    with (tmp_path / "journal" / "face-000.jsonl").open("a") as file:
        file.write('{"source": "b", "cl')
    journal.append(tmp_path, "face-000", journal.Outcome("c", (), ()))
    assert journal.read(tmp_path) == {"a": whole, "c": journal.Outcome("c", (), ())}
    assert journal.done(tmp_path, []).keys() == {"c"}
    assert journal.done(tmp_path, ["a-000000"]).keys() == {"a", "c"}


def test_a_folder_keeps_its_settings(tmp_path):
    keep_settings(tmp_path, {"kind": "face", "side": 512})
    keep_settings(tmp_path, {"kind": "face", "side": 512})
    with pytest.raises(InputError, match="holds clips made with side 512; go on so, or choose another folder"):
        keep_settings(tmp_path, {"kind": "face", "side": 256})


def test_the_command_ends_with_a_sentence(tmp_path):
    result = CliRunner().invoke(main, ["--kind", "face", "--source", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {tmp_path} holds no videos")
    assert not (tmp_path / "out").exists()
