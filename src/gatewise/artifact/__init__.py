"""Files that hold no code: how a model, an ensemble or a training checkpoint lies on disk.

In: a manifest (plain JSON values) and arrays by name. Out: a folder with ``manifest.json`` and ``weights.safetensors``
and nothing else, which appears whole or not at all; and back again, refusing everything that is damaged, foreign,
newer, or that gatewise did not put there. This room knows no training; it may be imported by training and all above.

- `write_folder` and `read_folder`: the door for every kind of folder (``manifest["kind"]``).
- `check_target`: says before a long run whether a folder may be written there.
- `manifest`: strict JSON. `tensors`: strict safetensors. `durable`: staging, fsync, rename, sweeping.
- `foreign`: recognises other people's files by their first bytes.
- `topology` (needs Keras): a whitelist of Keras classes, and building a model from a checked config.
- `keras_file` (needs Keras): ``.keras`` files, read by checks of our own.
"""

from gatewise.artifact.folder import check_target as check_target
from gatewise.artifact.folder import read_folder as read_folder
from gatewise.artifact.folder import read_identity as read_identity
from gatewise.artifact.folder import read_kind as read_kind
from gatewise.artifact.folder import write_folder as write_folder
