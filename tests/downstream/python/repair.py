"""A small tool with a mistake on its error path: if a package or the repair fails, the session stays open.

    python3 repair.py package...
"""

import sys
from ctypes import byref, c_int32, c_uint32, c_void_p

import dism

DismAddPackage = dism._declare(
    "DismAddPackage",
    c_uint32,
    c_void_p,
    c_int32,
    c_int32,
    c_void_p,
    dism.ProgressCallback,
    c_void_p,
)
DismRestoreImageHealth = dism._declare(
    "DismRestoreImageHealth",
    c_uint32,
    c_void_p,
    c_uint32,
    c_int32,
    c_void_p,
    dism.ProgressCallback,
    c_void_p,
)


def repair(session, packages):
    no_progress = dism.ProgressCallback()
    for package in packages:
        path = dism.wide(package)
        code = DismAddPackage(session, path, 0, 0, None, no_progress, None)
        dism.check("DismAddPackage", code)
    seen = []
    on_progress = dism.ProgressCallback(lambda current, *_: seen.append(current))
    code = DismRestoreImageHealth(session, None, 0, 0, None, on_progress, None)
    print(f"repair: {code & 0xFFFFFFFF:#010X} after {seen}")
    dism.check("DismRestoreImageHealth", code)


def main(packages):
    with dism.Dism():
        session = c_uint32()
        opened = dism.DismOpenSession(dism.wide(r"C:\mount"), None, None, byref(session))
        dism.check("DismOpenSession", opened)
        repair(session, packages)
        # The mistake: an exception skips this.
        dism.check("DismCloseSession", dism.DismCloseSession(session))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except dism.DismError as failed:
        print(failed)
