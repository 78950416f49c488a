"""Face clips are cut around the face, in pixels and in latents alike."""

import pytest
import torch

from train.batches import Batch
from train.encode import Encoded
from train.face_window import cut_to_faces

HW, SIDE, WINDOW = (64, 48), 8, (32, 16)


def example(face):
    """A batch of one whose pixels and latents tell their place; face: rows and columns that its pose draws, or None."""
    rows = torch.arange(HW[0]).view(-1, 1).expand(HW)
    frames = rows.expand(1, 3, 3, *HW).to(torch.uint8)
    poses = torch.zeros(1, 3, 3, *HW, dtype=torch.uint8)
    if face is not None:
        poses[..., face[0], face[1]] = 255
    latents = torch.arange(HW[0] // SIDE).view(-1, 1).expand(HW[0] // SIDE, HW[1] // SIDE).float()
    known = Encoded(latents.expand(1, 3, 4, -1, -1), latents.expand(1, 4, -1, -1), torch.ones(1, 1, 5))
    return Batch("face", (0,), ("a",), frames, poses, rows.expand(1, 3, *HW).float()), known


@pytest.mark.parametrize(
    ("face", "top"),
    [
        ((slice(30, 40), slice(20, 28)), 16),
        ((slice(0, 6), slice(0, 6)), 0),
        ((slice(60, 64), slice(40, 48)), 32),
        (None, 16),
    ],
    ids=["inside", "at the upper edge", "at the lower edge", "no face"],
)
def test_pixels_and_latents_are_cut_at_the_same_place(face, top):
    batch, known = cut_to_faces(*example(face), WINDOW)
    assert batch.frames.shape == batch.poses.shape == (1, 3, 3, *WINDOW)
    assert batch.mask.shape == (1, 3, *WINDOW)
    assert known.latents.shape == (1, 3, 4, 4, 2)
    assert known.image.shape == (1, 4, 4, 2)
    assert batch.frames[0, 0, 0, 0, 0] == batch.mask[0, 0, 0, 0] == top
    assert known.latents[0, 0, 0, 0, 0] * SIDE == known.image[0, 0, 0, 0] * SIDE == top


@pytest.mark.parametrize(("face", "reference"), [((13, 29), 50), ((10, 18), 50), ((36, 52), 4)])
def test_where_both_do_not_fit_the_frames_face_comes_before_the_references(face, reference):
    batch, known = example((slice(*face), slice(8, 16)))
    batch.poses[:, 0] = 0
    batch.poses[:, 0, :, reference : reference + 10, 8:16] = 255
    cut, _ = cut_to_faces(batch, known, WINDOW)
    assert (cut.poses[:, 1:] > 0).sum() == 2 * 3 * (face[1] - face[0]) * 8
    top, towards = int(cut.frames[0, 0, 0, 0, 0]), SIDE if reference > face[0] else -SIDE
    assert not (top + towards <= face[0] and face[1] <= top + towards + WINDOW[0])  # no nearer to the reference's


def test_without_a_face_in_the_frames_the_references_is_cut_out():
    batch, known = example((slice(20, 30), slice(8, 16)))
    batch.poses[:, 1:] = 0
    cut, _ = cut_to_faces(batch, known, WINDOW)
    assert (cut.poses[0, 0] > 0).sum() == 3 * 10 * 8


def test_of_a_face_larger_than_the_window_the_middle_is_cut_out():
    cut, _ = cut_to_faces(*example((slice(4, 60), slice(0, 48))), WINDOW)
    assert cut.frames[0, 0, 0, 0, 0] == 16


def test_the_whole_face_stays_in_the_window():
    face = (slice(13, 29), slice(21, 27))
    batch, _ = cut_to_faces(*example(face), WINDOW)
    assert (batch.poses > 0).sum() == 3 * 3 * 16 * 6
