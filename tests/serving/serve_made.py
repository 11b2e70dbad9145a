"""A process that serves the made models, for tests that end it: ``python serve_made.py FOLDER``; prints its port."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gatewise.serving import logs
from gatewise.serving.app import Application
from gatewise.serving.guards import Guards
from gatewise.serving.server import Server, listening, run
from gatewise.serving.service import Service
from serving.made_models import Lengths, Memory

if __name__ == "__main__":
    bound = listening("127.0.0.1", 0)
    service = Service([Memory(), Lengths()], Path(sys.argv[1]))
    logs.begin(access=False)
    server = Server(service, Application(service, Guards("127.0.0.1")))
    run(server, bound, lambda: print(bound.getsockname()[1], flush=True))
