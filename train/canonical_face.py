"""MediaPipe's canonical face as a small file: `python -m train.canonical_face face_landmarker.task --out assets/face`.

MediaPipe publishes the `.task` file (a zip) for its Face Landmarker, under Apache-2.0. Only the vertices and the
weights of its Procrustes fit are kept.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import click
import numpy as np

from apvgen.audio2face.face_geometry import CANONICAL_FACE
from apvgen.audio2face.landmarks import POINTS
from apvgen.files import complete_or_absent

MEMBER = "geometry_pipeline_metadata_landmarks.binarypb"
_VERTEX_FLOATS = 5
"""x, y, z in centimetres, then two texture coordinates (`VERTEX_PT` in `mesh_3d.proto`)."""


def read_canonical_face(task: Path) -> dict[str, np.ndarray]:
    """`vertices` float32 `[468, 3]` in centimetres and `weights` float32 `[468]`, out of a `.task` file."""
    from mediapipe.modules.face_geometry.protos.geometry_pipeline_metadata_pb2 import GeometryPipelineMetadata

    with zipfile.ZipFile(task) as archive:
        metadata = GeometryPipelineMetadata.FromString(archive.read(MEMBER))
    vertices = np.array(metadata.canonical_mesh.vertex_buffer, np.float32).reshape(POINTS, _VERTEX_FLOATS)[:, :3]
    weights = np.zeros(POINTS, np.float32)
    for landmark in metadata.procrustes_landmark_basis:
        weights[landmark.landmark_id] = landmark.weight
    return {"vertices": vertices, "weights": weights}


@click.command()
@click.argument("task", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=CANONICAL_FACE.parent, show_default=True)
def main(task: Path, out: Path) -> None:
    """Take the canonical face out of TASK."""
    arrays = read_canonical_face(task)
    with complete_or_absent(out / CANONICAL_FACE.name) as temporary:
        np.savez_compressed(temporary, **arrays)


if __name__ == "__main__":
    main()
