"""A small tool that asks DISM whether features are enabled, with ctypes.

It is here as an example of a program that is tested against dism-emu as it is: the loader finds the
emulator's shared library in place of DismApi.dll.

`c_wchar_p` must not be used for texts: its characters are as wide as C's `wchar_t`, which has 32 bits
outside Windows. DISM's have 16 everywhere.
"""

import ctypes
import sys
from ctypes import POINTER, byref, c_int32, c_uint32, c_void_p

ONLINE_IMAGE = "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}"

if sys.platform == "win32":
    _api = ctypes.WinDLL("DismApi")
    _callback = ctypes.WINFUNCTYPE
else:
    _api = ctypes.CDLL("libDismApi.dylib" if sys.platform == "darwin" else "libDismApi.so")
    _callback = ctypes.CFUNCTYPE

ProgressCallback = _callback(None, c_uint32, c_uint32, c_void_p)


class DismString(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("Value", c_void_p)]


class DismFeatureInfo(ctypes.Structure):
    _pack_ = 1
    _fields_ = [
        ("FeatureName", c_void_p),
        ("FeatureState", c_int32),
        ("DisplayName", c_void_p),
        ("Description", c_void_p),
        ("RestartRequired", c_int32),
        ("CustomProperty", c_void_p),
        ("CustomPropertyCount", c_uint32),
    ]


def _declare(name, *arguments):
    function = getattr(_api, name)
    function.argtypes = arguments
    function.restype = c_int32
    return function


# Without `argtypes` a pointer of 64 bits would be passed as an `int` of 32.
DismInitialize = _declare("DismInitialize", c_int32, c_void_p, c_void_p)
DismShutdown = _declare("DismShutdown")
DismOpenSession = _declare("DismOpenSession", c_void_p, c_void_p, c_void_p, POINTER(c_uint32))
DismCloseSession = _declare("DismCloseSession", c_uint32)
DismGetFeatureInfo = _declare(
    "DismGetFeatureInfo",
    c_uint32,
    c_void_p,
    c_void_p,
    c_int32,
    POINTER(POINTER(DismFeatureInfo)),
)
DismCheckImageHealth = _declare(
    "DismCheckImageHealth",
    c_uint32,
    c_int32,
    c_void_p,
    ProgressCallback,
    c_void_p,
    POINTER(c_int32),
)
DismGetLastErrorMessage = _declare("DismGetLastErrorMessage", POINTER(POINTER(DismString)))
DismDelete = _declare("DismDelete", c_void_p)


class DismError(Exception):
    """A call that failed."""

    def __init__(self, function, code, message):
        super().__init__(f"{function} failed with {code:#010X}: {message}")
        self.function = function
        self.code = code
        self.message = message


def wide(text):
    """Returns a text as DISM takes it."""
    return ctypes.create_string_buffer(text.encode("utf-16-le", "surrogatepass") + b"\0\0")


def narrow(address):
    """Returns a text that DISM has at this address."""
    length = 0
    while ctypes.string_at(address + length, 2) != b"\0\0":
        length += 2
    return ctypes.string_at(address, length).decode("utf-16-le", "surrogatepass")


def last_error_message():
    """Returns DISM's message about this thread's last failure, or None."""
    message = POINTER(DismString)()
    if DismGetLastErrorMessage(byref(message)) < 0 or not message:
        return None
    try:
        return narrow(message.contents.Value)
    finally:
        DismDelete(message)


def check(function, code):
    """Returns the number of a success, which need not be 0; raises a failure."""
    if code < 0:
        raise DismError(function, code & 0xFFFFFFFF, last_error_message())
    return code


class Dism:
    """The API from `DismInitialize` to `DismShutdown`."""

    def __enter__(self):
        check("DismInitialize", DismInitialize(1, None, None))
        return self

    def __exit__(self, *_):
        check("DismShutdown", DismShutdown())


class Session:
    """A session of an image, to be used within a `Dism`."""

    def __init__(self, image):
        self._image = image

    def __enter__(self):
        session = c_uint32()
        opened = DismOpenSession(wide(self._image), None, None, byref(session))
        check("DismOpenSession", opened)
        self.number = session.value
        return self

    def __exit__(self, *_):
        check("DismCloseSession", DismCloseSession(self.number))

    def feature_state(self, name):
        """Returns the state of a feature, such as installed, or None if it is unknown."""
        info = POINTER(DismFeatureInfo)()
        code = DismGetFeatureInfo(self.number, wide(name), None, 0, byref(info))
        if code & 0xFFFFFFFF == 0x800F080C:
            return None
        check("DismGetFeatureInfo", code)
        try:
            return info.contents.FeatureState
        finally:
            DismDelete(info)

    def check_health(self, on_progress):
        """Returns 0 if the image is healthy. `on_progress` gets how much of how much is done."""
        # The callback has to live as long as the call.
        callback = ProgressCallback(lambda current, total, _: on_progress(current, total))
        health = c_int32(-1)
        code = DismCheckImageHealth(self.number, 1, None, callback, None, byref(health))
        check("DismCheckImageHealth", code)
        return health.value


def main(features):
    """Prints the state of each feature."""
    with Dism(), Session(ONLINE_IMAGE) as session:
        for name in features:
            print(name, session.feature_state(name))


if __name__ == "__main__":
    main(sys.argv[1:])
