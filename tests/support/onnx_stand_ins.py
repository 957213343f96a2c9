"""ONNX graphs with the names, types and shapes of real models, which spell a chosen sentence.

The weights of T-one and GigaAM come from an official hub and cannot be had where the tests run; the
code that loads and runs them can be driven by these. They understand nothing: the sentence comes
out letter by letter as time goes by. What T-one's puts out depends a little on how loud the sound
is, so that sound that is torn or lost shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
T_ONE_TOKENS = f"{RUSSIAN} _"
GIGAAM_TOKENS = " " + RUSSIAN.replace("ё", "") + "_"
Figures: TypeAlias = npt.NDArray[Any]
Declared: TypeAlias = tuple[str, int, list[str | int]]
Doubts: TypeAlias = Mapping[int, tuple[str, float]]
_OPSET = 17
_IR_VERSION = 9
_STATE_SIZE = 219_729
_NATS_A_FULL_SCALE = 0.05  # of the last letter, so that no two sounds get the same figures


def spelled(
    sentence: str,
    tokens: str,
    *,
    n_frames: int,
    first_frame: int,
    step: int,
    doubt: float = -10.0,
    doubts: Doubts | None = None,
) -> npt.NDArray[np.float32]:
    """Return log-probabilities of frames, shape (n_frames, n_tokens): a letter every `step`.

    `doubts` gives, by place in the sentence, what else may have been said there (`_`: nothing) and
    how probable that is. By the default of `doubt` four seconds of silence hold no letter with
    about the probability that a real model gives to spoken sentences (`test_real_ctc`).
    """
    noise = np.random.default_rng(0).normal(size=(n_frames, len(tokens)))
    logits = doubt + noise
    said = [tokens.index("_")] * n_frames
    for place, letter in enumerate(sentence):
        said[first_frame + step * place] = tokens.index(letter)
    logits[np.arange(n_frames), said] = 0.0
    for place, (other, share) in (doubts or {}).items():
        frame = first_frame + step * place
        logits[frame, said[frame]] = np.log(1.0 - share)
        logits[frame, tokens.index(other)] = np.log(share)
    normalised = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return np.asarray(normalised, np.float32)


def write_t_one(
    folder: Path,
    sentence: str,
    *,
    first_s: float = 0.2,
    n_chunks: int = 120,
    doubts: Doubts | None = None,
    signal_type: int = TensorProto.INT32,
    state_size: int = _STATE_SIZE,
) -> Path:
    """Write model.onnx of T-one's contract; its state counts the chunks it was given.

    A letter is said every 90 ms from `first_s` on, and comes out 0.33 s later; the first chunk is
    the silence before.
    """
    first_frame = 10 + 11 + round(first_s / 0.03)
    frames = spelled(
        sentence,
        T_ONE_TOKENS,
        n_frames=10 * n_chunks,
        first_frame=first_frame,
        step=3,
        doubts=doubts,
    )
    table = frames.reshape(n_chunks, 10, len(T_ONE_TOKENS))
    one_more = np.zeros((1, state_size), np.float16)
    one_more[0, 0] = 1.0
    constants: dict[str, Figures] = {
        "table": table,
        "one_more": one_more,
        "from": np.array([0], np.int64),
        "to": np.array([1], np.int64),
        "axis": np.array([1], np.int64),
        "last_chunk": np.array(n_chunks - 1, np.int64),
        "by_frame": np.array([1, 10, 240], np.int64),
        "last_letter": np.eye(35, dtype=np.float32)[32] * _NATS_A_FULL_SCALE / 32_767,
    }
    nodes = [
        helper.make_node("Slice", ["state", "from", "to", "axis"], ["counter"]),
        helper.make_node("Squeeze", ["counter", "axis"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["n_done"], to=TensorProto.INT64),
        helper.make_node("Min", ["n_done", "last_chunk"], ["chunk"]),
        helper.make_node("Gather", ["table", "chunk"], ["spelt"], axis=0),
        helper.make_node("Cast", ["signal"], ["samples"], to=TensorProto.FLOAT),
        helper.make_node("Abs", ["samples"], ["levels"]),
        helper.make_node("Reshape", ["levels", "by_frame"], ["framed"]),
        helper.make_node("ReduceMean", ["framed"], ["loudness"], axes=[2], keepdims=1),
        helper.make_node("Mul", ["loudness", "last_letter"], ["heard"]),
        helper.make_node("Add", ["spelt", "heard"], ["logprobs"]),
        helper.make_node("Add", ["state", "one_more"], ["state_next"]),
    ]
    inputs: list[Declared] = [
        ("signal", signal_type, ["B", 2400, 1]),
        ("state", TensorProto.FLOAT16, ["B", state_size]),
    ]
    outputs: list[Declared] = [
        ("logprobs", TensorProto.FLOAT, ["B", 10, 35]),
        ("state_next", TensorProto.FLOAT16, ["B", state_size]),
    ]
    return _write(folder / "model.onnx", nodes, inputs, outputs, constants)


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[Declared],
    outputs: list[Declared],
    constants: dict[str, Figures],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def write_gigaam(
    folder: Path,
    sentence: str,
    *,
    first_s: float = 0.2,
    n_features: int = 3_200,
    n_mels: int = 64,
    tokens: str = GIGAAM_TOKENS,
) -> Path:
    """Write v3_ctc.int8.onnx and v3_vocab.txt of GigaAM's contract.

    A letter is said every 80 ms from `first_s` on. As the model does, the graph gives a frame for
    every four features, counting with `feature_lengths`, and one that is padding.
    """
    n_frames = n_features // 4
    frames = spelled(sentence, tokens, n_frames=n_frames, first_frame=round(first_s / 0.04), step=2)
    constants: dict[str, Figures] = {
        "table": frames[None],
        "one": np.array([1], np.int64),
        "four": np.array([4], np.int64),
        "from": np.array([0], np.int64),
        "axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Sub", ["feature_lengths", "one"], ["before_last"]),
        helper.make_node("Div", ["before_last", "four"], ["last_frame"]),
        helper.make_node("Add", ["last_frame", "one"], ["n_frames"]),
        helper.make_node("Add", ["n_frames", "one"], ["n_padded"]),
        helper.make_node("Slice", ["table", "from", "n_padded", "axis"], ["log_probs"]),
    ]
    inputs: list[Declared] = [
        ("features", TensorProto.FLOAT, ["B", n_mels, "T"]),
        ("feature_lengths", TensorProto.INT64, ["B"]),
    ]
    outputs: list[Declared] = [("log_probs", TensorProto.FLOAT, ["B", "T_out", len(tokens)])]
    lines = [f"{'▁' if t == ' ' else '<blk>' if t == '_' else t} {n}" for n, t in enumerate(tokens)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "v3_vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return _write(folder / "v3_ctc.int8.onnx", nodes, inputs, outputs, constants)
