"""Keras's recurrent layers, walked by gatewise wherever they are called: `gatewise.recurrent.layers` by its short name."""

from gatewise.recurrent.layers import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell

__all__ = ["GRU", "LSTM", "RNN", "Bidirectional", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell"]
