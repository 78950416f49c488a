"""Examples: pictures, keypoints and masks moved as one, drawn from the right distributions, the same for everybody."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader
from training_clips import FPS, body_clip, face_clip, motion

from apvgen.errors import InputError, NoPersonError
from apvgen.pose import draw_pose
from apvgen.types import Motion, Track
from train import dataset
from train.dataset import BodyExamples, ExampleOptions, FaceExamples
from train.examples import Clip
from train.fda_statistics import FdaDistribution
from train.outpaint import Classical, paint
from train.sampling import Stream
from train.shards import ShardWriter, open_shards

OPTIONS = ExampleOptions(hw=(192, 128), frames=4, stride=2)


def written(folder, *clips):
    with ShardWriter(folder, "set") as writer:
        for clip in clips:
            writer.write(clip)
    return open_shards(folder)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    clips = [make(f"{make.__name__}-{k}", 12, (96, 96), k) for k in range(5) for make in (face_clip, body_clip)]
    return written(tmp_path_factory.mktemp("shards"), *clips)


def with_spot(frames, positions):
    """A soft white spot at one place (x, y) in each frame, on black."""
    y, x = np.mgrid[: frames.shape[1], : frames.shape[2]] + 0.5
    spots = [255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18) for px, py in positions]
    return np.repeat(np.stack(spots)[..., None], 3, -1).round().astype(np.uint8)


def spot(frame):
    """Where the light's centre is."""
    weight = np.clip(frame[..., 1].astype(float) - 20, 0, None)
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]] + 0.5
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.fixture
def planted(tmp_path):
    """Clips whose spot is at a known place: the nose of a face, the first joint of the right hand of a body."""
    hw, frames = (160, 128), 12
    places = np.random.default_rng(3).uniform(0.42, 0.58, (frames, 2)) * hw[::-1]
    made = motion(frames, hw)
    made.face.xy[:, 1] = made.hands.xy[:, 1, 0] = places
    shown = with_spot(np.zeros((frames, *hw, 3), np.uint8), places)
    surround = paint(shown[5], Classical())
    return written(
        tmp_path,
        Clip("talk", "face", shown, made, None, surround.image, 5, surround.facts),
        Clip("dance", "body", shown, made),
    )


@pytest.fixture
def drawn(monkeypatch):
    """The motions that poses were drawn of."""
    seen = []

    def watched(moved, style):
        seen.append(moved)
        return (np.zeros((*moved.hw, 3), np.uint8) for _ in range(len(moved)))

    monkeypatch.setattr(dataset, "pose_frames", watched)
    return seen


@pytest.mark.parametrize("variant", range(6))
@pytest.mark.parametrize("fda", [True, False])
def test_face_pixels_and_keypoints_move_as_one(planted, drawn, variant, fda):
    examples = FaceExamples(planted, replace(OPTIONS, hw=(256, 192), fda=fda))
    made = examples.example(examples.entries[0], variant)
    for frame, nose in zip(made.frames, drawn[0].face.xy[:, 1], strict=True):
        np.testing.assert_allclose(spot(frame), nose, atol=0.3)
    assert not drawn[0].body.seen.any()
    assert not drawn[0].hands.seen.any()


@pytest.mark.parametrize("hw", [(192, 128), (180, 192), (160, 128)])
@pytest.mark.parametrize("variant", range(4))
def test_body_pixels_and_keypoints_move_as_one(planted, drawn, variant, hw):
    examples = BodyExamples(planted, replace(OPTIONS, hw=hw))
    made = examples.example(examples.entries[0], variant)
    hand = 0 if "mirrored" in made.identity else 1  # a right hand in a mirror is a left hand
    for frame, joint in zip(made.frames, drawn[0].hands.xy[:, hand, 0], strict=True):
        np.testing.assert_allclose(spot(frame), joint, atol=0.3)


def test_the_mask_is_one_inside_the_scaled_face_and_on_the_reference(shards):
    examples = FaceExamples(shards, OPTIONS)
    for entry in examples.entries:
        made = examples.example(entry, 0)
        assert made.mask.dtype == np.float32
        assert (made.mask[0] == 1).all()
        assert set(np.unique(made.mask)) == {0, 1}
        np.testing.assert_array_equal(made.mask[1:] == 1, made.frames[1:].max(-1) > 0)
        assert (made.frames[0].max(-1) > 0).all()
        rows, columns = (np.flatnonzero(made.mask[1].any(axis)) for axis in (1, 0))
        a = examples.draw(entry, 0).affine.a
        assert len(rows) == round(a[1] * 192)
        assert len(columns) == round(a[0] * 128)
        assert made.mask[1].sum() == len(rows) * len(columns)


@pytest.mark.parametrize("variant", range(6))
def test_a_reference_apart_shows_the_face_elsewhere_with_its_keypoints(planted, drawn, variant):
    examples = FaceExamples(planted, replace(OPTIONS, hw=(256, 192), apart=0.8))
    made = examples.example(examples.entries[0], variant)
    for frame, nose in zip(made.frames, drawn[0].face.xy[:, 1], strict=True):
        np.testing.assert_allclose(spot(frame), nose, atol=0.5)
    assert (made.mask[0] == 1).all()
    nearby = FaceExamples(planted, replace(OPTIONS, hw=(256, 192)))
    together = nearby.example(nearby.entries[0], variant)
    np.testing.assert_array_equal(made.frames[1:], together.frames[1:])  # the frames stay where they were
    assert np.linalg.norm(drawn[0].face.xy[0, 1] - drawn[1].face.xy[0, 1]) > 1
    assert 0 < made.mask[1:].sum() < together.mask[1:].sum()
    assert (made.mask[1:] <= together.mask[1:]).all()
    assert made.identity != together.identity


def test_without_fda_no_reference_is_apart(shards):
    examples = FaceExamples(shards, replace(OPTIONS, fda=False, apart=1))
    assert (examples[0].mask == 1).all()


def test_how_far_apart_a_reference_may_be_is_bounded(shards):
    for apart in (0, 0.25, 1):
        examples = FaceExamples(shards, replace(OPTIONS, apart=apart))
        draws = [examples.draw(examples.entries[0], variant) for variant in range(200)]
        shifts = [abs(draw.reference.b - draw.affine.b)[0] for draw in draws]
        assert max(shifts) <= 0.55 * apart
        assert max(shifts) >= 0.3 * apart
        for draw in draws:
            assert (draw.reference.b >= -1e-9).all()
            assert (draw.reference.a + draw.reference.b <= 1 + 1e-9).all()


def test_mouths_of_close_ups_count_as_much_as_is_asked(shards):
    plain, asked = (FaceExamples(shards, replace(OPTIONS, mouth=weight))[1] for weight in (1, 5))
    raised = asked.mask > 1
    assert set(np.unique(asked.mask)) == {0, 1, 5}
    assert raised.any((1, 2)).all()  # the reference's mouth too
    np.testing.assert_array_equal(asked.mask[~raised], plain.mask[~raised])
    np.testing.assert_array_equal(asked.frames, plain.frames)
    assert (BodyExamples(shards, replace(OPTIONS, mouth=5))[1].mask == 1).all()


def test_the_reference_is_seamless_where_the_face_is(shards):
    examples = FaceExamples(shards, OPTIONS)
    entry = next(entry for entry in examples.entries if entry.key == "face_clip-0")
    inside = examples.example(entry, 1)
    reference, box = inside.frames[0], inside.mask[1] > 0
    assert abs(reference[box].mean() - (40 + 3 * entry.reference_frame)) < 2
    assert np.abs(np.diff(reference.astype(int), axis=1)).max() < 12  # smooth clips: no edge where painting began


def test_without_outpainting_the_reference_is_the_scaled_face_on_black(shards):
    examples = FaceExamples(shards, replace(OPTIONS, outpaint=False))
    made = examples[0]
    np.testing.assert_array_equal(made.mask[0], made.mask[1])
    assert not made.frames[made.mask == 0].any()
    assert made.frames[0][made.mask[0] > 0].min() > 0


def test_without_fda_the_face_fills_the_frame(shards):
    examples = FaceExamples(shards, replace(OPTIONS, fda=False, flip=False))
    made = examples.example(examples.entries[0], 0)
    assert (made.mask == 1).all()
    clip = shards.read(list(shards).index(examples.entries[0]))
    wanted = cv2.resize(clip.frames[4], (128, 192), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(made.frames[0], wanted)


def test_a_body_example_begins_with_another_frame_and_counts_everywhere(shards):
    examples = BodyExamples(shards, OPTIONS)
    for variant in range(20):
        made = examples.draw(examples.entries[0], variant)
        assert made.other not in range(made.window[0], made.window[-1] + 1)
        assert 0 <= made.window[0] <= made.window[-1] < 12
    example = examples[3]
    assert example.mask.shape == (5, 192, 128)
    assert (example.mask == 1).all()
    shades = example.frames.mean((1, 2, 3))
    np.testing.assert_allclose(np.diff(shades[1:]), 6, atol=0.7)  # every other frame
    assert abs(shades[0] - shades[1]) > 2


def test_frames_without_a_pose_are_black(tmp_path):
    clip = body_clip(frames=12)
    lost = [Track.empty(part.layout, 12, part.hw, FPS) for part in vars(clip.motion).values()]
    examples = BodyExamples(written(tmp_path, replace(clip, motion=Motion(*lost))), OPTIONS)
    assert not examples[0].poses.any()
    assert examples[0].frames.any()


def test_poses_are_the_products_own_drawing_after_mapping(planted):
    examples = BodyExamples(planted, replace(OPTIONS, hw=(160, 128), flip=False))
    entry = examples.entries[0]
    draw, clip = examples.draw(entry, 0), planted.read(1)
    np.testing.assert_array_equal(examples.example(entry, 0).poses[2], draw_pose(clip.motion, draw.window[1], "mesh"))


def test_maps_are_drawn_as_the_paper_says(shards):
    """Eq. 2-5 with a_x = 0.5, a_y = 0.35, b_y = 0.1, each +- 0.05, in 1000 draws."""
    examples = FaceExamples(shards, OPTIONS)
    maps = [examples.draw(examples.entries[k % 5], k).affine for k in range(1000)]
    a, b = np.array([m.a for m in maps]), np.array([m.b for m in maps])
    np.testing.assert_allclose(a.mean(0), [0.5, 0.35], atol=0.004)
    np.testing.assert_allclose(a.std(0), 0.1 / 12**0.5, atol=0.002)
    assert a.min(0) == pytest.approx([0.45, 0.30], abs=0.002)
    assert a.max(0) == pytest.approx([0.55, 0.40], abs=0.002)
    assert b[:, 1].min() == pytest.approx(0.05, abs=0.002)
    assert b[:, 1].max() == pytest.approx(0.15, abs=0.002)
    place = b[:, 0] / (1 - a[:, 0])
    assert place.min() < 0.01
    assert place.max() > 0.99
    np.testing.assert_allclose([place.mean(), place.std()], [0.5, 12**-0.5], atol=0.03)
    assert np.abs(np.corrcoef(np.concatenate([a.T, b[:, 1:].T]))[np.triu_indices(3, 1)]).max() < 0.12


def test_boxes_stay_inside_the_frame(shards):
    examples = FaceExamples(shards, OPTIONS)
    for variant in range(300):
        (x, y), (width, height) = examples._box(examples.draw(examples.entries[0], variant).affine)
        assert 0 <= x <= 128 - width
        assert 0 <= y <= 192 - height


def test_half_of_the_examples_are_mirrored(shards):
    flips = [BodyExamples(shards, OPTIONS).draw(shards[1], k).flip for k in range(400)]
    assert 0.42 < np.mean(flips) < 0.58
    assert not any(BodyExamples(shards, replace(OPTIONS, flip=False)).draw(shards[1], k).flip for k in range(50))


def test_every_pass_shows_every_clip_once():
    stream = Stream(7, seed=1)
    passes = [[stream[7 * turn + k] for k in range(7)] for turn in range(4)]
    for turn, seen in enumerate(passes):
        assert sorted(clip for clip, _ in seen) == list(range(7))
        assert {number for _, number in seen} == {turn}
    assert len({tuple(clip for clip, _ in seen) for seen in passes}) == 4
    assert [stream[k] for k in range(9)] != [Stream(7, seed=2)[k] for k in range(9)]


def test_ranks_workers_and_restarts_see_what_one_process_sees(shards):
    examples = BodyExamples(shards, OPTIONS)
    alone = [examples[position].identity for position in range(12)]
    restarted = BodyExamples(shards, OPTIONS)
    loaders = [
        DataLoader(restarted, sampler=range(4 + rank, 12, 2), batch_size=2, num_workers=1, collate_fn=list)
        for rank in range(2)
    ]
    shared = [[example.identity for batch in loader for example in batch] for loader in loaders]
    assert [identity for pair in zip(*shared, strict=True) for identity in pair] == alone[4:]


def test_examples_depend_on_seed_clip_and_variant_alone(shards, tmp_path):
    first = FaceExamples(shards, OPTIONS)
    entry = first.entries[2]
    fewer = written(tmp_path, shards.read(list(shards).index(entry)))
    same = FaceExamples(fewer, OPTIONS).draw(fewer[0], 3)
    np.testing.assert_array_equal(same.affine.b, first.draw(entry, 3).affine.b)
    assert same.window == first.draw(entry, 3).window
    assert (first.draw(entry, 4).affine.b != same.affine.b).any()
    other = FaceExamples(fewer, replace(OPTIONS, seed=1)).draw(fewer[0], 3)
    assert (other.affine.b != same.affine.b).any()


def test_a_limited_number_of_draws_repeats(shards):
    examples = FaceExamples(shards, replace(OPTIONS, draws=2))
    identities = [examples[position].identity for position in range(5 * 6)]
    assert len(set(identities)) == 5 * 2
    fresh = FaceExamples(shards, OPTIONS)
    assert len({fresh[position].identity for position in range(5 * 6)}) == 5 * 6


def test_an_identity_names_all_that_pixels_depend_on(shards, tmp_path):
    base = FaceExamples(shards, OPTIONS)
    names = {base.example(base.entries[0], 0).identity}
    for change in ({"hw": (128, 128)}, {"fda": False}, {"outpaint": False}, {"stride": 1}, {"seed": 5}):
        examples = FaceExamples(shards, replace(OPTIONS, **change))
        names.add(examples.example(examples.entries[0], 0).identity)
    repainted = replace(face_clip("face_clip-0", 12, (96, 96), 0), surround=np.full((600, 600, 3), 9, np.uint8))
    again = FaceExamples(written(tmp_path, repainted), OPTIONS)
    names.add(again.example(again.entries[0], 0).identity)
    assert len(names) == 7


def test_short_clips_are_told_or_left_out_on_demand(shards, tmp_path, caplog):
    with pytest.raises(InputError, match=r"5 of 5 face clips are too short, such as clip face_clip-0 of .* 12 frames"):
        FaceExamples(shards, replace(OPTIONS, stride=4))
    mixed = written(tmp_path, body_clip("long", 20), body_clip("short", 6))
    with pytest.raises(InputError, match=r"1 of 2 body clips are too short, such as clip short of .* span 7"):
        BodyExamples(mixed, OPTIONS)
    examples = BodyExamples(mixed, replace(OPTIONS, leave_out_short=True))
    assert [entry.key for entry in examples.entries] == ["long"]
    assert [entry.key for entry in examples.left_out] == ["short"]
    assert "1 of 2 body clips are left out" in caplog.text
    with pytest.raises(InputError, match="2 of 2 body clips are too short"):
        BodyExamples(mixed, replace(OPTIONS, stride=9, leave_out_short=True))


def test_a_face_clip_without_a_face_is_told(tmp_path):
    clip = face_clip(frames=12)
    blind = replace(clip, key="blind", motion=motion(12, (64, 64), face=False))
    with pytest.raises(NoPersonError, match=r"No face is known in any frame of clip blind of .*set-000000\.tar"):
        FaceExamples(written(tmp_path / "a", blind), OPTIONS)
    clip.motion.face.score[4] = 0
    with pytest.raises(NoPersonError, match="in frame 4, its reference of clip talk"):
        FaceExamples(written(tmp_path / "b", clip), OPTIONS)


def test_what_does_not_fit_is_told_when_opened(shards, tmp_path):
    with pytest.raises(InputError, match=r"clip face_clip-0 .*, 96 x 96 px .* enlarged 2\.2 times .* 512 x 384"):
        FaceExamples(shards, replace(OPTIONS, hw=(512, 384)))
    with pytest.raises(InputError, match=r"clip body_clip-0 .* enlarged 4\.0 times"):
        BodyExamples(shards, replace(OPTIONS, hw=(384, 256)))
    with pytest.raises(InputError, match=r"The surround of clip face_clip-0 .* does not reach as far as"):
        FaceExamples(shards, replace(OPTIONS, maps=FdaDistribution(a_x=0.4)))
    FaceExamples(shards, replace(OPTIONS, maps=FdaDistribution(a_x=0.4), outpaint=False))
    with pytest.raises(InputError, match=r"holds no face clips; .*--kind face"):
        FaceExamples(shards.of_kind("body"), OPTIONS)
    with pytest.raises(InputError, match="at least one frame"):
        ExampleOptions(frames=0)
