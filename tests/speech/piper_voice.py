"""A Piper voice without a trained weight: each phoneme is a tone. Its inputs and outputs are a real one's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE_HZ = 22_050
_HOP = 256

# Each phoneme id becomes 256 × length_scale samples of a sine of 200 + 20 × id Hz.
_GRAPH = """
    Reshape input flat -> ids
    Size ids -> count
    Cast count -> count_float
    Gather scales one -> length_scale
    Mul length_scale hop -> phoneme_samples
    Mul count_float phoneme_samples -> samples_float
    Cast samples_float -> samples
    Range zero samples one -> time
    Cast time -> time_float
    Div time_float phoneme_samples -> position
    Floor position -> position_floor
    Cast position_floor -> position_whole
    Sub count one -> last
    Min position_whole last -> index
    Gather ids index -> phoneme
    Cast phoneme -> phoneme_float
    Mul phoneme_float step -> offset
    Add offset base -> frequency
    Mul frequency time_float -> cycles
    Mul cycles radians -> angle
    Sin angle -> sine
    Mul sine level -> quiet
    Reshape quiet shape -> output
"""


def build_voice(folder: Path, name: str, language: str) -> None:
    """Write ``name``.onnx and its configuration."""
    constants = {
        "flat": np.array([-1], np.int64),
        "one": np.int64(1),
        "zero": np.int64(0),
        "hop": np.float32(_HOP),
        "step": np.float32(20),
        "base": np.float32(200),
        "radians": np.float32(2 * np.pi / RATE_HZ),
        "level": np.float32(0.4),
        "shape": np.array([1, 1, -1], np.int64),
    }
    nodes = []
    for line in _GRAPH.strip().splitlines():
        left, _, output = line.strip().partition(" -> ")
        operation, *inputs = left.split()
        to_float = output.endswith("_float")
        types = {"to": TensorProto.FLOAT if to_float else TensorProto.INT64} if operation == "Cast" else {}
        axis = {"axis": 0} if operation == "Gather" else {}
        nodes.append(helper.make_node(operation, inputs, [output], **types, **axis))
    graph = helper.make_graph(
        nodes,
        "tones",
        [
            helper.make_tensor_value_info("input", TensorProto.INT64, [1, "N"]),
            helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
            helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "T"])],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / f"{name}.onnx"))
    config = {
        "audio": {"sample_rate": RATE_HZ},
        "espeak": {"voice": "fr"},
        "language": {"code": language, "name_native": "Français"},
        "phoneme_type": "espeak",
        "num_symbols": 256,
        "num_speakers": 1,
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": _HOP,
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(config), encoding="utf-8")
