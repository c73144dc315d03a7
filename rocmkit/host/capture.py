from rocmkit.host.recording import *
from rocmkit.host.record import *
from rocmkit.host.replay import *
from rocmkit.host.recording import dump, load
from rocmkit.host.record import RecordingHost
from rocmkit.host.replay import ReplayHost
