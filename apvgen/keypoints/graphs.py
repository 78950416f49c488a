"""MediaPipe's networks, wired for people who are pointed at: the parts of its holistic graph, each told its place.

The stock holistic solution looks for one person by itself, smooths with a lag and hides its scores. These graphs are
made of the same registered parts (google-ai-edge/mediapipe, `mediapipe/modules`), whose networks ship in the wheel. A
graph is for one thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from apvgen.errors import MissingModelError
from apvgen.keypoints.quiet import quiet_start

if TYPE_CHECKING:
    from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
    from mediapipe.python.solution_base import SolutionBase

_PEOPLE = """
input_stream: "image"
node { calculator: "PoseDetectionCpu" input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections" }
"""

_FIGURE = """
input_stream: "image"
input_stream: "place"
input_side_packet: "complexity"
input_side_packet: "refine"
node { calculator: "ImagePropertiesCalculator" input_stream: "IMAGE_CPU:image" output_stream: "SIZE:size" }
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:place"
  input_side_packet: "MODEL_COMPLEXITY:complexity"
  output_stream: "LANDMARKS:body"
  output_stream: "AUXILIARY_LANDMARKS:circle"
}
node {
  calculator: "HandLandmarksLeftAndRightCpu"
  input_stream: "IMAGE:image"
  input_stream: "POSE_LANDMARKS:body"
  output_stream: "LEFT_HAND_LANDMARKS:left"
  output_stream: "RIGHT_HAND_LANDMARKS:right"
}
node {
  calculator: "SplitNormalizedLandmarkListCalculator"
  input_stream: "body"
  output_stream: "head"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] { ranges: { begin: 0 end: 11 } } }
}
node {
  calculator: "FaceLandmarksFromPoseCpu"
  input_stream: "IMAGE:image"
  input_stream: "FACE_LANDMARKS_FROM_POSE:head"
  input_side_packet: "REFINE_LANDMARKS:refine"
  output_stream: "FACE_LANDMARKS:face"
}
"""

_HAND = """
input_stream: "image"
input_stream: "place"
node { calculator: "ImagePropertiesCalculator" input_stream: "IMAGE_CPU:image" output_stream: "SIZE:size" }
node {
  calculator: "HandLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:place"
  output_stream: "LANDMARKS:hand"
  output_stream: "HANDEDNESS:handedness"
}
"""

_FACE = """
input_stream: "image"
input_stream: "head"
input_side_packet: "refine"
node { calculator: "ImagePropertiesCalculator" input_stream: "IMAGE_CPU:image" output_stream: "SIZE:size" }
node {
  calculator: "FaceLandmarksFromPoseCpu"
  input_stream: "IMAGE:image"
  input_stream: "FACE_LANDMARKS_FROM_POSE:head"
  input_side_packet: "REFINE_LANDMARKS:refine"
  output_stream: "FACE_LANDMARKS:face"
}
"""

# Names that MediaPipe gives to streams inside the parts above: the path of calculators, in lower case.
_HANDS = "handlandmarksleftandrightcpu__handlandmarksfromposecpu_{}__handlandmarkcpu__"
_PRESENCE = "handlandmarkcpu__hand_presence_score"
_HAND_PRESENCE = tuple(_HANDS.format(side) + "hand_presence_score" for side in (1, 2))
_HANDEDNESS = tuple(_HANDS.format(side) + "handedness" for side in (1, 2))
_FACE_PRESENCE = "facelandmarksfromposecpu__facelandmarkcpu__face_presence_score"

_ROI_SCALE = 2.5
"""Side of the square that the body network wants, in radii of the circle around the person (pose_landmarks_to_roi)."""


class Circle(NamedTuple):
    """Where a person is, as MediaPipe sees it: around the middle of the hips, through the top of the head.

    x, y: centre, pixels. dx, dy: from the centre to the rim at the head, pixels.
    """

    x: float
    y: float
    dx: float
    dy: float

    @property
    def radius(self) -> float:
        return float(np.hypot(self.dx, self.dy))


_BLANK = np.zeros((8, 8, 3), np.uint8)
_CENTRE = Circle(4, 4, 0, -4)


@dataclass(frozen=True)
class Figure:
    """What the networks say about one person in one picture, in pixels, off the picture too.

    body: float32 `[33, 3]` BlazePose points (x, y, score in [0, 1] = visibility times presence).
    hands: float32 `[2, 21, 2]`, the person's left first; NaN where none was found.
    hand_scores: `[2]`, the network's probability that its crop shows a hand.
    left_handed: `[2]`, its probability that this is a left hand.
    face: float32 `[478, 3]` (x, y, depth in the unit of x) or NaN. face_score: probability that its crop shows a face.
    circle: where to look for this person in the next frame.
    """

    body: np.ndarray
    hands: np.ndarray
    hand_scores: np.ndarray
    left_handed: np.ndarray
    face: np.ndarray
    face_score: float
    circle: Circle

    def with_hand(self, side: int, hand: np.ndarray, score: float, left: float) -> Figure:
        """The same with another left (0) or right (1) hand."""
        hands, scores, sides = self.hands.copy(), self.hand_scores.copy(), self.left_handed.copy()
        hands[side], scores[side], sides[side] = hand, score, left
        return replace(self, hands=hands, hand_scores=scores, left_handed=sides)


class _Graph:
    """What all graphs have in common."""

    _graph: SolutionBase

    def close(self) -> None:
        """Give the network's memory back, which dropping the graph alone does not; it cannot be used afterwards."""
        self._graph.close()


class PeopleGraph(_Graph):
    """Finds people."""

    def __init__(self) -> None:
        self._graph = _load(_PEOPLE, ["detections"], {}, {"image": _BLANK})

    def __call__(self, image: np.ndarray) -> list[tuple[float, Circle]]:
        """(score in [0.5, 1], circle) of each person in an RGB uint8 `[H, W, 3]` picture, the surest first.

        The picture is seen at 224 x 224 pixels, so a person needs about half of its height to be found.
        """
        height, width = image.shape[:2]
        found = []
        for detection in self._graph.process({"image": np.ascontiguousarray(image)}).detections or ():
            hip, rim = detection.location_data.relative_keypoints[:2]
            circle = Circle(hip.x * width, hip.y * height, (rim.x - hip.x) * width, (rim.y - hip.y) * height)
            found.append((float(detection.score[0]), circle))
        return sorted(found, key=lambda person: -person[0])


class FigureGraph(_Graph):
    """Body, hands and face of the person at a given place. Remembers where hands and face were: see `forget`."""

    def __init__(self) -> None:
        outputs = ["body", "circle", "left", "right", "face", _FACE_PRESENCE, *_HAND_PRESENCE, *_HANDEDNESS]
        blank = {"image": _BLANK, "place": _rect(_CENTRE, _BLANK.shape[:2])}
        self._graph = _load(_FIGURE, outputs, {"complexity": 1, "refine": True}, blank)

    def __call__(self, image: np.ndarray, place: Circle) -> Figure | None:
        """The person at `place` in an RGB uint8 `[H, W, 3]` picture; None where there is no body."""
        found = self._graph.process({"image": np.ascontiguousarray(image), "place": _rect(place, image.shape[:2])})
        if found.body is None:
            return None
        size = np.array(image.shape[1::-1], np.float32)
        body = _points(found.body, 33)
        scores = [point.visibility * point.presence for point in found.body.landmark]
        (x, y), (rim_x, rim_y) = (_points(found.circle, 2)[:, :2] * size).tolist()
        presence = [getattr(found, name) or 0.0 for name in _HAND_PRESENCE]
        return Figure(
            body=np.column_stack([body[:, :2] * size, np.array(scores, np.float32)]),
            hands=np.stack([_points(hand, 21)[:, :2] * size for hand in (found.left, found.right)]),
            hand_scores=np.array(presence),
            left_handed=np.array([_left_probability(getattr(found, name)) for name in _HANDEDNESS]),
            face=_points(found.face, 478) * size[[0, 1, 0]],
            face_score=float(getattr(found, _FACE_PRESENCE) or 0.0),
            circle=Circle(x, y, rim_x - x, rim_y - y),
        )

    def forget(self) -> None:
        """Make the next picture independent of all before, as a fresh graph would: a black one shows nobody."""
        self(_BLANK, _CENTRE)


class HandGraph(_Graph):
    """The hand at a given place."""

    def __init__(self) -> None:
        blank = {"image": _BLANK, "place": _rect(_CENTRE, _BLANK.shape[:2])}
        self._graph = _load(_HAND, ["hand", "handedness", _PRESENCE], {}, blank)

    def __call__(self, image: np.ndarray, place: Circle) -> tuple[np.ndarray, float, float]:
        """(float32 `[21, 2]` pixels, NaN where there is no hand; score; probability that it is a left hand).

        image: RGB uint8 `[H, W, 3]`. place: a circle around the hand, through the side of the fingertips.
        """
        found = self._graph.process({"image": np.ascontiguousarray(image), "place": _rect(place, image.shape[:2])})
        points = _points(found.hand, 21)[:, :2] * np.array(image.shape[1::-1], np.float32)
        return points, float(getattr(found, _PRESENCE) or 0.0), _left_probability(found.handedness)


class FaceGraph(_Graph):
    """The face mesh of a head at a given place. Remembers where the face was: see `forget`."""

    def __init__(self) -> None:
        blank = {"image": _BLANK, "head": _landmarks(np.zeros((11, 2)))}
        self._graph = _load(_FACE, ["face", _FACE_PRESENCE], {"refine": True}, blank)

    def __call__(self, image: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, float]:
        """(float32 `[478, 3]` x, y and depth in pixels, NaN where no face was found; score).

        image: RGB uint8 `[H, W, 3]`. head: `[11, 2]` pixels of BlazePose's first points; their box, three times as
        large and turned with the eyes (points 5 and 2), is searched.
        """
        size = np.array(image.shape[1::-1], np.float32)
        found = self._graph.process({"image": np.ascontiguousarray(image), "head": _landmarks(head / size)})
        return _points(found.face, 478) * size[[0, 1, 0]], float(getattr(found, _FACE_PRESENCE) or 0.0)

    def forget(self) -> None:
        """Make the next picture independent of all before."""
        self(_BLANK, np.zeros((11, 2)))


def _points(landmarks: Any, count: int) -> np.ndarray:
    """float32 `[count, 3]`, in shares of the picture's width, height and width; NaN for None."""
    if landmarks is None:
        return np.full((count, 3), np.nan, np.float32)
    return np.array([(point.x, point.y, point.z) for point in landmarks.landmark[:count]], np.float32)


def _left_probability(handedness: Any) -> float:
    """MediaPipe names hands as in a mirror, so its "Right" is the person's left in an ordinary picture."""
    if handedness is None:
        return 0.5
    best = handedness.classification[0]
    return best.score if best.label == "Right" else 1 - best.score


def _rect(place: Circle, hw: tuple[int, int]) -> Any:
    from mediapipe.framework.formats.rect_pb2 import NormalizedRect

    height, width = hw
    side = _ROI_SCALE * place.radius
    return NormalizedRect(
        x_center=place.x / width,
        y_center=place.y / height,
        width=side / width,
        height=side / height,
        rotation=float(np.arctan2(place.dx, -place.dy)),
    )


def _landmarks(points: np.ndarray) -> Any:
    from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmark, NormalizedLandmarkList

    return NormalizedLandmarkList(landmark=[NormalizedLandmark(x=x, y=y) for x, y in points])


def _load(text: str, outputs: list[str], side_inputs: dict[str, Any], first: dict[str, Any]) -> SolutionBase:
    """Start a graph that works on its caller's thread, and give it its first packets, so that it has reported all.

    Raises MissingModelError when mediapipe is not installed.
    """
    with quiet_start():
        try:
            from mediapipe.python.solution_base import SolutionBase
        except ImportError as error:
            raise MissingModelError(
                f"MediaPipe, which finds people in pictures, does not import ({error}): "
                "run `pip install -r requirements.txt`."
            ) from error
        graph = SolutionBase(graph_config=_expand(text), outputs=outputs, side_inputs=side_inputs)
        graph.process(first)
        return graph


def _expand(text: str) -> CalculatorGraphConfig:
    from google.protobuf import text_format
    from mediapipe.calculators.core import split_vector_calculator_pb2  # noqa: F401  (text_format needs it registered)
    from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
    from mediapipe.python._framework_bindings import validated_graph_config

    graph = validated_graph_config.ValidatedGraphConfig()
    graph.initialize(graph_config=text_format.Parse(text, CalculatorGraphConfig()))
    config = CalculatorGraphConfig.FromString(graph.binary_config)
    # Segments of the video already share the cores: on the caller's thread a graph takes 4 % less time than on its own.
    del config.executor[:]
    config.executor.add(type="ApplicationThreadExecutor")
    for node in config.node:
        # Without the picture's size this calculator works too, but complains.
        if node.calculator == "LandmarkProjectionCalculator" and len(node.input_stream) == 2:
            node.input_stream.append("IMAGE_DIMENSIONS:size")
    return config
