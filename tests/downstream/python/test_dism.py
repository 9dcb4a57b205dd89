"""The tool, tested with the emulator's shared library.

There is one emulated process in a Python process, and no guard as Rust has one: each test ends with
the last shutdown, after which everything starts afresh (rule I4).
"""

import ctypes
import os
import subprocess
import sys
import threading
import unittest

import dism

# A second initialize, as a program of its own: a process reads its environment once.
INITIALIZE_TWICE = """
import dism
codes = [dism.DismInitialize(1, None, None) for _ in range(2)]
codes += [dism.DismShutdown() for _ in range(3)]
print(*(f"{code & 0xFFFFFFFF:08X}" for code in codes))
"""


def initialize_twice(**contract):
    environment = {k: v for k, v in os.environ.items() if k != "DISM_EMU_CONTRACT"} | contract
    program = subprocess.run(
        [sys.executable, "-c", INITIALIZE_TWICE],
        cwd=os.path.dirname(os.path.abspath(__file__)),
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return program.stdout.split()


class Lifecycle(unittest.TestCase):
    def setUp(self):
        # A failing test may have left the API initialized.
        self.addCleanup(self.shut_down)

    def shut_down(self):
        code = dism.DismShutdown() & 0xFFFFFFFF
        self.assertEqual(code, 0xC0040001, "the test has left the API initialized")

    def test_a_session_is_opened_and_closed(self):
        with dism.Dism(), dism.Session(dism.ONLINE_IMAGE) as session:
            self.assertEqual(session.number, 2)  # O2

    def test_everything_starts_afresh_after_a_shutdown(self):
        for _ in range(3):  # I4
            with dism.Dism(), dism.Session(r"C:\mount") as session:
                self.assertEqual(session.number, 2)

    def test_nothing_works_before_initialize(self):
        with self.assertRaises(dism.DismError) as failed:
            with dism.Session(dism.ONLINE_IMAGE):
                pass
        self.assertEqual(failed.exception.code, 0xC0040001)  # O1

    def test_a_shutdown_with_a_session_open_is_refused_and_can_be_repeated(self):
        with dism.Dism(), dism.Session(dism.ONLINE_IMAGE) as session:
            self.assertEqual(dism.DismShutdown() & 0xFFFFFFFF, 0xC0040003)  # S2
            self.assertIsNone(session.feature_state("NetFx3"))

    def test_a_session_number_that_was_never_given_out_is_refused_in_words(self):
        with dism.Dism(), self.assertRaises(dism.DismError) as failed:
            dism.check("DismCloseSession", dism.DismCloseSession(7))
        self.assertEqual(failed.exception.code, 0xC0040004)  # C2
        self.assertEqual(
            failed.exception.message,
            "An invalid DismSession handle was passed into a DISMAPI function.\r\n",
        )

    def test_the_last_error_is_that_of_the_thread(self):
        said = []
        with dism.Dism():
            dism.DismCloseSession(7)
            other = threading.Thread(target=lambda: said.append(dism.last_error_message()))
            other.start()
            other.join()
            self.assertIsNotNone(dism.last_error_message())
        self.assertEqual(said, [None])  # E1, E4

    def test_an_unknown_feature_is_no_error_of_the_tool(self):
        with dism.Dism(), dism.Session(dism.ONLINE_IMAGE) as session:
            self.assertIsNone(session.feature_state("NoSuchFeature"))

    def test_progress_is_reported_from_0_to_100_on_the_calling_thread(self):
        seen = []

        def on_progress(current, total):
            seen.append((current, total, threading.get_ident()))

        with dism.Dism(), dism.Session(dism.ONLINE_IMAGE) as session:
            self.assertEqual(session.check_health(on_progress), 0)
        here = threading.get_ident()
        self.assertEqual(seen, [(part, 100, here) for part in (0, 25, 50, 75, 100)])

    def test_a_call_from_a_progress_callback_fails_and_does_not_hang(self):
        codes = []
        with dism.Dism(), dism.Session(dism.ONLINE_IMAGE) as session:
            session.check_health(
                lambda *_: codes.append(dism.DismCloseSession(session.number) & 0xFFFFFFFF)
            )
        self.assertEqual(codes, [0x8007046B] * 5)  # C7

    def test_a_path_may_have_an_unpaired_surrogate(self):
        with dism.Dism(), dism.Session("C:\\\ud800") as session:
            with dism.Session("c:\\\ud800\\") as again:
                self.assertEqual(session.number, again.number)  # O3, O6

    def test_memory_is_given_back_once(self):
        with dism.Dism():
            dism.DismCloseSession(7)
            message = ctypes.POINTER(dism.DismString)()
            self.assertEqual(dism.DismGetLastErrorMessage(ctypes.byref(message)), 0)
            self.assertEqual(dism.DismDelete(message), 0)  # D1
            self.assertEqual(dism.DismDelete(message) & 0xFFFFFFFF, 0x80070057)  # D3
            self.assertEqual(dism.DismDelete(None), 0)  # D2


class Contracts(unittest.TestCase):
    def test_the_documented_contract_refuses_a_second_initialize(self):
        refused = ["00000000", "800704DF", "00000000", "C0040001", "C0040001"]
        self.assertEqual(initialize_twice(), refused)  # I3
        self.assertEqual(initialize_twice(DISM_EMU_CONTRACT="documented"), refused)

    def test_the_environment_chooses_the_recorded_one_which_counts(self):
        codes = initialize_twice(DISM_EMU_CONTRACT="recorded")
        counted = ["00000000", "00000001", "00000000", "00000000", "C0040001"]
        self.assertEqual(codes, counted)  # I3, S3


if __name__ == "__main__":
    unittest.main()
