"""Some of scikit-learn's checks of estimators; all of them by hand, ``python tests/campaigns/sklearn_checks.py``."""

import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn_checks
from recorded import RESULTS
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

import gatewise as gw
from gatewise.errors import UsageError
from gatewise.sklearn import RecurrentClassifier, RecurrentRegressor

# They meet few shapes, so that few programs are compiled.
CHOSEN = {
    "check_no_attributes_set_in_init",
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimators_unfitted",
    "check_estimator_sparse_tag",
    "check_complex_data",
    "check_dtype_object",
    "check_estimators_empty_data_messages",
    "check_estimators_pickle",
    "check_dict_unchanged",
    "check_methods_subset_invariance",
    "check_methods_sample_order_invariance",
    "check_fit2d_1sample",
    "check_fit1d",
}


@pytest.mark.parametrize("estimator", sklearn_checks.ESTIMATORS, ids=lambda one: type(one).__name__)
def test_checks_of_scikit_learn(estimator):
    ran = set()
    quick = clone(estimator).set_params(epochs=2, units=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one, check in estimator_checks_generator(quick):
            name = check.func.__name__
            if name in CHOSEN:
                check(one)
                ran.add(name)
    assert ran == CHOSEN


def test_all_of_them_passed_when_they_ran():
    found = json.loads((RESULTS / "sklearn_checks.json").read_text(encoding="utf-8"))
    assert found["failed"] == 0
    assert all(one["passed"] > 50 for one in found["estimators"].values())


def test_steps_of_several_features():
    """The same network trained by hand: columns are cut into steps, the features of a step beside each other."""
    x, y = np.random.default_rng(0).normal(size=(40, 6)), np.arange(40.0)
    model = RecurrentRegressor("rnn", 2, steps=3, epochs=1, random_state=1).fit(x, y)
    assert model._network.input_shape == (None, 3, 2)
    scaled = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32").reshape(40, 3, 2)
    by_hand = gw.predict(model._network, scaled)[:, 0] * y.std() + y.mean()
    np.testing.assert_allclose(model.predict(x), by_hand, rtol=1e-6)
    assert pickle.loads(pickle.dumps(model)).predict(x).tobytes() == model.predict(x).tobytes()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: RecurrentRegressor("lstms").fit(np.ones((4, 3)), [1, 2, 3, 4]),
            "cell is 'lstms': choose one of 'lstm', 'gru', 'rnn'.",
        ),
        (
            lambda: RecurrentRegressor(steps=2).fit(np.ones((4, 3)), [1, 2, 3, 4]),
            "steps is 2, and 3 columns cannot be cut into so many: give a divisor.",
        ),
        (
            lambda: RecurrentClassifier().fit(np.ones((4, 3)), [1, 1, 1, 1]),
            "All 4 windows are of one class, '1': give at least two classes.",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(call, sentence):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == sentence


def test_without_scikit_learn_it_says_so():
    code = "import sys; sys.modules['sklearn'] = None; import gatewise.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "gatewise.errors.EnvironmentFault: gatewise.sklearn is for scikit-learn: install it with pip install scikit-learn."
    )
