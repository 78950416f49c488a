"""Tracks that cannot be used, or mean harm: one clear sentence, and nothing that they ask for is done."""

import io
import json
import os
import pickle
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from test_exchange import pose

from apvgen import exchange
from apvgen.config import Limits
from apvgen.errors import ApvgenError, InputError, LimitError, MediaError, OutputError
from apvgen.exchange import Reading, files, pickled

READING = Reading(default_fps=Fraction(25))
PERSON = {"pose_keypoints_2d": [100, 100, 0.9] * 25}
FRAME = json.dumps({"people": [PERSON]})


def refused(place, match: str, kind: type[ApvgenError] = MediaError, reading: Reading = READING) -> None:
    with pytest.raises(kind, match=match) as caught:
        exchange.read_motion(place, reading)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def folder(tmp_path, contents: dict[str, str | bytes]):
    place = tmp_path / "poses"
    place.mkdir()
    for name, content in contents.items():
        (place / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return place


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        ("[1, 2]", "no list of people"),
        ('{"people": {}}', "no list of people"),
        ('{"people": [3]}', "no set of key points"),
        (
            json.dumps({"people": [{"pose_keypoints_2d": [1.0] * 10}]}),
            "has 10 numbers in pose_keypoints_2d, not 54 or 75",
        ),
        (json.dumps({"people": [{"hand_left_keypoints_2d": [1.0] * 60}]}), "60 numbers in hand_left_keypoints_2d"),
        (json.dumps({"people": [{"pose_keypoints_2d": ["a"] * 54}]}), "something else than numbers"),
        (json.dumps({"people": [{"pose_keypoints_2d": [[1], [1, 2]]}]}), "something else than numbers"),
        (json.dumps({"people": [{"pose_keypoints_2d": [10**400] * 54}]}), "something else than numbers"),
        (json.dumps({"people": [{"pose_keypoints_2d": [float("nan"), 5, 1] * 18}]}), "no number"),
        (json.dumps({"people": [{"pose_keypoints_2d": [5, 5, float("inf")] * 18}]}), "no number"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1e9, 5, 1] * 18}]}), "more than 16384 px away"),
        (json.dumps({"people": [PERSON] * 101}), "101 people"),
        (json.dumps({"people": [PERSON], "canvas_height": -3, "canvas_width": 5}), "a picture of -3 x 5"),
        (json.dumps({"people": [PERSON], "fps": "fast"}), "no frame rate"),
        (json.dumps({"people": [PERSON], "fps": "1/0"}), "no frame rate"),
        (json.dumps({"people": [PERSON], "fps": 4000}), "4000 frames a second"),
        (json.dumps({"people": []}), "shows nobody"),
    ],
)
def test_bad_json(tmp_path, content, match):
    refused(folder(tmp_path, {"0_keypoints.json": content}), match)


def test_frames_that_do_not_follow_each_other(tmp_path):
    refused(folder(tmp_path, {f"{k}.json": FRAME for k in (0, 1, 3, 4)}), "lacks frame 2")


def test_frames_of_two_videos(tmp_path):
    refused(folder(tmp_path, {"a_0001.json": FRAME, "b_0001.json": FRAME}), "two frames 1")


def test_frames_of_two_sizes(tmp_path):
    sizes = [json.dumps({"people": [PERSON], "canvas_height": side, "canvas_width": 300}) for side in (400, 402)]
    refused(folder(tmp_path, {f"{k}.json": frame for k, frame in enumerate(sizes)}), "another picture size")


def test_what_is_no_track(tmp_path):
    refused(folder(tmp_path, {}), "no .json and no .npy", InputError)
    (tmp_path / "poses" / "0.json").write_text(FRAME)
    (tmp_path / "poses" / "0.npy").write_text("")
    refused(tmp_path / "poses", "both .json and .npy", InputError)
    refused(tmp_path / "gone.zip", "does not exist", InputError)
    (tmp_path / "notes.txt").write_text("hello")
    refused(tmp_path / "notes.txt", "is no track", InputError)
    for name in ("broken.zip", "broken.npz"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 and no more")
        refused(tmp_path / name, "cannot be read")


WHOLE = {"keypoints": np.ones((2, 133, 2)), "scores": np.ones((2, 133))}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"scores": None}, "keypoints but no scores"),
        ({"scores": np.ones((2, 17))}, r"scores \[2, 1?,? ?17\]"),
        ({"keypoints": np.ones((2, 134, 2)), "scores": np.ones((2, 134))}, "134 points in OpenPose's order"),
        ({"keypoints": np.ones((2, 17, 2)), "scores": np.ones((2, 17))}, "17 points a person"),
        ({"keypoints": np.ones(5)}, r"keypoints \[5\]"),
        ({"keypoints": np.ones((0, 133, 2)), "scores": np.ones((0, 133))}, "holds no frames"),
        ({"scores": np.zeros((2, 133))}, "shows nobody"),
        ({"keypoints": np.full((2, 133, 2), np.nan)}, "no number"),
        ({"keypoints": np.full((2, 133, 2), "a")}, "something else than numbers"),
        ({"keypoints": np.ones((1, 101, 133, 2)), "scores": np.ones((1, 101, 133))}, "101 people"),
        ({"hw": np.array([-1, 5])}, "as hw"),
        ({"fps": np.array([25, 0])}, "as fps"),
        ({"fps": np.array("fast")}, "as fps"),
        ({"fps": np.array(np.nan)}, "as fps"),
    ],
)
def test_bad_wholebody_arrays(tmp_path, change, match):
    arrays = {name: value for name, value in {**WHOLE, **change}.items() if value is not None}
    np.savez(tmp_path / "whole.npz", **arrays)
    refused(tmp_path / "whole.npz", match)


def test_pickles_in_an_npz_are_not_read(tmp_path):
    np.savez(tmp_path / "whole.npz", keypoints=np.array([Trap()], object), scores=np.ones((1, 133)))
    refused(tmp_path / "whole.npz", "cannot be read")
    assert not TRAPPED.exists()


def changed(path: str, value: object) -> dict:
    made = pose()
    *way, last = path.split(".")
    inner = made[way[0]] if way else made
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("bodies", None, "no bodies"),
        ("bodies.score", None, "lacks the array score"),
        ("bodies.candidate", np.ones((17, 2)), r"candidate of shape \[17, 2\], not \[18, 2\]"),
        ("hands", np.ones((1, 21, 2)), "hands of shape"),
        ("hands_score", [1, 2], "lacks the array hands_score"),
        ("faces", np.ones((1, 70, 2)), "faces of shape"),
        ("faces_score", np.array([["a"] * 68]), "holds an array of type 'U1'"),
        ("hands", np.full((2, 21, 2), np.nan), "no number"),
        ("draw_pose_params", None, "draw_pose_params"),
        ("draw_pose_params", [0, 768, 0, 768, 0, 768], "draw_pose_params"),
        ("draw_pose_params", ["a"] * 6, "draw_pose_params"),
        ("draw_pose_params", [[1, 2], 3], "draw_pose_params"),
    ],
)
def test_bad_poses(tmp_path, path, value, match):
    place = folder(tmp_path, {})
    np.save(place / "0.npy", changed(path, value))
    refused(place, match)


TRAPPED = Path("trapped")


class Trap:
    def __reduce__(self):
        return os.mkdir, (str(TRAPPED),)


def npy(content: bytes) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + content


def global_call(module: str, name: str, argument: str) -> bytes:
    return b"\x80\x03" + f"c{module}\n{name}\n".encode() + pickle.dumps(argument, 3)[2:-1] + b"\x85R."


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (npy(pickle.dumps(Trap())), "a call of posix.mkdir"),
        (npy(pickle.dumps({"bodies": Trap()})), "a call of posix.mkdir"),
        (npy(pickle.dumps(np.array([Trap(), 1], object))), "a call of"),
        (npy(global_call("builtins", "eval", "1")), "a call of builtins.eval"),
        (npy(global_call("numpy", "load", "x")), "a call of numpy.load"),
        (npy(global_call("numpy.core.multiarray", "fromfile", "x")), "a call of numpy.core.multiarray.fromfile"),
        (npy(global_call("apvgen.exchange.pickled", "_Unpickler", "x")), "a call of apvgen"),
        (npy(b"\x80\x03cnumpy\ndtype\n(X\x02\x00\x00\x00V8tR."), "array of type 'V8'"),
        (npy(pickle.dumps(np.ones(3), 3)[:-20]), "damaged pickle"),
        (npy(b"\x80\x03Pnumber one\n."), "more than a pose needs"),
        (npy(b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b"."), "more than a pose needs"),
        (npy(b"\x80\x03r\xff\xff\xff\x7f."), "damaged pickle"),
        (npy(b""), "damaged pickle"),
        (b"\x93NUMPY", "no .npy header"),
        (b"plain text", "no .npy header"),
        (npy(pickle.dumps({str(k): k for k in range(100)})), "larger dictionary"),
        (npy(pickle.dumps([1, 2])), "no bodies"),
    ],
)
def test_a_pickle_runs_nothing(tmp_path, monkeypatch, content, match):
    monkeypatch.chdir(tmp_path)
    refused(folder(tmp_path, {"0.npy": content}), match)
    assert not TRAPPED.exists()


def test_a_dictionary_that_holds_itself_ends():
    own = {}
    own["own"] = own
    with pytest.raises(pickled.Refused, match="larger dictionary"):
        pickled.loads(npy(pickle.dumps(own)))


def test_an_array_that_claims_more_than_it_holds_is_refused():
    array = pickle.dumps(np.ones((2, 3)), 3).replace(b"K\x02K\x03", b"K\xffK\xff")
    with pytest.raises(pickled.Refused, match="damaged pickle"):
        pickled.loads(npy(array))


def test_a_stand_in_cannot_be_changed_by_a_pickle():
    before = dict(vars(pickled._Array))
    with pytest.raises(pickled.Refused):
        pickled.loads(npy(b"\x80\x03cnumpy\nndarray\n}X\x05\x00\x00\x00valueK\x01sb."))
    with pytest.raises(pickled.Refused):
        pickled.loads(npy(b"\x80\x03cnumpy\nndarray\n(N}X\x05\x00\x00\x00valueK\x01stb."))
    assert dict(vars(pickled._Array)) == before


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.ones((2, 3))), np.zeros((0, 21, 2))]
)
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "i8", "u1", "bool"])
def test_arrays_of_any_number_type_arrive_whole(array, dtype):
    entry = np.asarray(array, dtype)
    loaded = pickled.loads(npy(pickle.dumps(np.array({"a": entry, "b": entry.dtype.type(1)}, object))))
    np.testing.assert_array_equal(loaded["a"], entry)
    assert loaded["b"] == 1


@pytest.mark.parametrize("name", ["../0.json", "/etc/0.json", "a/../../0.json", "C:\\0.json", "..\\0.json"])
def test_a_zip_that_leads_out_of_itself(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "poses.zip", "w") as archive:
        archive.writestr(name, FRAME)
    refused(tmp_path / "poses.zip", "leads out of it")


def test_a_zip_with_a_link(tmp_path):
    with zipfile.ZipFile(tmp_path / "poses.zip", "w") as archive:
        entry = zipfile.ZipInfo("0.json")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    refused(tmp_path / "poses.zip", "leads out of it")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "poses.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.json", b" " * (files.MOST_BYTES_A_FRAME + 1))
    assert (tmp_path / "poses.zip").stat().st_size < 20_000
    refused(tmp_path / "poses.zip", "unpacks to more than 4 MiB", LimitError)


def test_a_zip_with_an_endless_list_of_files_is_not_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "poses.zip", "w") as archive:
        archive.writestr("0.json", FRAME)
    content = (tmp_path / "poses.zip").read_bytes()
    end = content.index(b"PK\x05\x06")
    directory = content[content.index(b"PK\x01\x02") : end] * 400_000
    grown = content[: end + 12] + len(directory).to_bytes(4, "little") + content[end + 16 :]
    (tmp_path / "poses.zip").write_bytes(content[:end] + directory + grown[end:])
    refused(tmp_path / "poses.zip", "lists more files", LimitError)
    (tmp_path / "poses.zip").write_bytes(content[:end] + b"PK\x06\x07" + bytes(16) + content[end:])
    refused(tmp_path / "poses.zip", "lists more files", LimitError)


def test_many_frames_count_together(tmp_path):
    place = folder(tmp_path, {f"{k}.json": FRAME for k in range(5)})
    refused(place, "unpacks to more than", LimitError, Reading(Limits(file_bytes=3 * len(FRAME)), fps=Fraction(25)))
    refused(place, "holds 5 frames; at most 1", LimitError, Reading(Limits(video_seconds=0.01), fps=Fraction(25)))


def test_a_locked_or_damaged_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "poses.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.json", FRAME * 10)
    whole = (tmp_path / "poses.zip").read_bytes()
    start = whole.index(b"0.json") + 6
    (tmp_path / "poses.zip").write_bytes(whole[:start] + b"\x00" * 12 + whole[start + 12 :])
    refused(tmp_path / "poses.zip", "cannot be read")
    directory = whole.index(b"PK\x01\x02")
    (tmp_path / "poses.zip").write_bytes(
        whole[:6] + b"\x01" + whole[7 : directory + 8] + b"\x01" + whole[directory + 9 :]
    )
    refused(tmp_path / "poses.zip", "locked")


def test_a_place_that_is_taken_is_left_alone(tmp_path):
    place = folder(tmp_path, {"mine.txt": "precious"})
    with pytest.raises(OutputError, match="exists already"):
        files.write(place, [("0.json", b"{}")])
    assert [path.name for path in place.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["new", "new.zip"])
def test_a_failure_leaves_nothing_behind(tmp_path, name):
    def contents():
        yield "0.json", b"{}"
        raise MediaError("no more")

    with pytest.raises(MediaError):
        files.write(tmp_path / name, contents())
    assert not list(tmp_path.iterdir())
