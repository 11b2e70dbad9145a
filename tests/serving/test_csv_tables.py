"""Batches as CSV, besides what `test_service` asks over HTTP: which tables are which inputs, and which outputs are a table."""

from types import SimpleNamespace

import numpy as np
import pytest

from gatewise.serving.routes.csv_tables import as_csv, of_csv
from gatewise.serving.terms.contract import Tensor
from gatewise.serving.terms.problems import Problem


def model(*inputs):
    return SimpleNamespace(name="m", inputs=inputs)


def test_a_column_of_words_is_one_sequence_and_rows_of_features_are_many():
    with pytest.raises(Problem, match="has 4 commas and lines, and may have 3"):
        of_csv(b"word\n3,4\n5\n", model(Tensor("x", "INT64", (-1, -1))), 3)
    words = of_csv(b"word\n3\n4.0\n\n5\n", model(Tensor("x", "INT64", (-1, -1))))["x"]
    assert (words.dtype, words.tolist()) == (np.dtype("int64"), [[3, 4, 5]])
    rows = of_csv(b"a,b\n3,4\n5,6\n", model(Tensor("x", "FP32", (-1, 2))))["x"]
    assert (rows.dtype, rows.tolist()) == (np.dtype("float32"), [[3.0, 4.0], [5.0, 6.0]])
    one = of_csv(b"a\n3\n5\n", model(Tensor("x", "FP64", (-1, 1))))["x"]
    assert one.tolist() == [[3.0], [5.0]]
    steps = of_csv(b"a\n3\n5\n", model(Tensor("x", "FP32", (-1, 2, 1))))["x"]
    assert steps.tolist() == [[[3.0], [5.0]]]


@pytest.mark.parametrize(
    ("body", "tensor", "code", "sentence"),
    [
        (
            b"horizon\n1\n2\n",
            Tensor("horizon", "INT64", (1,)),
            "bad_csv",
            "The table has 2 rows, and the model m takes 1 row.",
        ),
        (b"h\n1\n", Tensor("horizon", "INT64", (1,)), "bad_csv", "The table has no column 'horizon'; it has 'h'."),
        (
            b"n,horizon\na,1.5\n",
            Tensor("horizon", "INT64", (1,)),
            "bad_csv",
            "Line 2, column 2 is '1.5', and should be a whole number that INT64 holds.",
        ),
        (
            b"w\n99999999999999999999\n",
            Tensor("x", "INT64", (-1, -1)),
            "bad_csv",
            "Line 2, column 1 is '99999999999999999999', and should be a whole number that INT64 holds.",
        ),
        (
            b"a,b\n1,2\n",
            Tensor("x", "FP32", (-1, -1, 1)),
            "shape_wrong",
            "The table has the shape [1, 1, 2], and the model takes [-1, -1, 1] (-1: any length).",
        ),
        (b"a\n1\n", Tensor("x", "BOOL", (-1, 1)), "type_unsupported", "The model m takes BOOL, which CSV is not for."),
    ],
)
def test_tables_that_are_no_input(body, tensor, code, sentence):
    with pytest.raises(Problem) as caught:
        of_csv(body, model(tensor))
    assert (caught.value.code, str(caught.value)) == (code, sentence)


def test_outputs_that_are_no_table():
    outputs = {"steps": np.zeros((1, 6, 1)), "last": np.zeros((1, 2))}
    with pytest.raises(Problem, match=r"^The outputs have 1 row and 6,"):
        as_csv(outputs)
    table = as_csv({"ds": np.array(["=a", "b"], object), "y": np.array([[1.5, 2], [3, 4]])})
    assert table == b"ds,y_0,y_1\r\n'=a,1.5,2.0\r\nb,3.0,4.0\r\n"
