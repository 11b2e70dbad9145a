"""Labelled texts to a classifier: networks, the linear model beside them, calibrated probabilities, and reasons.

::

    classifier      `TextClassifier`                         specification  its options
    kinds           networks by name: cells, recipes         arguments      all options as plain values
    asking          probabilities of many texts              quickness      when networks need not be asked
    unknown_texts   texts of which no word is known
    given_texts     a corpus, or texts and labels, checked
    fitting         one run, from words to a combination     folds          which texts are held out together
    ngrams, runs, linear, sparse_logistic    a linear model   linear_views    several, weighed
    word_clusters   words in the same company            negation       which of them are denied
    members         several networks together                rounds         their training, each without one fold
    refitting       the same ones on all texts
    lessons         what networks are trained with
    chunk_reader, row_reader   how they read and are trained packing        texts as rows of one shape
    chunk_network, few_texts   gatewise's own network        word_vectors, vector_files   where its embedding begins
    word_runs       runs of words that have vectors as well
    targets         what it is trained towards
    combination, decision, thresholds   scores to decisions  held_out, scores   what these are worth
    notes           what a run has found out
    assessment      a classifier beside the truth            class_scores   scores of classes, curves
    explanation     what each token adds

In: a `Corpus`. Out: probabilities of classes, and saved models.
"""

from gatewise.classification.assessment import Assessment as Assessment
from gatewise.classification.assessment import assess as assess
from gatewise.classification.classifier import TextClassifier as TextClassifier
from gatewise.classification.explanation import Explanation as Explanation
from gatewise.classification.held_out import HeldOut as HeldOut
from gatewise.classification.specification import Calibration as Calibration
from gatewise.classification.specification import Linear as Linear
from gatewise.classification.specification import Network as Network
from gatewise.classification.specification import Validation as Validation
