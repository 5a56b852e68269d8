"""What `encode` reports on a model whose numbers are attributes of operators."""

from pathlib import Path

import onnx
from helpers.command_line import nnc
from onnx import TensorProto, helper


def test_the_values_of_a_tree_ensemble_are_named_as_attributes(tmp_path: Path) -> None:
    """Two leaves of weight 1 and 2, and three nodes, each with a threshold."""
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_values=[0.5, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[1.0, 2.0],
    )
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1]) for name in "xy"]
    graph = helper.make_graph([node], "trees", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)])
    onnx.save(model, tmp_path / "trees.onnx")
    done = nnc("encode", "trees.onnx", "trees.nnr", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("0 of 5 values coded; the others are attributes of TreeEnsembleRegressor\n")
    assert nnc("decode", "trees.nnr", "back.onnx", cwd=tmp_path).returncode == 0
    assert onnx.load(tmp_path / "back.onnx").graph == graph
