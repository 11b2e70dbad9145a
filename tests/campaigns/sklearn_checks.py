"""scikit-learn's own conformance checks on gatewise's estimators: ``python tests/campaigns/sklearn_checks.py``."""

import os
import sys
import warnings

# One of the checks asks for it, before SciPy is imported.
os.environ["SCIPY_ARRAY_API"] = "1"

from recorded import record
from sklearn.utils.estimator_checks import check_estimator

from gatewise.sklearn import RecurrentClassifier, RecurrentRegressor

# Small and quick; they learn what the checks want to be learnt all the same.
ESTIMATORS = (RecurrentRegressor("rnn", 6, epochs=40), RecurrentClassifier("rnn", 6, epochs=40))


def checked(estimator):
    """Run all checks on an estimator; return what became of each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_estimator(estimator, on_fail=None)


def main():
    """Run all checks, and record them."""
    found, failed = {}, 0
    for estimator in ESTIMATORS:
        results = checked(estimator)
        count = {}
        for one in results:
            count[one["status"]] = count.get(one["status"], 0) + 1
            if one["status"] == "failed":
                failed += 1
                print(f"{type(estimator).__name__}: {one['check_name']}: {one['exception']!r}", file=sys.stderr)
        skipped = sorted(one["check_name"] for one in results if one["status"] == "skipped")
        found[type(estimator).__name__] = {"checks": len(results), **count, "skipped_checks": skipped}
    record("sklearn_checks", {"estimators": found, "failed": failed}, "--short" not in sys.argv)
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
