"""Metric faces, poses and the camera: the original's numbers, planted answers, and faces that cannot be used."""

import zipfile

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from apvgen.audio2face.face_geometry import (
    CANONICAL_FACE,
    canonical_face,
    metric_face,
    metric_face_of_mesh,
    procrustes,
)
from apvgen.audio2face.projection import (
    perspective_matrix,
    pose_matrices,
    pose_vectors,
    project,
    relative_to_first,
    seen_from_front,
    smooth,
)
from apvgen.errors import InputError, MissingModelError, NoPersonError
from train.canonical_face import MEMBER, read_canonical_face


@pytest.fixture(scope="module")
def faces(golden) -> dict[str, np.ndarray]:
    return dict(np.load(golden / "aniportrait" / "face_geometry.npz"))


@pytest.fixture(scope="module")
def poses(golden) -> dict[str, np.ndarray]:
    return dict(np.load(golden / "aniportrait" / "pose_util.npz"))


def rigid(angles: tuple[float, float, float], translation: tuple[float, float, float], scale: float = 1) -> np.ndarray:
    transform = np.eye(4)
    transform[:3, :3] = scale * Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    transform[:3, 3] = translation
    return transform


# --- golden -----------------------------------------------------------------------------------------------------------


@pytest.mark.golden
@pytest.mark.parametrize("which", range(6))
def test_metric_faces_are_mediapipes(faces, which):
    hw = tuple(faces["image_hw"][which])
    face = metric_face(faces["landmarks"][which], hw)
    assert np.abs(face.vertices - faces["metric_vertices"][which]).max() < 1e-3
    assert np.abs(face.transform - faces["transform"][which]).max() < 2e-3
    again = project(face.vertices[None], face.transform[None], hw)[0]
    assert np.abs(again - faces["reprojected_px"][which]).max() < 1e-2


@pytest.mark.golden
def test_the_shipped_canonical_face_is_mediapipes(golden):
    stored = np.load(golden / "aniportrait" / "canonical_face_geometry.npz")
    vertices, weights = canonical_face()
    assert np.array_equal(vertices, stored["vertices"])
    assert np.array_equal(weights, stored["procrustes_weights"])


@pytest.mark.golden
@pytest.mark.parametrize(
    ("transform", "hw", "expected"),
    [
        ("transformation_matrix", "image_hw", "project_points"),
        ("transformation_matrix_2", "image_hw_2", "project_points_2"),
    ],
)
def test_projected_points_are_the_originals(poses, transform, hw, expected):
    placed = poses[transform] @ pose_matrices(poses["pose_vectors"])
    assert np.abs(project(poses["points_3d"], placed, tuple(poses[hw])) - poses[expected]).max() < 1e-4


@pytest.mark.golden
def test_points_placed_by_matrices_are_the_originals(poses):
    ours = project(poses["points_3d"], poses["transformation_matrices"], tuple(poses["image_hw_2"]))
    assert np.abs(ours - poses["project_points_with_trans"]).max() < 1e-4


@pytest.mark.golden
def test_poses_to_matrices_and_back_are_the_originals(poses):
    matrices = pose_matrices(np.concatenate([poses["euler_in"], poses["translation_in"]], axis=1))
    assert np.abs(matrices - poses["matrix"]).max() < 1e-9
    back = np.concatenate([poses["euler_back"], poses["translation_back"]], axis=1)
    assert np.abs(pose_vectors(poses["matrix"]) - back).max() < 1e-9


@pytest.mark.golden
@pytest.mark.parametrize("window", [3, 4, 5, 7])
def test_smoothing_is_the_originals(poses, window):
    assert np.abs(smooth(poses["sequence"], window) - poses[f"smooth_{window}"]).max() < 1e-9


@pytest.mark.golden
def test_smoothing_integers_truncates_as_the_original_does(poses):
    ours = smooth(poses["sequence_int"], 5)
    assert ours.dtype == poses["smooth_int_5"].dtype
    assert np.array_equal(ours, poses["smooth_int_5"])


@pytest.mark.golden
def test_motion_from_the_first_frame_is_the_originals(poses):
    assert np.abs(relative_to_first(poses["transformation_matrices"]) - poses["delta_from_first"]).max() < 1e-9


@pytest.mark.golden
@pytest.mark.parametrize("aspect", ["1.0", "1.5", "0.5625"])
def test_the_camera_is_the_originals(poses, aspect):
    assert np.array_equal(perspective_matrix(float(aspect)).ravel(), poses[f"perspective_aspect_{aspect}"])


# --- planted answers --------------------------------------------------------------------------------------------------


def test_the_fit_finds_a_planted_rotation_scale_and_shift():
    rng = np.random.default_rng(0)
    source, weights = rng.normal(size=(30, 3)), rng.uniform(0, 1, 30)
    planted = rigid((20, -40, 10), (3, 4, -50), scale=1.7)
    target = source @ planted[:3, :3].T + planted[:3, 3]
    assert np.allclose(procrustes(source, target, weights), planted)


def test_the_fit_does_not_mirror():
    source = np.random.default_rng(0).normal(size=(30, 3))
    found = procrustes(source, source * [-1, 1, 1], np.ones(30))
    assert np.linalg.det(found[:3, :3]) > 0


def test_a_photographed_canonical_face_is_recovered_whatever_its_pose():
    """Photographed as MediaPipe describes faces: depth in the unit of x, that is, under weak perspective."""
    canonical, _ = canonical_face()
    pose = rigid((8, -12, 5), (2, -1, -2000))
    seen = canonical @ pose[:3, :3].T + pose[:3, 3]
    hw = (1000, 1000)
    points = project(canonical[None], pose[None], hw)[0] / hw[0]
    depth = -(seen[:, 2] + 2000) / 2000 / perspective_width()
    face = metric_face(np.column_stack([points, depth]), hw)
    assert np.abs(face.vertices - canonical).max() < 0.05
    assert np.allclose(pose_vectors(face.transform[None])[0, :3], (8, -12, 5), atol=0.3)


def perspective_width() -> float:
    """Width of a square picture at a distance of 1."""
    return 2 / float(perspective_matrix(1.0)[0, 0])


def test_a_face_turned_in_the_picture_plane_has_the_same_metric_shape(faces):
    hw = faces["image_hw"][0]
    face = faces["landmarks"][0] * [hw[1], hw[0], hw[1]]
    turned = face @ Rotation.from_euler("z", 25, degrees=True).as_matrix().T + [400, 300, 0]
    difference = metric_face_of_mesh(turned).vertices - metric_face_of_mesh(face).vertices
    assert np.linalg.norm(difference, axis=1).max() < 0.5


def test_the_metric_face_does_not_depend_on_the_pictures_resolution(faces):
    face = faces["landmarks"][0].astype(np.float32)
    small, large = metric_face_of_mesh(face * 100), metric_face_of_mesh(face * 1000 + np.float32([50, 70, 0]))
    assert np.abs(small.vertices - large.vertices).max() < 1e-3


def test_a_face_seen_from_the_front_is_what_its_camera_would_show():
    vertices, _ = canonical_face()
    distance, hw = 25.0, (600, 600)
    shown = project(vertices[None], rigid((0, 0, 0), (0, 0, -distance))[None], hw)[0]
    pixels_per_cm = hw[0] / perspective_width() / distance
    assert np.allclose(seen_from_front(vertices, distance)[:, :2] * pixels_per_cm + 300, shown, atol=0.05)
    far = seen_from_front(vertices, 1e7)
    assert np.allclose(far, vertices * [1, -1, -1], atol=1e-4)


def test_poses_and_matrices_are_inverse():
    given = np.array([[10.0, -20, 30, 1, 2, 3], [0, 0, 0, 0, 0, 0]])
    assert np.allclose(pose_vectors(pose_matrices(given)), given)


def test_smoothing_keeps_constants_and_lengths():
    assert np.allclose(smooth(np.full((5, 2), 3.0), 7), 3)
    assert smooth(np.zeros((0, 6)), 7).shape == (0, 6)


# --- bad input --------------------------------------------------------------------------------------------------------


def test_meshes_that_cannot_be_used_are_refused():
    with pytest.raises(InputError, match="468 or 478"):
        metric_face_of_mesh(np.zeros((10, 3)))
    with pytest.raises(NoPersonError, match="complete face"):
        metric_face_of_mesh(np.full((468, 3), np.nan))
    with pytest.raises(NoPersonError, match="single point"):
        metric_face_of_mesh(np.ones((478, 3)))


def test_an_absent_canonical_face_is_named(tmp_path):
    with pytest.raises(MissingModelError, match=r"absent\.npz"):
        canonical_face(tmp_path / "absent.npz")


# --- the shipped file -------------------------------------------------------------------------------------------------


def test_the_shipped_file_is_what_its_command_takes_out_of_a_task_file(tmp_path):
    from mediapipe.modules.face_geometry.protos.geometry_pipeline_metadata_pb2 import GeometryPipelineMetadata

    shipped = np.load(CANONICAL_FACE)
    metadata = GeometryPipelineMetadata()
    metadata.canonical_mesh.vertex_buffer.extend(np.pad(shipped["vertices"], ((0, 0), (0, 2))).ravel().tolist())
    for landmark in np.flatnonzero(shipped["weights"]):
        metadata.procrustes_landmark_basis.add(landmark_id=int(landmark), weight=float(shipped["weights"][landmark]))
    with zipfile.ZipFile(tmp_path / "face.task", "w") as archive:
        archive.writestr(MEMBER, metadata.SerializeToString())
    for name, array in read_canonical_face(tmp_path / "face.task").items():
        assert np.array_equal(array, shipped[name])
