"""Loaded by every Python of an experiment, since this folder stands first in PYTHONPATH: tells what is imported, changes what was asked.

Runs in any CPython from 3.8 on. It takes its orders from ROCMKIT_TRIAL, {"fd": N, "inode": INODE, "actions": [..]}, writes a line of JSON
to the pipe of that inode for each module that is imported and each library that Python loads, and then gives way to the sitecustomize
that it stands before: the program finds that one, or none, as it would without us. A program must not notice us: whatever fails here
fails in silence. With -I, -E or -S Python does not look at PYTHONPATH or at sitecustomize, and nothing of this happens.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing it would take longer than all the rest of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

#: Stack of each thread that Python starts, for "thread-stack".
STACK_BYTES = 64 << 20


class Pipe:
    """Where events go, as long as it is the pipe that it was: a program may close it and open something else under its number."""

    def __init__(self, fd: int, inode: int) -> None:
        self.fd, self.inode = fd, inode
        self.told: set[str] = set()

    def tell(self, key: str, value: str) -> None:
        """Write an event, the first time. One write of less than 4096 bytes is never torn apart by another process."""
        line = '{"%s": %s}\n' % (key, quoted(value))  # noqa: UP031 - the braces read better so
        if line in self.told or len(line) >= 4096:
            return
        self.told.add(line)
        try:
            there = os.fstat(self.fd)
            if there.st_ino == self.inode and there.st_mode & 0o170000 == 0o010000:
                os.write(self.fd, line.encode("ascii"))
        except OSError:
            pass  # closed, full, or nobody reads any more

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """What Python says before it imports a module by a statement, before it loads an extension module and before ctypes does."""
        try:
            if event == "import":
                name, file = args[0], args[1]
                if isinstance(file, str):
                    self.tell("library", file)
                elif isinstance(name, str) and "." not in name:  # of a part it is said before the whole is imported: Finder knows better
                    self.tell("import", name)
            elif event == "ctypes.dlopen" and args[0]:
                self.tell("library", os.fsdecode(args[0]))
        except Exception:  # noqa: S110
            pass


class Finder:
    """Stands before the other finders: importlib.import_module() raises no event. Finds nothing by itself."""

    def __init__(self, pipe: Pipe, after: dict[str, list[Callable[[ModuleType], None]]]) -> None:
        self.pipe, self.after = pipe, after

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """None, or what the others find, set up so that something is done as soon as the module was run."""
        try:  # noqa: SIM105
            self.pipe.tell("import", name)
        except Exception:  # noqa: S110
            pass
        if name not in self.after:
            return None
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is not None:
                self.follow(spec.loader, self.after[name])
                return spec
        return None

    @staticmethod
    def follow(loader: Any, then: list[Callable[[ModuleType], None]]) -> None:
        """Have `loader` call `then` once it has run the module. It stays what it is: only its own exec_module is covered, once."""
        try:
            run = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                del loader.exec_module
                run(module)
                for each in then:
                    try:  # noqa: SIM105
                        each(module)
                    except Exception:  # noqa: S110
                        pass

            loader.exec_module = exec_module
        except Exception:  # noqa: S110
            pass


def quoted(text: str) -> str:
    """`text` as JSON, in ASCII. The whole json module would take five times as long to load as all the rest of this."""
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from json import dumps as encode_basestring_ascii
    return str(encode_basestring_ascii(text))


def parsed(text: str) -> Any:
    """JSON."""
    try:
        from _json import make_scanner

        class How:
            strict, object_hook, object_pairs_hook, parse_float, parse_int, parse_constant = True, None, None, float, int, None
            memo: dict[str, str] = {}

        return make_scanner(How)(text, 0)[0]  # type: ignore[arg-type]
    except Exception:
        import json

        return json.loads(text)


def miopen_off(torch: Any) -> None:
    """Convolutions without MIOpen, which PyTorch for ROCm calls where that for CUDA calls cuDNN."""
    torch.backends.cudnn.enabled = False


def sdpa_math(torch: Any) -> None:
    """Attention by plain matrix products."""
    cuda = torch.backends.cuda
    cuda.enable_math_sdp(True)
    for name in ("enable_flash_sdp", "enable_mem_efficient_sdp", "enable_cudnn_sdp"):
        if hasattr(cuda, name):
            getattr(cuda, name)(False)


def float32(torch: Any) -> None:
    """Half precision and bfloat16 become single precision, as far as a program says them in Python.

    torch.float16 is float32 to code outside of torch that spells it out; torch itself and what asks by a computed name (readers of
    checkpoints, to which it is a format on disk) get the real one. Conversions to the real one end in float32, autocast stays off.
    Not reached: tensors of a checkpoint that nothing converts, functions that make tensors with `dtype=other.dtype`, and C++.
    """
    single, halves = torch.float32, {"float16": torch.float16, "half": torch.float16, "bfloat16": torch.bfloat16}
    low = set(halves.values())

    def raised(value: Any) -> Any:
        return single if isinstance(value, torch.dtype) and value in low else value

    def wrapped(function: Any, *, result: bool) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            done = function(*map(raised, args), **{key: raised(value) for key, value in kwargs.items()})
            return done.float() if result and getattr(done, "dtype", None) in low else done

        return call

    tensor, module = torch.Tensor, torch.nn.Module
    tensor.half = tensor.bfloat16 = tensor.float
    module.half = module.bfloat16 = module.float
    tensor.to, tensor.type = wrapped(tensor.to, result=True), wrapped(tensor.type, result=True)
    module.to = wrapped(module.to, result=False)
    module.type = wrapped(module.type, result=False)
    torch.set_default_dtype = wrapped(torch.set_default_dtype, result=False)

    cast = torch.amp.autocast_mode.autocast
    begin = cast.__init__

    def off(self: Any, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: Any = None) -> None:
        begin(self, device_type, dtype=None, enabled=False, cache_enabled=cache_enabled)

    cast.__init__ = off

    names, fallback = vars(torch), vars(torch).get("__getattr__")

    def absent(name: str) -> Any:
        if name in halves:
            caller = sys._getframe(1)
            inside = str(caller.f_globals.get("__name__")).partition(".")[0] == "torch"
            return single if name in caller.f_code.co_names and not inside else halves[name]
        if fallback:
            return fallback(name)
        raise AttributeError("module 'torch' has no attribute '" + name + "'")

    names["__getattr__"] = absent
    for name in halves:
        names.pop(name, None)


def hide(name: str) -> None:
    """As if it were not installed: importing it raises ModuleNotFoundError, importlib.util.find_spec() finds nothing."""
    sys.modules[name] = None  # type: ignore[assignment]


def thread_stack(_: str) -> None:
    """A large stack for each thread that Python starts."""
    import _thread

    _thread.stack_size(STACK_BYTES)


def first(name: str) -> None:
    """Import it before the program begins; that it cannot be is no matter."""
    try:  # noqa: SIM105 - contextlib would be loaded before the program does
        __import__(name)
    except (Exception, SystemExit):  # noqa: S110
        pass


#: Every action, by what comes before its colon: what is done to torch as soon as it was imported, what is done before the program
#: and any other sitecustomize, and what is done after the latter. What needs a colon takes the name of a module.
TORCH: dict[str, Callable[[Any], None]] = {"miopen-off": miopen_off, "float32": float32, "sdpa-math": sdpa_math}
BEFORE: dict[str, Callable[[str], None]] = {"hide:": hide, "thread-stack": thread_stack}
AFTER: dict[str, Callable[[str], None]] = {"first:": first}


def done(actions: list[str], known: dict[str, Callable[[str], None]]) -> None:
    """Do those of `actions` that are among `known`."""
    for action in actions:
        name, colon, module = action.partition(":")
        if name + colon in known:
            known[name + colon](module)


def started() -> list[str]:
    """Set everything up; the actions that are asked."""
    try:
        folder = __file__.rpartition("/")[0]
        sys.path[:] = [entry for entry in sys.path if entry != folder]
        asked = parsed(os.environ["ROCMKIT_TRIAL"])
        actions = [str(action) for action in asked["actions"]]
        pipe = Pipe(int(asked["fd"]), int(asked["inode"]))
        then = [TORCH[action] for action in actions if action in TORCH]
        sys.meta_path.insert(0, Finder(pipe, {"torch": then} if then else {}))
        if hasattr(sys, "addaudithook"):
            sys.addaudithook(pipe.audit)
        done(actions, BEFORE)
        return actions
    except Exception:
        return []


if __name__ == "sitecustomize":
    _actions = started()
    try:
        # What `site` would have imported, had this folder not been there. That there is none is told to `site` as it would be without
        # us, by the same exception; then no module of this name is left either.
        sys.modules.pop(__name__, None)
        __import__(__name__)
    finally:
        done(_actions, AFTER)
