"""Labelled texts to a classifier: networks, the linear model beside them, calibrated probabilities, and reasons.

In: a `Corpus`. Out: probabilities of classes, and saved models.
"""
