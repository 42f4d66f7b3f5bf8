"""For plugin authors and policy tests: scripted agents, a clock of your own, all four ways to call.

>>> from conductor_mw import Conductor
>>> from conductor_mw.testing import WAYS, Scripted, ask
>>> big = Scripted("Good ", "morning.")
>>> c = Conductor.from_text('''
... agents: [{id: big}]
... routing: {default: big}
... ''', agents={"big": big})
>>> [ask(c, "Hello", way=way).text for way in WAYS]
['Good morning.', 'Good morning.', 'Good morning.', 'Good morning.']
>>> len(big.asked)
4

The conformance suite for layers is `conductor_mw.testing.conformance.LayerConformance`; it needs
pytest.
"""

from .scripted import Scripted, VirtualClock
from .ways import COLOURS, STREAMS, WAYS, Colour, Way, ask, read_one

__all__ = [
    "COLOURS",
    "STREAMS",
    "WAYS",
    "Colour",
    "Scripted",
    "VirtualClock",
    "Way",
    "ask",
    "read_one",
]
