"""From a prepared text to a trained model. PyTorch and Keras are imported only when it starts."""

from .adaptive import AdaptiveScore, score_adaptively
from .folder import ModelFolder
from .plan import SMALLEST_SPLIT, Plan, choose_plan
from .progress import Check, Observer, Observers, Progress
from .ranks import ranks_of_this_run
from .settings import Settings
from .signals import Interrupted, caught_signals
from .start import begin
from .train import resume, train

__all__ = [
    "SMALLEST_SPLIT",
    "AdaptiveScore",
    "Check",
    "Interrupted",
    "ModelFolder",
    "Observer",
    "Observers",
    "Plan",
    "Progress",
    "Settings",
    "begin",
    "caught_signals",
    "choose_plan",
    "ranks_of_this_run",
    "resume",
    "score_adaptively",
    "train",
]
