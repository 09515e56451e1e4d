"""A model as ONNX: one LSTM node a layer, its states in and out, batch and time free.

(https://onnx.ai/onnx/operators/onnx__LSTM.html: gates in the order i o f c.)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from charloom.model import ModelData, write_atomically
from charloom.text import SettingError

from .base import embeddings_of

OPSET = 17  # what onnxruntime and onnxruntime-web have had since 2022
IR_VERSION = 8


def write_onnx(data: ModelData, path: Path, name: str) -> None:
    """Write a model as one .onnx file.

    Raises:
        SettingError: if the `onnx` package is missing.
    """
    try:
        import onnx
    except ImportError:
        raise SettingError(
            "Exporting to ONNX needs the onnx package; install it: pip install 'charloom[onnx]'"
        ) from None
    model = build(data, name)
    onnx.checker.check_model(model, full_check=True)
    write_atomically(path, model.SerializeToString())


def build(data: ModelData, name: str) -> Any:
    """The model as an `onnx.ModelProto`.

    Inputs are `ids` (batch, time), int64, and for each layer `h_N` and `c_N` (batch, units);
    outputs are `logits` (batch, time, vocabulary) and the states after, `h_N_out` and
    `c_N_out`. What Charloom knows of the vocabulary is in the metadata.
    """
    from onnx import TensorProto, helper, numpy_helper

    shape, weights = data.shape, data.weights
    half = next(iter(weights.values())).dtype == np.float16
    real = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    constants, nodes = [], []

    def constant(label: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), label))
        return label

    def node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def value(label: str, kind: int, *sizes: str | int) -> Any:
        return helper.make_tensor_value_info(label, kind, list(sizes))

    first, direction = constant("axes_0", np.array([0])), constant("axes_1", np.array([1]))
    # ONNX has time before batch.
    x = node("Transpose", ["ids"], ["ids_TxB"], perm=[1, 0])
    x = node("Gather", [constant("embeddings", embeddings_of(data)), x], ["embedded_TxBxE"])
    inputs, outputs = [value("ids", TensorProto.INT64, "batch", "time")], []
    for layer in range(shape.layers):
        kernel, recurrent, bias = (
            weights[f"lstm_{layer}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")
        )
        both = np.concatenate([_gates(bias), np.zeros_like(bias)])  # ONNX has two; ours is one
        states = [
            node("Unsqueeze", [f"{part}_{layer}", first], [f"{part}_{layer}_1xBxH"])
            for part in "hc"
        ]
        node(
            "LSTM",
            [
                x,
                constant(f"kernel_{layer}", _gates(kernel).T[None]),
                constant(f"recurrent_{layer}", _gates(recurrent).T[None]),
                constant(f"bias_{layer}", both[None]),
                "",  # all sequences have the same length
                *states,
            ],
            [f"y_{layer}_Tx1xBxH", f"h_{layer}_after", f"c_{layer}_after"],
            hidden_size=shape.units,
        )
        x = node("Squeeze", [f"y_{layer}_Tx1xBxH", direction], [f"y_{layer}_TxBxH"])
        for part in "hc":
            node("Squeeze", [f"{part}_{layer}_after", first], [f"{part}_{layer}_out"])
            inputs.append(value(f"{part}_{layer}", real, "batch", shape.units))
            outputs.append(value(f"{part}_{layer}_out", real, "batch", shape.units))
    x = node("MatMul", [x, constant("dense_kernel", weights["dense.kernel"])], ["dense_TxBxV"])
    x = node("Add", [x, constant("dense_bias", weights["dense.bias"])], ["logits_TxBxV"])
    node("Transpose", [x], ["logits"], perm=[1, 0, 2])
    outputs.insert(0, value("logits", real, "batch", "time", shape.vocabulary))
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    model = helper.make_model(
        graph,
        producer_name="charloom",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(
        model, {"vocabulary": data.vocabulary.to_json(), "opening": json.dumps(data.opening)}
    )
    return model


def _gates(kernel: np.ndarray) -> np.ndarray:
    """Keras' gates i f c o as ONNX has them: i o f c."""
    i, f, c, o = np.split(kernel, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)
