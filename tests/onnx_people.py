"""Small ONNX networks of the form of YOLOX and RTMPose that see coloured rectangles as people."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PEOPLE_SIDE = 64
BODY_HW = (64, 48)
POINTS = 133
_MEAN, _STD = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])

PLACES = np.stack(
    [
        np.random.default_rng(0).uniform(0.1, 0.9, POINTS),
        np.random.default_rng(1).uniform(0.1, 0.9, POINTS),
    ],
    -1,
)
"""Where each point lies in a rectangle, in shares of its width and height."""


def write_people(folder: Path) -> None:
    """`yolox_made.onnx` and `dw-made.onnx` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_people(), folder / "yolox_made.onnx")
    onnx.save(_whole_body(), folder / "dw-made.onnx")


def _people() -> onnx.ModelProto:
    """`[1, 3, S, S]` BGR in 0..255 -> `[1, 3, 5]`: the box of what is bright in each channel, and whether anything is.

    The form of a YOLOX export with its non-maximum suppression inside.
    """
    graph = _Graph()
    bright = graph.cast(graph.op("Greater", "image", graph.constant([128.0])))
    edges = []
    for axis in (3, 2):
        profile = graph.op("ReduceMax", bright, graph.integers([5 - axis]), keepdims=0)
        edges.append([graph.cast(graph.op("ArgMax", profile, axis=2, keepdims=1, select_last_index=k)) for k in (0, 1)])
    score = graph.op("ReduceMax", bright, graph.integers([2, 3]), keepdims=0)
    score = graph.op("Unsqueeze", score, graph.integers([2]))
    one = graph.constant([1.0])
    (left, right), (top, bottom) = edges
    ends = [graph.op("Add", end, one) for end in (right, bottom)]
    graph.op("Concat", left, top, *ends, score, axis=2, name="dets")
    return graph.model(["image", [1, 3, PEOPLE_SIDE, PEOPLE_SIDE]], {"dets": [1, 3, 5]})


def _whole_body() -> onnx.ModelProto:
    """`[N, 3, H, W]` normalised BGR -> SimCC `[N, 133, 2 W]` and `[N, 133, 2 H]`.

    Points lie at `PLACES` of what is bright in the middle; their score is 0.9, or 0 where nothing is bright.
    """
    graph = _Graph()
    threshold = ((128 - _MEAN) / _STD).reshape(1, 3, 1, 1)
    bright = graph.cast(graph.op("Greater", "image", graph.constant(threshold)))
    present = graph.op("ReduceMax", bright, graph.integers([1, 2, 3]), keepdims=0)
    score = graph.op("Mul", graph.op("Reshape", present, graph.integers([-1, 1, 1])), graph.constant([0.9]))
    for name, axis, length, places in zip(("x", "y"), (3, 2), BODY_HW[::-1], PLACES.T, strict=True):
        profile = graph.op("ReduceMax", bright, graph.integers([1, 5 - axis]), keepdims=0)
        first, last = (graph.cast(graph.op("ArgMax", profile, axis=1, keepdims=1, select_last_index=k)) for k in (0, 1))
        span = graph.op("Add", graph.op("Sub", last, first), graph.constant([1.0]))
        place = graph.op("Add", first, graph.op("Mul", span, graph.constant(places.reshape(1, POINTS))))
        place = graph.op("Unsqueeze", graph.op("Mul", place, graph.constant([2.0])), graph.integers([2]))
        away = graph.op("Sub", graph.constant(np.arange(2 * length).reshape(1, 1, -1)), place)
        near = graph.op("Exp", graph.op("Neg", graph.op("Mul", away, away)))
        peak = graph.op("ReduceMax", near, graph.integers([2]), keepdims=1)
        graph.op("Mul", graph.op("Div", near, peak), score, name=f"simcc_{name}")
    height, width = BODY_HW
    return graph.model(
        ["image", ["batch", 3, height, width]],
        {"simcc_x": ["batch", POINTS, 2 * width], "simcc_y": ["batch", POINTS, 2 * height]},
    )


class _Graph:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: int) -> str:
        name = name or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def cast(self, value: str) -> str:
        return self.op("Cast", value, to=TensorProto.FLOAT)

    def constant(self, values: object) -> str:
        return self._store(np.asarray(values, np.float32))

    def integers(self, values: list[int]) -> str:
        return self._store(np.asarray(values, np.int64))

    def model(self, entry: list, outputs: dict[str, list]) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes,
            "made",
            [helper.make_tensor_value_info(entry[0], TensorProto.FLOAT, entry[1])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _store(self, values: np.ndarray) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name
