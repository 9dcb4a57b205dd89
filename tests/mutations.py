#!/usr/bin/env python3
"""Breaks each safety property on purpose and shows that its test notices.

    python3 tests/mutations.py                    # every row, several minutes
    python3 tests/mutations.py --list
    python3 tests/mutations.py --kind loom
    python3 tests/mutations.py --only s2-shutdown-ignores-sessions e3-success-clears-it
    python3 tests/mutations.py --target-dir target   # with the dependencies built there already

A row of the table is one mutation: which rule of the contract it breaks and how, the edit, and the
one test that has to fail. The tree is copied, so nothing here is changed. First the checks run as
they are and have to pass; then each mutant is built, its test runs alone, and has to fail, hang or
abort. What does not build, or does not fit the source any more, is not caught but an error.

The checks:

    it         cargo test --test it
    lib        cargo test --lib
    capi       cargo test --features capi --test capi
    serde-lib  cargo test --features serde --lib
    serde-it   cargo test --features serde --test it
    loom       RUSTFLAGS="--cfg loom" cargo test --profile model --features loom --test loom
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Check(NamedTuple):
    arguments: list
    rustflags: str
    # Seconds that one test may take: far above what any takes that does not hang.
    timeout: int
    # What chooses the tests of the first run.
    first: list
    # Where below the target directory it is built.
    target: str


CHECKS = {
    "lib": Check(["--lib"], "", 30, [], "."),
    "it": Check(["--test", "it"], "", 15, [], "."),
    "capi": Check(["--features", "capi", "--test", "capi"], "", 60, [], "."),
    "serde-lib": Check(["--features", "serde", "--lib"], "", 30, [], "."),
    # All but these are as they are without the feature.
    "serde-it": Check(["--features", "serde", "--test", "it"], "", 15, ["machines::"], "."),
    "loom": Check(
        ["--profile", "model", "--features", "loom", "--test", "loom"],
        "--cfg loom",
        180,
        ["--skip", "a_close_drains_two_operations_against_a_shutdown"],  # minutes
        "loom",
    ),
}


class Mutation(NamedTuple):
    id: str
    rules: str
    broken: str
    kind: str
    test: str
    file: str
    old: str
    new: str


AUDIT = "src/audit.rs"
CALL = "src/call.rs"
CALLS = "src/calls.rs"
EXPORTS = "src/capi/exports.rs"
EMULATOR = "src/emulator.rs"
HOLD = "src/hold.rs"
HRESULT = "src/hresult.rs"
IMAGE = "src/image.rs"
INDEX = "src/index.rs"
JOURNAL = "src/journal.rs"
MACHINE = "src/machine.rs"
MEMORY = "src/capi/memory.rs"
OPERATION = "src/operation.rs"
PROCESS = "src/capi/process.rs"
MISTAKE = "src/mistake.rs"
REPORT = "src/report.rs"
RULE = "src/rule.rs"
SESSION = "src/session.rs"
SESSIONS = "src/sessions.rs"
SYNC = "src/sync.rs"
TIMELINE = "src/timeline.rs"

NOTED = "Err(error) => Err(self.noted(thread, error)),"
NOT_NOTED = "Err(error) => Err(error),"

# What the emulator does under its lock in a shutdown, and what a session number costs.
SHUTDOWN = "|machine, _, asking| machine.shutdown(|| asking.ask(None)),"
HAS_NEXT = ("pub(crate) fn has_next(&self, last: u32) -> bool {\n"
            "        self.next <= u64::from(last)")

FIRST_RULE = ("find_map(|it| {\n"
              "            let is_spent = it.rule.times.is_some_and(|times| it.fired >= u64::from(times));\n"
              "            if is_spent || !it.rule.means(asked) {\n"
              "                return None;\n"
              "            }\n"
              "            if it.skipped < it.rule.skip {\n"
              "                it.skipped += 1;\n"
              "                return None;\n"
              "            }\n"
              "            Some(it)\n"
              "        })?;")

MUTATIONS = [Mutation(*row) for row in [
    # Initialize
    ("i1-counts-two", "I1", "the first initialize counts as two",
     "it", "contract::i1_the_first_initialize_succeeds_with_s_ok", MACHINE,
     "Phase::Up { count: 1, sessions: Sessions::new() };",
     "Phase::Up { count: 2, sessions: Sessions::new() };"),
    ("i2-elevation-ignored", "I2", "a process that is not elevated is let in",
     "it", "contract::i2_a_process_that_is_not_elevated_is_refused_and_nothing_changes", MACHINE,
     "if !self.config.elevated {", "if false {"),
    ("i2-refused-but-up", "I2", "the refused initialize initializes",
     "it", "contract::i2_a_process_that_is_not_elevated_is_refused_and_nothing_changes", MACHINE,
     "return Err(Error::NotElevated);",
     "self.phase = Phase::Up { count: 2, sessions: Sessions::new() };"
     " return Err(Error::NotElevated);"),
    ("i3-documented-second-succeeds", "I3 Documented", "a second initialize counts and succeeds",
     "it", "contract::i3_documented_a_second_initialize_fails_and_nothing_changes", MACHINE,
     "Err(Error::AlreadyInitialized { code: self.config.already_initialized })",
     "let Phase::Up { count, .. } = &mut self.phase else { unreachable!() };"
     " *count += 1; Ok(*count)"),
    ("i3-documented-failed-second-counts", "I3 Documented", "a second initialize fails and counts",
     "it", "contract::i3_documented_a_second_initialize_fails_and_nothing_changes", MACHINE,
     "Err(Error::AlreadyInitialized { code: self.config.already_initialized })",
     "if let Phase::Up { count, .. } = &mut self.phase { *count += 1; }"
     " Err(Error::AlreadyInitialized { code: self.config.already_initialized })"),
    ("i3-recorded-second-s-ok", "I3 Recorded", "a second initialize returns S_OK",
     "it", "contract::i3_recorded_a_second_initialize_counts_and_returns_s_false", CALL,
     "count > 1 => Hresult::S_FALSE", "count > 1 => Hresult::S_OK"),
    ("i3-recorded-second-not-counted", "I3 Recorded", "a second initialize does not count",
     "it", "contract::i3_recorded_a_second_initialize_counts_and_returns_s_false", MACHINE,
     "*count = next;", ""),
    ("i3-recorded-count-overflows", "I3 Recorded, X2", "the count starts again at 0",
     "lib", "machine::tests::one_initialize_more_than_can_be_counted_fails_and_changes_nothing",
     MACHINE, "let next = count.checked_add(1).ok_or(Error::OutOfNumbers)?;",
     "let next = count.wrapping_add(1);"),
    ("i4-handles-go-on", "I4", "handles go on where the period before ended",
     "it", "contract::i4_after_a_complete_shutdown_everything_starts_afresh", SESSIONS,
     "next: FIRST as u64,",
     "next: { use std::sync::atomic::{AtomicU64, Ordering};"
     " static NEXT: AtomicU64 = AtomicU64::new(2); NEXT.fetch_add(1, Ordering::Relaxed) },"),
    ("i5-decided-and-done-apart", "I5", "initialize decides under one lock and acts under another",
     "loom", "named::i5_two_initializes_have_one_first", EMULATOR,
     "|machine, thread, asking| machine.initialize(thread, || asking.ask(None)),",
     "{ let outcome = self.lock().machine.clone().initialize(current_thread(), || None);"
     " move |machine: &mut Machine, thread, _: &mut Asking<'_>| {"
     " let _ = machine.initialize(thread, || None); outcome } },"),

    # Shutdown
    ("s1-succeeds-while-down", "S1", "a shutdown succeeds while not initialized",
     "it", "contract::s1_shutdown_while_not_initialized_fails", MACHINE,
     "Phase::Down { .. } => Err(Error::NotInitialized),\n            // S3",
     "Phase::Down { .. } => Ok(Effect::ShutDown { count: 0 }),\n            // S3"),
    ("s2-shutdown-ignores-sessions", "S2", "a last shutdown does not look at open sessions",
     "it", "contract::s2_a_last_shutdown_with_a_session_open_fails_and_changes_nothing", MACHINE,
     "if sessions.count() > 0 =>", "if false && sessions.count() > 0 =>"),
    ("s2-failed-shutdown-counts", "S2", "a shutdown that fails takes one off the count",
     "it", "contract::s2_a_last_shutdown_with_a_session_open_fails_and_changes_nothing", MACHINE,
     "Phase::Up { sessions, .. } if sessions.count() > 0 => Err(Error::OpenSessionHandles),",
     "Phase::Up { count, sessions } if sessions.count() > 0 => {"
     " *count -= 1; Err(Error::OpenSessionHandles) }"),
    ("s2-failed-shutdown-closes", "S2", "a shutdown that fails closes the sessions",
     "it", "contract::s2_a_last_shutdown_with_a_session_open_fails_and_changes_nothing", MACHINE,
     "if sessions.count() > 0 => Err(Error::OpenSessionHandles),",
     "if sessions.count() > 0 => {"
     " *sessions = Sessions::new(); Err(Error::OpenSessionHandles) }"),
    ("s2-closing-does-not-count", "S2", "a session that is being closed does not count as open",
     "it", "contract::s2_a_session_that_is_being_closed_counts_as_open", SESSIONS,
     "self.by_handle.len()", "self.by_image.len()"),
    ("s2-looked-and-done-apart", "S2, X1", "shutdown looks at sessions under a lock of its own",
     "loom", "named::s2_open_and_shutdown_never_both_succeed", EMULATOR,
     SHUTDOWN,
     "{ let outcome = self.lock().machine.clone().shutdown(|| None);"
     " move |machine: &mut Machine, thread, _: &mut Asking<'_>| {"
     " if outcome.is_ok() { while machine.state().open_sessions() > 0 {"
     " let session = Session::from_raw(2);"
     " let _ = machine.close_session(thread, session, |_| None);"
     " let _ = machine.finish_close(thread, session); }"
     " let _ = machine.shutdown(|| None); } outcome } },"),
    ("s3-looks-at-sessions", "S3", "a shutdown that is not the last looks at sessions",
     "it", "contract::s3_recorded_a_shutdown_that_is_not_the_last_does_not_look_at_sessions",
     MACHINE, "Phase::Up { count: count @ 2.., .. } => {",
     "Phase::Up { count: count @ 2.., sessions } if sessions.count() == 0 => {"),
    ("s3-not-counted", "S3", "a shutdown that is not the last takes nothing off the count",
     "it", "contract::s3_recorded_a_shutdown_that_is_not_the_last_does_not_look_at_sessions",
     MACHINE, "                *count -= 1;\n", ""),
    ("s4-stays-up", "S4", "the last shutdown succeeds and leaves everything as it is",
     "it", "contract::s4_after_the_last_shutdown_everything_fails_until_the_next_initialize",
     MACHINE, "self.phase = Phase::Down { after_shutdown: true };", ""),
    ("s4-other-code-while-down", "S4, O1, C1, P1", "calls while down fail with another code",
     "it", "contract::s4_after_the_last_shutdown_everything_fails_until_the_next_initialize",
     MACHINE, "Self::Down { .. } => Err(Error::NotInitialized),",
     "Self::Down { .. } => Err(Error::OpenSessionHandles),"),
    ("s5-decided-and-done-apart", "S5", "shutdown decides under one lock and acts under another",
     "loom", "named::s5_two_shutdowns_have_one_winner", EMULATOR,
     SHUTDOWN,
     "{ let outcome = self.lock().machine.clone().shutdown(|| None);"
     " move |machine: &mut Machine, _, _: &mut Asking<'_>| {"
     " let _ = machine.shutdown(|| None); outcome } },"),
    ("s5-recorded-last-too-soon", "S5, S3", "the last but one shutdown is the last",
     "it", "contract::s5_recorded_shutdowns_succeed_as_often_as_initializes", MACHINE,
     "count: count @ 2..", "count: count @ 3.."),
    ("s6-s-false", "S6", "a shutdown that is not the last returns S_FALSE",
     "it", "contract::s6_success_of_every_shutdown_is_exactly_s_ok", CALL,
     "Self::Ended { result } => result,",
     "Self::ShutDown { count } if count > 0 => Hresult::S_FALSE,"
     " Self::Ended { result } => result,"),
    ("s7-sets-it", "S7, E2", "a failing shutdown sets the last error",
     "it", "contract::s7_shutdown_neither_sets_nor_clears_the_last_error", MACHINE,
     "if sessions.count() > 0 => Err(Error::OpenSessionHandles),",
     "if sessions.count() > 0 => { for code in self.last_errors.values_mut() {"
     " *code = Error::OpenSessionHandles.code(); } Err(Error::OpenSessionHandles) }"),
    ("s7-clears-it", "S7", "a last shutdown clears the last errors",
     "it", "contract::s7_shutdown_neither_sets_nor_clears_the_last_error", MACHINE,
     "self.phase = Phase::Down { after_shutdown: true };",
     "self.phase = Phase::Down { after_shutdown: true }; self.last_errors.clear();"),

    # Open a session
    ("o2-starts-with-1", "O2", "the first handle is the DLL's own",
     "it", "contract::o2_handles_count_from_2_and_none_is_given_out_again", SESSIONS,
     "const FIRST: u32 = 2;", "const FIRST: u32 = 1;"),
    ("o2-handle-reused", "O2", "a closed number is given out again",
     "it", "contract::o2_handles_count_from_2_and_none_is_given_out_again", SESSIONS,
     "self.by_handle.remove(hash_of(handle), slot.0);",
     "self.by_handle.remove(hash_of(handle), slot.0);"
     " self.next = self.next.min(u64::from(handle.raw()));"),
    ("o3-new-handle", "O3", "an open image gets a new handle",
     "it", "contract::o3_an_open_image_gets_the_same_handle_and_one_reference_more", MACHINE,
     "sessions.find_image(image) {", "sessions.find_image(image).filter(|_| false) {"),
    ("o3-not-counted", "O3", "an open image gets no reference more",
     "it", "contract::o3_an_open_image_gets_the_same_handle_and_one_reference_more", MACHINE,
     "let references = entry.references.checked_add(1).ok_or(Error::OutOfNumbers)?;",
     "let references = entry.references;"),
    ("o3-references-overflow", "O3, X2", "the references start again at 0",
     "lib", "machine::tests::one_reference_more_than_can_be_counted_fails_and_changes_nothing",
     MACHINE, "let references = entry.references.checked_add(1).ok_or(Error::OutOfNumbers)?;",
     "let references = entry.references.wrapping_add(1);"),
    ("o4-placement-accepted", "O4", "the online image takes a Windows directory",
     "it", "contract::o4_the_online_image_takes_no_windows_directory_and_no_system_drive",
     MACHINE, "if open.has_placement && image.is_online() {", "if false {"),
    ("o4-offline-refused", "O4", "an offline image takes no Windows directory either",
     "it", "contract::o4_the_online_image_takes_no_windows_directory_and_no_system_drive",
     MACHINE, "if open.has_placement && image.is_online() {", "if open.has_placement {"),
    ("o5-empty-path", "O5", "an empty path is accepted",
     "it", "contract::o5_an_empty_path_is_refused", MACHINE,
     "if image.path().is_empty() {", "if false {"),
    ("o6-case", "O6", "letter case is not ignored",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "(Some(upper), None) => upper,", "(Some(_), None) => character,"),
    ("o6-slash", "O6", "`/` is not read as `\\`",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     r"(Some('/'), None) => '\\',", "(Some('/'), None) => '/',"),
    ("o6-trailing-separator-kept", "O6", "trailing separators are kept",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "if is_root(head) {", "if true {"),
    ("o6-root-separator-dropped", "O6", "`C:\\` loses its separator",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "if is_root(head) {", "if head.is_empty() {"),
    ("o6-any-colon-makes-a-root", "O6", "a separator behind any colon is kept",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "if is_root(head) {", "if is_root(head) || head.ends_with(b\":\") {"),
    ("o6-sharp-s", "O6", "`ß` is the same as `SS`",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "chunk.valid().chars().flat_map(|character| {",
     "chunk.valid().chars().flat_map(char::to_uppercase).flat_map(|character| {"),
    ("o6-hash-decides", "O6", "paths with the same hash are the same image",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", SESSIONS,
     "image.names(self.entry(Slot(slot)).image.bytes())",
     "image.hash() == self.entry(Slot(slot)).image_hash"),
    ("o6-hash-sees-case", "O6", "the hash tells letter case apart",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "let word = word | (ONES * (b'a' ^ b'A') as u64);", ""),
    ("o6-hash-sees-slash", "O6", "the hash tells `/` and `\\` apart",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "let word = word ^ ((slashes >> 7) * (b'/' ^ b'\\\\') as u64);", ""),
    ("o6-hashes-disagree", "O6", "a path beyond ASCII hashes otherwise than its ASCII spelling",
     "it", "contract::o6_paths_name_the_same_image_where_spelling_is_all_that_differs", IMAGE,
     "if length % 8 == 0 {", "if length % 4 == 0 {"),
    ("o6-bytes-lost", "O6", "bytes that are no text are left out of the comparison",
     "it", "contract::o6_bytes_that_are_no_text_are_a_path_too", IMAGE,
     "valid.chain(chunk.invalid().iter().copied())",
     "valid.chain(chunk.invalid().iter().copied().take(0))"),
    ("o7-refused-but-open", "O7", "a refused open leaves a session behind",
     "it", "contract::o7_an_open_that_fails_leaves_nothing_behind", MACHINE,
     "return Err(InvalidArgument::OnlineImagePlacement.into());",
     "sessions.add(image);"
     " return Err(InvalidArgument::OnlineImagePlacement.into());"),
    ("o8-starts-over", "O8", "after the last number come the first ones again",
     "it", "contract::o8_when_the_numbers_run_out_no_number_is_given_out_twice", SESSIONS,
     HAS_NEXT,
     "pub(crate) fn has_next(&mut self, last: u32) -> bool {"
     " if self.next > u64::from(last) { self.next = FIRST as u64; } true"),
    ("o8-close-makes-room", "O8", "after the last number come those that were closed",
     "it", "contract::o8_when_the_numbers_run_out_no_number_is_given_out_twice", SESSIONS,
     HAS_NEXT,
     "pub(crate) fn has_next(&mut self, last: u32) -> bool {"
     " if self.vacant != VACANT_END { self.next = self.next.min(u64::from(last)); }"
     " self.next <= u64::from(last)"),
    ("o8-wraps-in-32-bits", "O8", "after `u32::MAX` comes 0",
     "lib", "machine::tests::the_numbers_end_at_u32_max", SESSIONS,
     "self.next += 1;", "self.next = u64::from((self.next as u32).wrapping_add(1));"),

    # Close a session
    ("c2-other-code", "C2", "the code of a closed handle is not the one that was chosen",
     "it", "contract::c2_the_code_for_a_closed_session_is_the_tests_choice", MACHINE,
     "None => Err(Error::InvalidSession { session, code: self.config.closed_session }),",
     "None => Err(Error::InvalidSession"
     " { session, code: Hresult::DISMAPI_E_INVALID_DISM_SESSION }),"),
    ("c2-raw-closes-again", "C2", "an owned session that was given up closes the handle again",
     "it", "contract::an_owned_session_closes_itself_once", SESSION,
     "mem::replace(&mut self.session, Session::DEFAULT)", "self.session"),
    ("c3-closes-at-once", "C3", "the first close closes, references or not",
     "it", "contract::c3_with_references_left_the_session_stays_open", MACHINE,
     "match sessions.entry(slot).references {", "match sessions.entry(slot).references.min(1) {"),
    ("c3-not-counted", "C3", "a close takes nothing off the references",
     "it", "contract::c3_with_references_left_the_session_stays_open", MACHINE,
     "entry.references -= 1;", ""),
    ("c4-accepts-while-closing", "C4", "an operation is accepted while the session closes",
     "it", "contract::c4_the_last_close_lets_operations_complete_and_accepts_no_new_one", MACHINE,
     "if sessions.entry(slot).is_closing() {", "if false {"),
    ("c4-does-not-wait", "C4", "a close does not wait for operations",
     "it", "contract::c4_the_last_close_lets_operations_complete_and_accepts_no_new_one", EMULATOR,
     "if !ready {\n                core = self.wait(core, thread, session);", "if !ready {"),
    ("c4-gone-at-once", "C4", "a close does not wait, and the handle is gone under the operation",
     "loom", "named::c4_close_drains", SESSIONS,
     "slot.0);\n        entry.take_turn(thread, &mut self.waits)",
     "slot.0);\n        entry.is_held = true; entry.holder = thread; true"),
    ("c4-overtakes", "C4", "a close is served before operations that came earlier",
     "loom", "every_program::every_three_threads_with_one_call", SESSIONS,
     "slot.0);\n        entry.take_turn(thread, &mut self.waits)",
     "slot.0);\n        let ready = entry.take_turn(thread, &mut self.waits);"
     " if !ready { self.waits.rotate_right(1); } ready"),
    ("c4-not-gone", "C4", "a close leaves the session in the table",
     "it", "contract::c3_with_references_left_the_session_stays_open", MACHINE,
     "sessions.remove(slot);", ""),
    ("c4-finish-out-of-turn", "C4", "a close can be finished before operations ended",
     "it", "properties::machine_answers_as_the_reference", MACHINE,
     "if !entry.is_held_by(thread) || !sessions.is_drained(slot) {", "if false {"),
    ("c5-second-close-succeeds", "C5", "a second close of a closing session succeeds",
     "it", "contract::c5_a_second_close_while_the_first_waits_finds_it_closed", MACHINE,
     "0 => Err(Error::InvalidSession { session, code }),",
     "0 => Ok(Effect::Released { references: 0 }),"),
    ("c5-code-of-the-moment", "C5", "a second close gets the code of a closing session",
     "it", "contract::c5_a_second_close_while_the_first_waits_finds_it_closed", MACHINE,
     "let code = self.config.closed_session;", "let code = self.config.closing_session;"),
    ("c6-reboot-forgotten", "C6", "a reboot that was asked for is not told at the close",
     "it", "contract::c6_a_session_that_needs_a_reboot_says_so_at_its_last_close", CALL,
     "Self::Closed { reboot: true } => Hresult::ERROR_SUCCESS_REBOOT_REQUIRED,",
     "Self::Closed { reboot: true } => Hresult::S_OK,"),
    ("c6-next-operation-forgets", "C6", "the next operation takes the reboot back",
     "it", "contract::c6_a_session_that_needs_a_reboot_says_so_at_its_last_close", MACHINE,
     ".reboot |= result ==", ".reboot = result =="),
    ("c7-not-refused", "C7", "a close inside an operation of its own thread is not refused",
     "it", "contract::c7_a_close_that_would_wait_for_its_own_thread_fails_and_changes_nothing",
     MACHINE, "1 if sessions.is_busy(slot, thread) =>", "1 if false =>"),
    ("c7-refused-but-closing", "C7", "the refused close leaves the session closing",
     "it", "contract::c7_a_close_that_would_wait_for_its_own_thread_fails_and_changes_nothing",
     MACHINE, "1 if sessions.is_busy(slot, thread) => Err(Error::PossibleDeadlock { session }),",
     "1 if sessions.is_busy(slot, thread) => {"
     " sessions.start_closing(slot, thread); Err(Error::PossibleDeadlock { session }) }"),
    ("c7-spare-reference-refused", "C7, C3", "a close with a reference to spare is refused too",
     "it", "contract::c7_a_close_that_would_wait_for_its_own_thread_fails_and_changes_nothing",
     MACHINE, "1 if sessions.is_busy(slot, thread) =>", "_ if sessions.is_busy(slot, thread) =>"),
    ("c8-close-unmounts", "C8", "the last close unmounts the image",
     "it", "contract::c8_a_close_does_not_unmount_the_image", MACHINE,
     "        sessions.remove(slot);\n        Ok(reboot)",
     "        sessions.remove(slot);\n        self.mounted.clear();\n        Ok(reboot)"),
    ("c9-old-handle", "C9", "an open while the image's session closes gets the old handle",
     "it", "contract::c9_an_open_while_the_image_closes_gets_a_new_handle", SESSIONS,
     "self.by_image.remove(entry.image_hash, slot.0);", ""),

    # Operations
    ("p1-commit-code", "P1", "a commit on an invalid session gets the code of any function",
     "it", "contract::p1_commit_has_a_code_of_its_own", MACHINE,
     "if commits { Hresult::E_INVALIDARG } else { code }", "code"),
    ("p1-commit-not-mounted", "P1", "a commit on an image that is not mounted is performed",
     "it", "contract::p1_commit_has_a_code_of_its_own", MACHINE,
     "return Err(InvalidArgument::NotMounted { session }.into());", ""),
    ("p1-commit-never-mounted", "P1", "a commit on a mounted image is refused",
     "it", "contract::p1_a_commit_is_performed_on_a_mounted_image", MACHINE,
     "if commits && find_mounted(&self.mounted, ImageKey::new(image)).is_none() {",
     "if commits {"),
    ("p1-commit-any-mounted", "P1", "any mounted image is good for a commit",
     "it", "contract::p1_a_commit_is_performed_on_a_mounted_image", MACHINE,
     "if commits && find_mounted(&self.mounted, ImageKey::new(image)).is_none() {",
     "if commits && self.mounted.is_empty() {"),
    ("p1-any-needs-mounted", "P1", "every operation needs a mounted image",
     "it", "contract::p1_only_operations_are_performed_on_a_session", MACHINE,
     "if commits && find_mounted", "if find_mounted"),
    ("p1-rule-before-mounted", "P1", "a rule is asked for a commit that is refused",
     "it", "rules::p1_a_rule_answers_a_commit_of_a_mounted_image_alone", MACHINE,
     "return Err(InvalidArgument::NotMounted { session }.into());",
     "script(image); return Err(InvalidArgument::NotMounted { session }.into());"),
    ("p1-any-function", "P1", "a function that takes no session is performed on one",
     "it", "contract::p1_only_operations_are_performed_on_a_session", MACHINE,
     "if !function.is_operation() {", "if false {"),
    ("p2-two-at-once", "P2", "two operations on one session run at once",
     "loom", "named::p2_operations_on_one_session_exclude_each_other", SESSIONS,
     "if self.is_held {", "if false {"),
    ("p2-last-come-first", "P2", "who came last is served first",
     "it", "contract::p2_operations_on_one_session_run_one_at_a_time_in_the_order_of_arrival",
     SESSIONS, "waits.push((self.handle, thread));", "waits.insert(0, (self.handle, thread));"),
    ("p2-turn-to-another-session", "P2", "who waits on another session gets the turn",
     "it", "properties::machine_answers_as_the_reference", SESSIONS,
     "position(|(session, _)| *session == handle)", "position(|_| true)"),
    ("p2-sessions-wait-for-each-other", "P2", "all sessions share one queue",
     "it", "contract::p2_operations_on_different_sessions_run_in_parallel", MACHINE,
     "Ok(sessions.take_turn(slot, thread))",
     "Ok(sessions.take_turn(sessions.find(Session::from_raw(2)).unwrap_or(slot), thread))"),
    ("p2-does-not-wait", "P2", "an operation that has to wait runs at once",
     "loom", "named::p2_operations_on_one_session_exclude_each_other", EMULATOR,
     "core = self.wait(core, thread, session);\n            // The test", "// The test"),
    ("p2-does-not-wait-once-scripted", "P2",
     "an operation that has to wait runs at once where the test has scripted something",
     "it", "holds::p2_an_operation_that_waits_for_its_turn_is_not_being_performed", EMULATOR,
     "=> core = self.wait(core, thread, session),", "=> {}"),
    ("p2-no-second-look", "P2", "a thread that was woken does not look whether it is its turn",
     "loom", "named::p2_a_turn_wakes_whoever_waits_for_it", EMULATOR,
     "while !core.machine.is_ready(thread, session) {",
     "if !core.machine.is_ready(thread, session) {"),
    ("p2-wakes-nobody", "P2, C4, X2", "no wake-up at all",
     "loom", "named::c4_close_drains", EMULATOR, "self.shared.turn.notify_all();", ""),
    ("p2-wakes-only-one", "P2, C4, X2", "only one of those that wait is woken, perhaps the wrong one",
     "loom", "named::p2_a_turn_wakes_whoever_waits_for_it", SYNC,
     'self.0.notify_all();\n        }\n    }\n\n    #[cfg(feature = "capi")]\n    #[derive',
     'self.0.notify_one();\n        }\n    }\n\n    #[cfg(feature = "capi")]\n    #[derive'),
    ("p2-lost-wake-up", "P2, C4, X2", "asks who waits after the end instead of before it",
     "loom", "named::p2_operations_on_one_session_exclude_each_other", EMULATOR,
     "if core.machine.waiting() < waited {", "if core.machine.waiting() > 0 {"),
    ("p3-runs-at-once", "P3", "an operation inside one of the same thread runs at once",
     "it", "contract::p3_an_operation_inside_one_of_the_same_session_and_thread_fails", MACHINE,
     "return Err(Error::PossibleDeadlock { session });", "return Ok(true);"),
    ("p3-not-refused", "P3", "an operation inside one of the same thread joins the queue",
     "it", "contract::p3_an_operation_inside_one_of_the_same_session_and_thread_fails", MACHINE,
     "if sessions.is_busy(slot, thread) {", "if false {"),
    ("p4-success-made-s-ok", "P4", "any success comes back as S_OK",
     "it", "contract::p4_a_result_comes_back_unchanged_whatever_number_it_is", MACHINE,
     "Ok(()) => Ok(Effect::Ended { result }),",
     "Ok(()) => Ok(Effect::Ended { result: Hresult::S_OK }),"),
    ("p4-failure-code-changed", "P4", "any failure comes back as one code",
     "it", "contract::p4_a_result_comes_back_unchanged_whatever_number_it_is", MACHINE,
     "Error::OperationFailed { code: result }",
     "Error::OperationFailed { code: Hresult::E_INVALIDARG }"),
    ("p5-failure-closes", "P5", "a failing operation closes the session",
     "it", "contract::p5_a_failing_operation_leaves_the_session_open_and_closable", MACHINE,
     "if result.is_failure() {",
     "if result.is_failure() { sessions.start_closing(slot, thread); sessions.remove(slot);"),
    ("p5-failure-poisons", "P5", "a failing operation never gives its turn back",
     "it", "contract::p5_a_failing_operation_leaves_the_session_open_and_closable", MACHINE,
     "sessions.pass_turn(slot);", "if result.is_success() { sessions.pass_turn(slot); }"),

    # Last error message
    ("e1-one-for-all", "E1", "all threads share one last error",
     "it", "contract::e1_the_last_error_is_per_thread", MACHINE,
     "self.last_errors.get(&thread).copied()", "self.last_errors.values().last().copied()"),
    ("e1-one-number", "E1, P3, C7", "all threads have the same number",
     "it", "contract::e1_the_last_error_is_per_thread", SYNC,
     "NUMBER.set(next());", "NUMBER.set(1); let _ = next;"),
    ("e1-one-number-in-a-model", "E1", "the threads of a loom model have the same number",
     "loom", "named::e1_the_last_error_is_per_thread", SYNC,
     "checker::thread_local!(static NUMBER", "std::thread_local!(static NUMBER"),
    ("e2-initialize", "E2", "a failing initialize does not set it",
     "it", "contract::e2_every_failing_function_sets_the_last_error", MACHINE,
     "Ok(count) => Ok(Effect::Initialized { count }),\n            " + NOTED,
     "Ok(count) => Ok(Effect::Initialized { count }),\n            " + NOT_NOTED),
    ("e2-open", "E2", "a failing open does not set it",
     "it", "contract::e2_every_failing_function_sets_the_last_error", MACHINE,
     "Ok(Effect::Opened { session, references }),\n            " + NOTED,
     "Ok(Effect::Opened { session, references }),\n            " + NOT_NOTED),
    ("e2-close", "E2", "a failing close does not set it",
     "it", "contract::e2_every_failing_function_sets_the_last_error", MACHINE,
     "self.try_close_session(thread, session, script).map_err(|error| self.noted(thread, error))",
     "self.try_close_session(thread, session, script)"),
    ("e2-operation-refused", "E2", "a refused operation does not set it",
     "it", "contract::e2_every_failing_function_sets_the_last_error", MACHINE,
     "Ok(ready) => Ok(Effect::Begun { ready }),\n            " + NOTED,
     "Ok(ready) => Ok(Effect::Begun { ready }),\n            " + NOT_NOTED),
    ("e2-operation-failed", "E2", "a failing operation does not set it",
     "it", "contract::e2_every_failing_function_sets_the_last_error", MACHINE,
     "Ok(()) => Ok(Effect::Ended { result }),\n            " + NOTED,
     "Ok(()) => Ok(Effect::Ended { result }),\n            " + NOT_NOTED),
    ("e3-success-clears-it", "E3", "a success clears the last error",
     "it", "contract::e3_a_success_does_not_clear_the_last_error", MACHINE,
     "Ok(()) => Ok(Effect::Ended { result }),",
     "Ok(()) => { self.last_errors.remove(&thread); Ok(Effect::Ended { result }) }"),
    ("e4-s-ok-for-none", "E4", "without a failure the last error is S_OK",
     "it", "contract::e4_without_a_failure_there_is_none", MACHINE,
     "self.last_errors.get(&thread).copied()",
     "Some(self.last_errors.get(&thread).copied().unwrap_or(Hresult::S_OK))"),
    ("e5-after-shutdown", "S4, E5", "the last error can be read after a last shutdown",
     "it", "contract::e5_after_a_last_shutdown_the_last_error_is_out_of_reach", MACHINE,
     "self.phase = Phase::Down { after_shutdown: true };",
     "self.phase = Phase::Down { after_shutdown: false };"),
    ("e5-before-initialize", "E5", "the last error cannot be read before the first initialize",
     "it", "contract::e2_the_failure_of_the_first_initialize_can_be_read", MACHINE,
     "Phase::Down { after_shutdown: true } => Err(Error::NotInitialized),",
     "Phase::Down { .. } => Err(Error::NotInitialized),"),

    # Rules
    ("rule-before-contract-initialize", "I2", "a rule is asked where the process is not elevated",
     "it", "rules::i2_an_initialize_that_the_contract_refuses_asks_no_rule", MACHINE,
     "return Err(Error::NotElevated);",
     "let_through(script())?; return Err(Error::NotElevated);"),
    ("rule-before-contract-open", "O5", "a rule is asked for an empty path",
     "it", "rules::o1_an_open_that_the_contract_refuses_asks_no_rule", MACHINE,
     "return Err(InvalidArgument::EmptyPath.into());",
     "let_through(script())?; return Err(InvalidArgument::EmptyPath.into());"),
    ("rule-before-contract-close", "C7", "a rule is asked where a close would wait for itself",
     "it", "rules::c2_a_close_that_the_contract_refuses_asks_no_rule", MACHINE,
     "1 if sessions.is_busy(slot, thread) => Err(Error::PossibleDeadlock { session }),",
     "1 if sessions.is_busy(slot, thread) => {"
     " let_through(script(b\"\"))?; Err(Error::PossibleDeadlock { session }) }"),
    ("rule-before-contract-shutdown", "S2", "a rule is asked with a session open",
     "it", "rules::s2_a_shutdown_that_the_contract_refuses_asks_no_rule", MACHINE,
     "Phase::Up { sessions, .. } if sessions.count() > 0 => Err(Error::OpenSessionHandles),",
     "Phase::Up { sessions, .. } if sessions.count() > 0 => {"
     " let_through(script())?; Err(Error::OpenSessionHandles) }"),
    ("rule-before-contract-operation", "P3", "a rule is asked inside an operation of its thread",
     "it", "rules::p1_an_operation_that_the_contract_refuses_asks_no_rule", MACHINE,
     "return Err(Error::PossibleDeadlock { session });",
     "let_through(script(b\"\"))?; return Err(Error::PossibleDeadlock { session });"),
    ("rule-before-contract-call", "N1", "a rule is asked while down",
     "it", "rules::n1_a_call_that_the_contract_refuses_asks_no_rule", MACHINE,
     "self.phase.sessions()?;\n            if !function.is_without_session() {\n"
     "                return Err(InvalidArgument::TakesSession { function }.into());\n"
     "            }\n            let_through(script())",
     "let_through(script())?; self.phase.sessions()?;\n            if !function.is_without_session() {\n"
     "                return Err(InvalidArgument::TakesSession { function }.into());\n"
     "            }\n            Ok(())"),
    ("rule-before-contract-delete", "D3", "a rule is asked for memory that was not handed out",
     "it", "rules::d3_a_delete_that_the_contract_refuses_asks_no_rule", MACHINE,
     "return Err(InvalidArgument::NotHandedOut { memory }.into());",
     "let_through(script())?; return Err(InvalidArgument::NotHandedOut { memory }.into());"),
    ("rule-before-contract-last-error", "E5", "a rule is asked after a last shutdown",
     "it", "rules::e5_a_last_error_that_is_out_of_reach_asks_no_rule", MACHINE,
     "self.not_after_shutdown()?;\n        let_through(script())?;\n        Ok(Effect::LastError",
     "let_through(script())?;\n        self.not_after_shutdown()?;\n        Ok(Effect::LastError"),
    ("rule-failed-but-up", "I1", "an initialize that is scripted to fail initializes",
     "it", "rules::a_failing_initialize_leaves_it_down", MACHINE,
     "let_through(script())?;\n"
     "                self.phase = Phase::Up { count: 1, sessions: Sessions::new() };",
     "let answer = script();\n"
     "                self.phase = Phase::Up { count: 1, sessions: Sessions::new() };"
     " let_through(answer)?;"),
    ("rule-failed-but-counted", "I3 Recorded", "an initialize that is scripted to fail counts",
     "it", "rules::a_failing_initialize_is_not_counted", MACHINE,
     "let_through(script())?;\n                *count = next;",
     "*count = next;\n                let_through(script())?;"),
    ("rule-failed-but-open", "O7", "an open that is scripted to fail opens",
     "it", "rules::a_failing_open_leaves_nothing_behind", MACHINE,
     "let_through(script())?;\n        Ok((sessions.add(image), 1))",
     "let added = sessions.add(image);\n        let_through(script())?;\n        Ok((added, 1))"),
    ("rule-failed-but-referenced", "O7, O3", "an open that is scripted to fail adds a reference",
     "it", "rules::a_failing_open_of_an_open_image_adds_no_reference", MACHINE,
     "let_through(script())?;\n            entry.references = references;",
     "entry.references = references;\n            let_through(script())?;"),
    ("rule-failed-but-closing", "C4", "a close that is scripted to fail makes the session closing",
     "it", "rules::a_failing_close_leaves_the_session_open", MACHINE,
     "let_through(script(sessions.entry(slot).image()))?;\n"
     "                Ok(Effect::Closing { ready: sessions.start_closing(slot, thread) })",
     "let answer = script(sessions.entry(slot).image());\n"
     "                let ready = sessions.start_closing(slot, thread);"
     " let_through(answer)?; Ok(Effect::Closing { ready })"),
    ("rule-failed-but-released", "C3", "a close that is scripted to fail gives a reference back",
     "it", "rules::a_failing_close_keeps_its_reference", MACHINE,
     "let_through(script(sessions.entry(slot).image()))?;\n"
     "                let entry = sessions.entry_mut(slot);\n"
     "                entry.references -= 1;",
     "let answer = script(sessions.entry(slot).image());\n"
     "                let entry = sessions.entry_mut(slot);\n"
     "                entry.references -= 1; let_through(answer)?;"),
    ("rule-failed-but-down", "S4", "a shutdown that is scripted to fail shuts down",
     "it", "rules::a_failing_shutdown_leaves_it_up", MACHINE,
     "let_through(script())?;\n"
     "                self.phase = Phase::Down { after_shutdown: true };",
     "let answer = script();\n"
     "                self.phase = Phase::Down { after_shutdown: true }; let_through(answer)?;"),
    ("rule-failed-but-one-less", "S3", "a shutdown that is scripted to fail counts",
     "it", "rules::s3_a_failing_shutdown_takes_nothing_off_the_count", MACHINE,
     "let_through(script())?;\n                *count -= 1;",
     "*count -= 1;\n                let_through(script())?;"),
    ("rule-failed-but-deleted", "D1", "a delete that is scripted to fail deletes",
     "it", "rules::a_failing_delete_leaves_the_memory_handed_out", MACHINE,
     "let_through(script())?;\n        self.handed_out.remove(&memory);",
     "self.handed_out.remove(&memory);\n        let_through(script())?;"),
    ("rule-failed-operation-not-begun", "P2", "an operation that is scripted to fail has no turn",
     "it", "rules::p2_a_failing_operation_has_its_turn_as_any_other", MACHINE,
     "script(image);\n", "let_through(script(image))?;\n"),
    ("rule-failure-succeeds", "P4", "a failing answer is taken for a success",
     "it", "rules::every_function_can_be_made_to_fail", MACHINE,
     "Some(code) if code.is_failure() => Err(Error::Scripted { code }),",
     "Some(code) if code.is_failure() && false => Err(Error::Scripted { code }),"),
    ("rule-success-dropped", "P4", "a scripted success of an initialize does not come back",
     "it", "rules::p4_every_function_can_be_made_to_succeed_with_any_number", EMULATOR,
     "|| Call::Initialize,\n        );\n        outcome.map(|effect| code_of(&answer, effect))",
     "|| Call::Initialize,\n        );\n"
     "        let _ = answer; outcome.map(|effect| effect.code())"),
    ("rule-success-dropped-close", "P4", "a scripted success of a close does not come back",
     "it", "rules::p4_every_function_can_be_made_to_succeed_with_any_number", EMULATOR,
     "function, on));\n        outcome.map(|effect| answer.unwrap_or(effect.code()))",
     "function, on));\n        outcome.map(|effect| effect.code())"),
    ("rule-success-dropped-operation", "P4, C6", "a scripted result of an operation is lost",
     "it", "rules::c6_a_reboot_that_a_rule_answers_is_told_at_the_last_close", OPERATION,
     "let result = self.take_answer().unwrap_or(result.into());",
     "let _ = self.take_answer(); let result = result.into();"),
    ("rule-answer-lost-at-drop", "P5", "an operation that is dropped ends with S_OK",
     "it", "rules::p5_an_operation_that_is_dropped_ends_as_scripted", OPERATION,
     "let result = self.take_answer().unwrap_or(Hresult::S_OK);",
     "let result = Hresult::S_OK;"),
    ("rule-not-journaled", "X1", "the journal does not have the scripted answer of a call",
     "it", "rules::every_function_can_be_made_to_fail", EMULATOR,
     "|| call().answered(code), outcome);", "call, outcome);"),
    ("rule-not-journaled-close", "X1", "the journal does not have the scripted answer of a close",
     "it", "rules::every_function_can_be_made_to_fail", EMULATOR,
     "|| Call::CloseSession { session }.answered(answer),", "|| Call::CloseSession { session },"),
    ("rule-not-journaled-operation", "X1",
     "the journal does not have the scripted answer of an operation",
     "it", "rules::p4_every_function_can_be_made_to_succeed_with_any_number", EMULATOR,
     "Call::BeginOperation { session, function }.answered(code);",
     "Call::BeginOperation { session, function }; let _ = code;"),
    ("rule-code-of-the-effect", "P4", "a step tells the code of its effect, scripted or not",
     "it", "rules::a_step_tells_the_scripted_answer_as_its_code", JOURNAL,
     "Ok(effect) => self.call.answer().unwrap_or_else(|| effect.code()),",
     "Ok(effect) => effect.code(),"),
    ("rule-failed-call-not-noted", "E2", "a scripted failure does not set the last error",
     "it", "rules::e2_a_scripted_failure_sets_the_last_error_as_its_function_does", MACHINE,
     "call().map(|()| Effect::Called).map_err(|error| self.noted(thread, error))",
     "call().map(|()| Effect::Called)"),
    ("rule-times-not-counted", "P4", "how often a rule fired is not counted",
     "loom", "double::a_rule_fires_for_exactly_one_of_two_shutdowns", RULE,
     "*fired += 1;", ""),
    ("rule-times-ignored", "P4", "a rule that is used up goes on",
     "it", "rules::times_bounds_how_many_calls_are_answered", RULE,
     "if is_spent || !it.rule.means(asked) {", "if !it.rule.means(asked) {"),
    ("rule-last-wins", "P4", "the last rule in force answers",
     "it", "rules::the_first_rule_in_force_answers", RULE,
     "self.in_force.iter_mut().find_map(", "self.in_force.iter_mut().rev().find_map("),
    ("rule-others-count", "P4", "rules behind the one that answers count the call",
     "it", "rules::rules_behind_the_one_that_answers_do_not_count_the_call", RULE, FIRST_RULE,
     FIRST_RULE.replace("find_map", "filter_map").replace(
         "})?;", "}).collect::<Vec<_>>().into_iter().next()?;")),
    ("rule-skip-not-counted", "P4", "calls that a rule lets pass are not counted",
     "it", "rules::after_lets_calls_pass_and_answers_the_rest", RULE,
     "it.skipped += 1;", ""),
    ("rule-skip-ends-the-search", "P4", "a rule that lets a call pass keeps it from the next",
     "it", "rules::a_rule_that_lets_a_call_pass_leaves_it_to_the_next", RULE, FIRST_RULE,
     FIRST_RULE.replace("it.skipped += 1;\n                return None;",
                        "it.skipped += 1;\n                return Some(None);")
     .replace("Some(it)", "Some(Some(it))").replace("})?;", "})??;")),
    ("rule-nth-from-0", "P4", "the first call is the 0th",
     "it", "rules::nth_answers_one_call_counted_from_1", RULE,
     "self.skip = n.saturating_sub(1);", "self.skip = n;"),
    ("rule-0th-is-the-first", "P4", "the 0th call is the first",
     "it", "rules::there_is_no_0th_call", RULE, "Some(n.min(1));", "Some(1);"),
    ("rule-nth-goes-on", "P4", "a rule for the nth call answers those after it",
     "it", "rules::nth_answers_one_call_counted_from_1", RULE,
     "self.times = Some(n.min(1));", ""),
    ("rule-any-function", "P4", "a rule means every function",
     "it", "rules::a_rule_means_its_function_alone", RULE,
     "Some(function) => function == asked.function,", "Some(_) => true,"),
    ("rule-any-operation-is-any-call", "P4", "a rule on any operation means a close, too",
     "it", "rules::a_rule_on_any_operation_means_what_takes_a_session_but_for_the_close", RULE,
     "None => asked.function.is_operation(),", "None => asked.session.is_some(),"),
    ("rule-any-session", "P4", "the session of a rule is not looked at",
     "it", "rules::a_session_narrows_a_rule_to_its_operations_and_closes", RULE,
     "&& self.session.is_none_or(|session| Some(session) == asked.session)", ""),
    ("rule-open-names-a-session", "P4", "a rule for a session means an open",
     "it", "rules::an_open_names_no_session", RULE,
     "Some(session) == asked.session)",
     "asked.session.is_none_or(|asked| asked == session))"),
    ("rule-any-image", "P4", "the image of a rule is not looked at",
     "it", "rules::o6_an_image_narrows_a_rule_to_its_opens_operations_and_closes_in_any_spelling",
     RULE, "&& self.image.as_ref().is_none_or(image)", "&& (true || image(&ImagePath::new(\"\")))"),
    ("rule-image-as-spelt", "O6", "the image of a rule is compared byte by byte",
     "it", "rules::o6_an_image_narrows_a_rule_to_its_opens_operations_and_closes_in_any_spelling",
     RULE, "ImageKey::new(image.as_bytes()).names(asked)",
     "ImageKey::new(image.as_bytes()).path() == asked"),
    ("rule-guard-keeps", "P4", "a guard that is dropped leaves its rule in force",
     "it", "rules::a_guard_that_is_dropped_takes_its_rule_back", RULE,
     "if !self.is_kept {", "if false {"),
    ("rule-guard-takes-all", "P4", "a guard that is dropped takes every rule back",
     "it", "rules::a_guard_that_is_dropped_leaves_other_rules_in_force", RULE,
     "self.in_force.retain(|it| it.id != id);", "self.in_force.clear();"),
    ("rule-keep-drops", "P4", "a rule that is kept is taken back",
     "it", "rules::a_rule_that_is_kept_outlives_its_guard", RULE, "self.is_kept = true;", ""),
    ("rule-fired-not-counted", "P4", "a rule does not count what it answered",
     "it", "rules::every_function_can_be_made_to_fail", RULE,
     "*fired += 1;", "let _ = fired;"),
    ("rule-unused-not-told", "P4", "a rule that never fired is not told",
     "it", "rules::a_rule_that_never_fired_is_told_by_name_and_place", RULE,
     "(self.fired(id) == 0 && !first.rule.optional)", "(false && !first.rule.optional)"),
    ("rule-used-told", "P4", "a rule that fired is told, too",
     "it", "rules::a_rule_that_fired_is_not_told", RULE,
     "(self.fired(id) == 0 && !first.rule.optional)", "(!first.rule.optional)"),
    ("rule-optional-told", "P4", "a rule that need not fire is told",
     "it", "rules::an_optional_rule_need_not_fire", RULE,
     "(self.fired(id) == 0 && !first.rule.optional)", "(self.fired(id) == 0)"),
    ("rule-taken-back-not-told", "P4", "a rule that was taken back unused is not told",
     "it", "rules::a_rule_that_was_taken_back_without_having_fired_is_told_once", RULE,
     "self.unused.extend(self.unused(id));", ""),
    ("rule-unused-not-told-at-the-drop", "P4", "the drop of the last handle tells nothing",
     "it", "rules::the_drop_of_the_last_handle_tells_of_a_rule_that_never_fired", EMULATOR,
     "if !std::thread::panicking() {\n            panic_if_there_is(self.core.get_mut()",
     "if false {\n            panic_if_there_is(self.core.get_mut()"),
    ("rule-told-twice", "P4", "what was verified is told again at the drop",
     "it", "rules::the_drop_of_the_last_handle_tells_nothing_twice", EMULATOR,
     "if !self.verify_on_drop || std::mem::replace(&mut self.verified, seen) == seen {",
     "if !self.verify_on_drop {"),
    ("rule-told-who-opted-out", "P4", "who opted out is told at the drop",
     "it", "rules::a_test_that_opted_out_is_not_told_at_the_drop", EMULATOR,
     "if !self.verify_on_drop || std::mem::replace(", "if std::mem::replace("),
    ("kill-host-two-rules", "P5", "a dead host that nobody noticed is told twice",
     "it", "rules::a_host_that_died_unnoticed_is_told_as_one_rule", RULE, "ids.dedup();", ""),
    ("kill-host-disconnects-for-ever", "P5", "every operation finds the host disconnected",
     "it", "rules::p5_a_dead_host_answers_as_recorded", EMULATOR,
     "rule().times(1).answer(Hresult::RPC_E_DISCONNECTED)",
     "rule().answer(Hresult::RPC_E_DISCONNECTED)"),
    ("kill-host-kills-all", "P5", "the host of every session dies",
     "it", "rules::p5_the_host_of_one_session_is_not_that_of_another", EMULATOR,
     "Rule::on_any_operation().session(session)", "Rule::on_any_operation()"),
    ("kill-host-recovers", "P5", "only the first operation finds the host dead",
     "it", "rules::p5_a_dead_host_answers_as_recorded", EMULATOR,
     "self.script_together([first, others], Location::caller())",
     "{ let _ = others; self.script_together([first], Location::caller()) }"),
    ("kill-host-half-taken-back", "P5", "the guard takes only one of the rules back",
     "it", "rules::p5_a_host_is_alive_again_once_its_guard_is_dropped", RULE,
     "self.in_force.retain(|it| it.id != id);",
     "if let Some(at) = self.in_force.iter().position(|it| it.id == id) {"
     " self.in_force.remove(at); }"),

    # Progress
    ("progress-scripted-ignored", "P4", "an operation reports its own progress, scripted or not",
     "it", "rules::an_operation_reports_the_progress_that_is_scripted", OPERATION,
     ".and_then(|answer| answer.progress.take());",
     ".and_then(|answer| answer.progress.take()).filter(|_| false);"),
    ("progress-cancel-ignored", "P4", "a callback that breaks does not cancel",
     "it", "rules::a_callback_cancels_the_operation_with_break", OPERATION,
     "if steps.try_for_each(on_progress).is_break() {",
     "if steps.try_for_each(on_progress).is_break() && false {"),
    ("progress-goes-on", "P4", "progress goes on after a callback broke",
     "it", "rules::a_callback_cancels_the_operation_with_break", OPERATION,
     "if steps.try_for_each(on_progress).is_break() {",
     "if steps.by_ref().map(on_progress).filter(|it| it.is_break()).count() > 0 {"),
    ("progress-script-wins", "P4", "what is scripted wins over a cancel",
     "it", "rules::a_cancel_wins_over_the_scripted_answer", OPERATION, "self.answer = None;", ""),
    ("progress-after-the-end", "P2", "progress is reported after the operation has ended",
     "it", "rules::p3_a_callback_cannot_operate_on_its_own_session", OPERATION,
     "let mut steps = scripted.as_deref()",
     "let _ = self.finish(Hresult::S_OK); let mut steps = scripted.as_deref()"),

    # Holds
    ("hold-before-is-after", "X1", "a hold before a call holds it when all has happened",
     "it", "holds::before_a_call_nothing_has_happened_yet", HOLD,
     "Self::new(Point::Before, function)", "Self::new(Point::Returning, function)"),
    ("hold-returning-is-before", "X1", "a hold before the return holds before the call",
     "it", "holds::before_returning_everything_has_happened_and_the_caller_does_not_know", HOLD,
     "Self::new(Point::Returning, function)", "Self::new(Point::Before, function)"),
    ("hold-closing-when-gone", "S2, C4", "a close is held when the session is gone",
     "it", "holds::s2_a_session_between_closing_and_gone_counts_as_open", EMULATOR,
     "            core = self.hold_at(core, Point::Between, thread, function, on);\n"
     "            if !ready {\n"
     "                core = self.wait(core, thread, session);\n"
     "            }\n"
     "            outcome = core.machine.finish_close(thread, session);\n",
     "            if !ready {\n"
     "                core = self.wait(core, thread, session);\n"
     "            }\n"
     "            outcome = core.machine.finish_close(thread, session);\n"
     "            core = self.hold_at(core, Point::Between, thread, function, on);\n"),
    ("hold-closing-when-drained", "C4", "a close is held after it has waited for operations",
     "it", "holds::c4_operations_go_on_while_their_close_is_held", EMULATOR,
     "            core = self.hold_at(core, Point::Between, thread, function, on);\n"
     "            if !ready {\n"
     "                core = self.wait(core, thread, session);\n"
     "            }\n",
     "            if !ready {\n"
     "                core = self.wait(core, thread, session);\n"
     "            }\n"
     "            core = self.hold_at(core, Point::Between, thread, function, on);\n"),
    ("hold-closing-then-no-wait", "C4", "a close that was held does not wait for operations",
     "loom", "double::c4_a_close_that_is_let_go_waits_for_the_operation_that_is_left", EMULATOR,
     "core = self.wait(core, thread, session);\n            }", "}"),
    ("hold-performing-in-the-queue", "P2", "an operation is held while it waits for its turn",
     "it", "holds::p2_an_operation_that_waits_for_its_turn_is_not_being_performed", EMULATOR,
     "=> core = self.wait(core, thread, session),",
     "=> { core = self.hold_at(core, Point::Between, thread, function, on);"
     " core = self.wait(core, thread, session); }"),
    ("hold-nowhere-before", "X1", "nobody is held before a call without a session",
     "it", "holds::before_a_call_nothing_has_happened_yet", EMULATOR,
     "let mut core = self.hold_at(self.lock(), Point::Before, thread, function, None);",
     "let mut core = self.lock();"),
    ("hold-refused-returns", "X1", "a refused operation is not held where it returns",
     "it", "holds::a_refused_call_comes_to_both_ends_too", EMULATOR,
     "drop(self.hold_at(core, Point::Returning, thread, function, on));\n"
     "                return Err(error);",
     "return Err(error);"),
    ("hold-catches-all", "X1", "a hold catches every thread that comes",
     "loom", "double::a_hold_catches_exactly_one_of_two_threads", HOLD,
     "set.thread.is_none()\n                && (at, of)", "(at, of)"),
    ("hold-catches-two", "X1", "a hold catches a second thread",
     "it", "holds::a_hold_catches_one_thread", HOLD,
     "set.thread.is_none()\n                && (at, of)", "(at, of)"),
    ("hold-any-function", "X1", "a hold catches calls of every function",
     "it", "holds::a_hold_stops_calls_of_its_function_alone", HOLD,
     "&& (at, of) == (point, function)", "&& { let _ = of; at == point }"),
    ("hold-any-session", "X1", "the session of a hold is not looked at",
     "it", "holds::a_session_narrows_a_hold_to_its_calls", HOLD,
     "&& on.is_none_or(|on| Some(on) == session)", "&& { let _ = (on, session); true }"),
    ("hold-open-names-a-session", "X1", "a hold for a session catches an open",
     "it", "holds::an_open_names_no_session_to_hold", HOLD,
     "&& on.is_none_or(|on| Some(on) == session)",
     "&& on.is_none_or(|on| session.is_none_or(|session| on == session))"),
    ("hold-last-comes-first", "X1", "the last hold on a function catches first",
     "it", "holds::two_holds_on_one_function_catch_two_threads_in_order", HOLD,
     "let set = self.0.iter_mut().find(|set| {",
     "let set = self.0.iter_mut().rev().find(|set| {"),
    ("hold-release-wakes-nobody", "X2", "a release wakes nobody",
     "loom", "double::a_thread_is_held_before_its_call_and_let_go", EMULATOR,
     "self.shared.held.notify_all();\n        remark", "remark"),
    ("hold-release-wakes-too-soon", "X2", "a release wakes before it lets go",
     "loom", "double::a_hold_that_is_dropped_meets_a_thread_or_does_not", EMULATOR,
     "let remark = self.with_script(|script| script.holds.remove(id));\n"
     "        self.shared.held.notify_all();\n        remark",
     "self.shared.held.notify_all();\n"
     "        self.with_script(|script| script.holds.remove(id))"),
    ("hold-arrival-wakes-nobody", "X2", "who waits for a thread is not told that it came",
     "loom", "double::a_thread_is_held_before_it_returns_and_let_go", EMULATOR,
     "self.shared.held.notify_all();\n        let deadline", "let deadline"),
    ("hold-lets-all-go", "X1", "a release lets the threads of all holds go",
     "loom", "double::two_holds_let_go_one_thread_each", HOLD,
     "let set = self.0.remove(at);", "let set = self.0.remove(at); self.0.clear();"),
    ("hold-no-second-look", "X1", "a thread that was woken goes on whatever the hold says",
     "loom", "double::two_holds_let_go_one_thread_each", EMULATOR,
     "core = self.shared.held.wait_until(core, deadline);\n        }\n    }\n\n"
     "    /// Waits until the hold",
     "return self.shared.held.wait_until(core, deadline);\n        }\n    }\n\n"
     "    /// Waits until the hold"),
    ("hold-wait-does-not-wait", "X1", "a wait does not wait for a thread",
     "loom", "double::s2_a_close_that_is_held_between_closing_and_gone_fails_every_shutdown", HOLD,
     "Some(Set { thread: None, hold, .. }) => Ok(Some(hold.deadline)),",
     "Some(Set { thread: None, hold, .. }) if hold.deadline.is_zero() =>"
     " Ok(Some(hold.deadline)),"),
    ("hold-wait-returns-at-once", "X1", "a wait does not wait for a thread, on plain threads",
     "it", "holds::wait_returns_when_a_thread_is_held_and_not_before", HOLD,
     "Some(Set { thread: None, hold, .. }) => Ok(Some(hold.deadline)),",
     "Some(Set { thread: None, hold, .. }) if hold.deadline.is_zero() =>"
     " Ok(Some(hold.deadline)),"),
    ("hold-drop-does-not-release", "X2", "the drop of a hold leaves its thread held",
     "loom", "double::a_hold_that_is_dropped_meets_a_thread_or_does_not", HOLD,
     "fn drop(&mut self) {\n        self.end();", "fn drop(&mut self) {"),
    ("hold-panic-does-not-release", "X2", "a hold that is dropped by a panic leaves its thread held",
     "it", "holds::a_test_that_panics_lets_the_held_thread_go", HOLD,
     "fn drop(&mut self) {\n        self.end();",
     "fn drop(&mut self) {\n        if std::thread::panicking() { return; } self.end();"),
    ("hold-deadline-ignored", "X2", "a thread is held beyond the deadline",
     "it", "holds::a_guard_across_a_join_holds_its_thread_until_the_deadline", EMULATOR,
     "if deadline.is_past() {\n                        script.holds.expire(id);",
     "if false {\n                        script.holds.expire(id);"),
    ("hold-deadline-at-once", "X2", "a thread is not held until the deadline",
     "it", "holds::a_guard_across_a_join_holds_its_thread_until_the_deadline", EMULATOR,
     "if deadline.is_past() {\n                        script.holds.expire(id);",
     "if !deadline.is_past() {\n                        script.holds.expire(id);"),
    ("hold-patience-ignored", "X2", "a wait goes on beyond the deadline",
     "it", "holds::waiting_for_a_thread_that_never_comes_fails_and_names_the_hold", EMULATOR,
     "if deadline.is_past() {\n                return script",
     "if false {\n                return script"),
    ("hold-patience-passes", "X2", "a wait that nobody came to succeeds",
     "it", "holds::waiting_for_a_thread_that_never_comes_fails_and_names_the_hold", EMULATOR,
     "return script.holds.nobody_came(id).map_or(Ok(()), Err);", "return Ok(());"),
    ("hold-expired-not-told-at-release", "X2", "a release does not tell that the deadline was first",
     "it", "holds::a_guard_across_a_join_holds_its_thread_until_the_deadline", HOLD,
     "set.is_expired.then(|| set.expired())", "set.is_expired.then(|| set.expired()).filter(|_| false)"),
    ("hold-expired-not-told-by-verify", "X2", "verify does not tell of a hold that expired",
     "it", "holds::a_hold_that_was_forgotten_holds_nobody_for_ever_and_is_told_by_verify", HOLD,
     "self.0.iter().filter(|set| set.is_expired)", "self.0.iter().filter(|_| false)"),
    ("hold-told-although-nobody-came", "X2", "verify tells of a hold that did not expire",
     "it", "holds::a_hold_that_nobody_came_to_is_nothing_to_tell", HOLD,
     "self.0.iter().filter(|set| set.is_expired)", "self.0.iter().filter(|_| true)"),
    ("hold-expired-and-waited-for", "X2", "a wait does not tell that the thread is gone",
     "it", "holds::waiting_for_a_thread_that_a_deadline_let_go_fails", HOLD,
     "Some(set) if set.is_expired => Err(", "Some(set) if set.is_expired && false => Err("),
    ("hold-panics-twice", "X2", "a hold that expired panics in a test that panics",
     "it", "holds::a_hold_that_expired_keeps_quiet_in_a_test_that_panics", HOLD,
     "(expired, std::thread::panicking())", "(expired, false)"),
    ("hold-deadline-overflows", "X2", "a deadline that no clock can tell panics",
     "it", "holds::a_deadline_may_be_farther_away_than_a_clock_can_tell", SYNC,
     "Self(Instant::now().checked_add(patience))", "Self(Some(Instant::now() + patience))"),
    ("hold-that-cannot-be", "P2", "a hold in a call that is never performed is accepted",
     "it", "holds::only_an_operation_is_ever_being_performed", HOLD,
     "assert!(function.is_operation(), \"only an operation is ever being performed\");", ""),
    ("hold-fails-elsewhere", "P2", "a hold that cannot be fails at a line of the emulator's",
     "it", "holds::a_hold_that_cannot_be_fails_at_the_line_of_the_test", HOLD,
     "#[track_caller]\n    pub const fn performing", "pub const fn performing"),
    ("hold-misses-the-queue", "P2", "an operation that was queued before a hold was set passes it",
     "it", "holds::a_hold_catches_an_operation_that_was_queued_before_it_was_set", EMULATOR,
     "drop(self.hold_at(core, Point::Between, thread, function, Some(session)));\n        }",
     "drop(core);\n        }"),

    # Memory
    ("d1-reused", "D1", "a number of memory is handed out again",
     "it", "rules::d1_a_number_is_not_handed_out_again", MACHINE,
     "self.last_memory = memory;", ""),
    ("d1-decided-and-done-apart", "D1, X1", "memory is chosen under one lock and taken under another",
     "loom", "double::d1_two_threads_are_never_handed_the_same_memory", EMULATOR,
     "let mut core = self.lock();\n        let outcome = core.machine.hand_out(thread, function);",
     "let outcome = self.lock().machine.clone().hand_out(thread, function);"
     " let mut core = self.lock(); let _ = core.machine.hand_out(thread, function);"),
    ("d2-null-refused", "D2", "NULL is refused",
     "it", "rules::d2_deleting_null_is_a_success", MACHINE, "memory != Memory::NULL && ", ""),
    ("d3-anything-deleted", "D3", "what was not handed out is deleted",
     "it", "rules::d3_what_was_not_handed_out_cannot_be_deleted", MACHINE,
     "if memory != Memory::NULL && !self.handed_out.contains(&memory) {", "if false {"),
    ("d3-deleted-twice", "D3", "memory is deleted twice",
     "it", "rules::d3_memory_cannot_be_deleted_twice", MACHINE,
     "self.handed_out.remove(&memory);", ""),
    ("d3-decided-and-done-apart", "D3, X1", "a delete looks under one lock and acts under another",
     "loom", "double::d3_memory_that_two_threads_delete_has_one_winner", EMULATOR,
     "|machine, _, asking| machine.delete(memory, || asking.ask(None)),",
     "{ let outcome = self.lock().machine.clone().delete(memory, || None);"
     " move |machine: &mut Machine, _, _: &mut Asking<'_>| {"
     " let _ = machine.delete(memory, || None); outcome } },"),
    ("d4-deleted-after-shutdown", "D4", "a delete after a last shutdown succeeds",
     "it", "rules::d4_after_a_last_shutdown_nothing_is_deleted_and_nothing_handed_out", MACHINE,
     "self.not_after_shutdown()?;\n        if memory", "if memory"),
    ("d4-handed-out-after-shutdown", "D4", "memory is handed out after a last shutdown",
     "it", "rules::d4_after_a_last_shutdown_nothing_is_deleted_and_nothing_handed_out", MACHINE,
     "let next = self.not_after_shutdown().and_then(|()| {",
     "let next = Ok(()).and_then(|()| {"),
    ("d4-freed-by-shutdown", "D4", "a last shutdown frees what is handed out",
     "it", "rules::d4_memory_outlives_a_shutdown", MACHINE,
     "self.phase = Phase::Down { after_shutdown: true };",
     "self.phase = Phase::Down { after_shutdown: true }; self.handed_out.clear();"),
    ("d4-needs-initialize", "D4, E5", "a delete before the first initialize fails",
     "it", "rules::d1_memory_can_be_handed_out_before_the_first_initialize", MACHINE,
     "self.not_after_shutdown()?;\n        if memory", "self.phase.sessions()?;\n        if memory"),
    ("e2-delete", "E2", "a failing delete sets the last error",
     "it", "rules::e2_a_failing_delete_is_no_last_error", MACHINE,
     "return Err(InvalidArgument::NotHandedOut { memory }.into());",
     "self.last_errors.insert(crate::sync::current_thread(), Hresult::E_INVALIDARG);"
     " return Err(InvalidArgument::NotHandedOut { memory }.into());"),
    ("e2-hand-out", "E2", "a function that cannot hand out does not set the last error",
     "it", "rules::e2_a_function_that_cannot_hand_out_sets_the_last_error", MACHINE,
     "Err(error) if sets_last_error(function) => Err(self.noted(thread, error)),",
     "Err(error) if sets_last_error(function) => Err(error),"),
    ("e2-hand-out-of-the-message", "E2", "a message that cannot be handed out sets the last error",
     "it", "rules::e2_a_function_that_cannot_hand_out_sets_the_last_error", MACHINE,
     "Err(error) if sets_last_error(function) =>",
     "Err(error) if sets_last_error(function) || true =>"),

    # Functions without a session
    ("n1-works-while-down", "N1", "a function without a session works while down",
     "it", "rules::n1_a_function_without_a_session_needs_an_initialized_api", MACHINE,
     "self.phase.sessions()?;\n            if !function", "if !function"),
    ("n1-any-function", "N1", "a function that takes a session is called without one",
     "it", "rules::a_function_that_has_a_method_of_its_own_is_not_called_without_a_session",
     MACHINE, "if !function.is_without_session() {", "if false {"),
    ("n1-mounting-while-down", "N1", "mounting looks at its path before it is initialized",
     "it", "contract::n1_mounting_needs_an_initialized_api", MACHINE,
     "            Phase::Down { .. } => Error::NotInitialized,\n",
     "            Phase::Down { .. } => InvalidArgument::EmptyPath.into(),\n"),
    ("n1-mounting-works-while-down", "N1", "images are mounted while down",
     "it", "contract::n1_mounting_needs_an_initialized_api", MACHINE,
     "            Phase::Down { .. } => Err(Error::NotInitialized),\n"
     "            Phase::Up { sessions, .. } if sessions.is_on(path) => {",
     "            Phase::Down { .. } => Ok(()),\n"
     "            Phase::Up { sessions, .. } if sessions.is_on(path) => {"),
    ("n1-missing-argument-first", "N1", "a missing argument is told before not initialized",
     "it", "contract::n1_a_call_without_its_argument_only_fails", MACHINE,
     "Function::Delete => !after_shutdown,\n                _ => false,",
     "Function::Delete => !after_shutdown,\n                _ => !after_shutdown,"),
    ("e2-missing-argument-of-the-message", "E2", "a missing place for the message sets it",
     "it", "contract::n1_a_call_without_its_argument_only_fails", MACHINE,
     "Err(if sets_last_error(function) { self.noted(thread, error) } else { error })",
     "Err(self.noted(thread, error))"),
    ("e2-unmount-not-noted", "E2", "an unmount that fails does not set the last error",
     "it", "contract::e2_mounting_that_fails_sets_the_last_error", MACHINE,
     "try_unmount().map_err(|error| self.noted(thread, error))", "{ let _ = thread; try_unmount() }"),
    ("e2-remount-not-noted", "E2", "a remount that fails does not set the last error",
     "it", "contract::e2_mounting_that_fails_sets_the_last_error", MACHINE,
     "try_remount().map_err(|error| self.noted(thread, error))", "{ let _ = thread; try_remount() }"),
    ("n2-session-on-path-ignored", "N2", "nobody asks for sessions on the path",
     "it", "contract::n2_a_path_with_an_open_session_is_left_alone", MACHINE,
     "Phase::Up { sessions, .. } if sessions.is_on(path) => {",
     "Phase::Up { sessions, .. } if false && sessions.is_on(path) => {"),
    ("n2-closing-ignored", "N2", "a session that is being closed is on no path",
     "it", "contract::n2_a_session_that_is_being_closed_is_still_on_its_path", SESSIONS,
     "Place::Taken(entry) => image.names(entry.image()),",
     "Place::Taken(entry) => !entry.is_closing() && image.names(entry.image()),"),
    ("n2-code-of-unmount", "N2", "a mount in the way of a session has the code of the unmount",
     "it", "contract::n2_a_path_with_an_open_session_is_left_alone", MACHINE,
     "let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH;",
     "let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH;"),
    ("n2-after-mounted", "N2", "what is mounted is looked at before sessions are",
     "it", "contract::n2_a_path_with_an_open_session_is_left_alone", MACHINE,
     "        self.no_session_on(path, in_use)?;\n        find_mounted(&self.mounted, path).ok_or(Error::NothingMounted)",
     "        let at = find_mounted(&self.mounted, path).ok_or(Error::NothingMounted)?;\n"
     "        self.no_session_on(path, in_use)?;\n        Ok(at)"),
    ("n3-nothing-is-fine", "N3", "an unmount of what is not mounted succeeds on another image",
     "it", "contract::n3_unmount_and_remount_of_what_is_not_mounted_fail", MACHINE,
     "find_mounted(&self.mounted, path).ok_or(Error::NothingMounted)",
     "Ok(find_mounted(&self.mounted, path).unwrap_or(0))"),
    ("n3-code", "N3", "what is not mounted is an invalid argument",
     "it", "contract::n3_unmount_and_remount_of_what_is_not_mounted_fail", "src/error.rs",
     "Self::NothingMounted => Hresult::DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH,",
     "Self::NothingMounted => Hresult::E_INVALIDARG,"),
    ("n4-shutdown-unmounts", "N4", "a last shutdown unmounts",
     "it", "contract::n4_what_is_mounted_lives_until_it_is_unmounted", MACHINE,
     "self.phase = Phase::Down { after_shutdown: true };",
     "self.phase = Phase::Down { after_shutdown: true }; self.mounted.clear();"),
    ("n4-unmount-unmounts-nothing", "N4", "an unmount leaves the image mounted",
     "it", "contract::n4_what_is_mounted_lives_until_it_is_unmounted", MACHINE,
     "self.mounted.remove(at);", "let _ = at;"),
    ("n4-remount-unmounts", "N4", "a remount unmounts",
     "it", "contract::n4_what_is_mounted_lives_until_it_is_unmounted", MACHINE,
     "            self.mounted_at(path, in_use)?;\n            let_through(script())?;\n            Ok(Effect::Remounted)",
     "            let at = self.mounted_at(path, in_use)?;\n            let_through(script())?;\n"
     "            self.mounted.remove(at);\n            Ok(Effect::Remounted)"),
    ("n4-twice-at-one-path", "N4", "two images are mounted at one path",
     "it", "contract::n4_a_mount_that_is_refused_mounts_nothing", MACHINE,
     "return Err(Error::AlreadyMounted);", ""),
    ("n4-image-zero", "N4", "image 0 is mounted",
     "it", "contract::n4_a_mount_that_is_refused_mounts_nothing", MACHINE,
     "ImageIdentifier::Index(0) => return Err(Error::InvalidImageIndex),", ""),
    ("n4-scripted-failure-mounts", "N4", "a mount that is scripted to fail mounts",
     "it", "properties::machine_answers_as_the_reference", MACHINE,
     "            let_through(script())?;\n            self.mounted.push(mount.clone());",
     "            self.mounted.push(mount.clone());\n            let_through(script())?;"),

    # The C functions
    ("c-missing-place-is-written", "O5", "a missing place for the handle is not noticed before the open",
     "capi", "gates::o5_no_argument_that_is_needed_may_be_null_alone", EXPORTS,
     "let Some(path) = path.filter(|_| !Session.is_null()) else {", "let Some(path) = path else {"),
    ("c-progress-not-told", "P3", "a callback is never told anything",
     "capi", "progress::every_callback_is_told_0_to_100_on_its_own_thread_and_can_call_anything",
     EXPORTS, "if let Some(callback) = self.callback {", "if let (Some(callback), true) = (self.callback, false) {"),
    ("c-scripted-progress-ignored", "P4", "a mount tells its own progress, whatever is scripted",
     "capi", "progress::a_rule_says_what_a_callback_is_told", EXPORTS,
     "let steps = scripted.as_deref().unwrap_or(&Progress::UNSCRIPTED);",
     "let _ = scripted; let steps = &Progress::UNSCRIPTED;"),
    ("c-list-not-emptied", "P4", "a list of nothing leaves its places alone",
     "capi", "image::every_list_of_an_empty_image_is_empty", EXPORTS,
     "        give(list, ptr::null_mut());\n        give(count, 0);", "        let _ = (list, count);"),
    ("c-look-up-succeeds", "P4", "a look-up in an empty image succeeds",
     "capi", "image::a_look_up_in_an_empty_image_fails_with_the_code_for_unknown", EXPORTS,
     "let operation = self.emulator.operation(session_of(session), function)?;\n        if operation",
     "let operation = self.emulator.operation(session_of(session), function)?;\n"
     "        let _ = unknown; let unknown = Hresult::S_OK;\n        if operation"),
    ("c-look-up-hands-out-too-late", "X1", "a look-up that has succeeded can fail after all",
     "capi", "careless::x1_a_look_up_succeeds_as_a_whole", EXPORTS,
     "let address = self.hand_out(function, block)?;\n        let code = operation.end_with(unknown)?;",
     "let code = operation.end_with(unknown)?;\n        let address = self.hand_out(function, block)?;"),
    ("c-odd-text", "X2", "a text at an odd address is read as if it were even",
     "capi", "careless::x2_a_text_may_lie_at_an_odd_address", MEMORY,
     "Some(if text.is_aligned() {", "Some(if !text.is_null() {"),
    ("guard-waits-for-itself", "X2", "a second guard on one thread waits for the first",
     "capi", "careless::a_second_process_on_one_thread_does_not_wait_for_itself", PROCESS,
     "assert!(*HOLDER.lock() != thread,", "assert!(*HOLDER.lock() != thread || true,"),
    ("guard-told-in-a-call", "X2", "a call that outlives its process is told of its mistakes",
     "capi", "careless::a_call_that_outlives_its_process_is_not_told_of_its_mistakes", EMULATOR,
     "core.verify_on_drop = false;", ""),
    ("c-shutdown-of-a-script", "P4", "a success that is scripted for a shutdown is lost",
     "capi", "gates::p4_every_function_returns_the_success_that_a_rule_has", EXPORTS,
     "loaded.emulator.shutdown_with_code()", "loaded.emulator.shutdown().map(|()| Hresult::S_OK)"),
    ("c-read-only-mounts-writable", "N4", "the flag for reading only is not looked at",
     "capi", "image::n4_mounted_images_are_listed_across_a_shutdown", EXPORTS,
     "let mode = match Flags & DISM_MOUNT_READONLY {", "let mode = match Flags & 0 {"),
    ("c-message-without-its-end", "E2", "the message of the table lacks its full stop",
     "capi", "same::the_c_functions_answer_as_the_references", EXPORTS,
     'Some(text) => format!("{text}.\\r\\n"),', 'Some(text) => format!("{text}\\r\\n"),'),
    ("d3-deleted-address-forgotten", "D3", "what is given back twice is not known any more",
     "capi", "memory::d1_memory_is_given_back_once", PROCESS,
     "lent.returned.insert(address, memory);", "let _ = memory;"),
    ("guard-takes-no-turn", "", "two tests have their processes at once",
     "capi", "processes::tests_with_a_process_of_their_own_take_turns", PROCESS,
     "        let turn = TURNS.lock();\n",
     "        drop(TURNS.lock());\n        let turn = Box::leak(Box::new(Mutex::new(()))).lock();\n"),
    ("guard-does-not-verify", "", "the end of a test's process does not verify it",
     "capi", "processes::the_end_of_a_process_verifies_it_though_somebody_has_a_handle", PROCESS,
     "        self.emulator.verify_as_on_drop();", ""),
    ("guard-puts-nothing-back", "", "the process that was there is gone",
     "capi", "processes::the_end_of_a_process_puts_back_what_was_there", PROCESS,
     "PROCESS.replace(self.before.take());", "PROCESS.replace(None);"),
    ("environment-ignored", "", "the environment does not choose the contract",
     "capi", "processes::without_a_guard_the_environment_chooses_the_contract", PROCESS,
     '"recorded" => builder.contract(Contract::Recorded),', '"recorded" => builder,'),
    ("surrogate-lost", "O6", "an unpaired surrogate becomes another letter",
     "capi", "image::o6_unpaired_surrogates_are_letters_like_others", IMAGE,
     "let unit = alone.unpaired_surrogate();", "let unit = alone.unpaired_surrogate() & 0xFC00;"),
    ("surrogate-not-given-back", "O6", "an unpaired surrogate does not come back",
     "capi", "image::a_path_comes_back_as_it_was_passed", IMAGE,
     "units.push(0xD000 |", "units.push(0xD001 |"),

    # One process beside another
    ("x1-one-process-for-all", "X1", "every emulator is the same process",
     "it", "isolation::two_processes_used_by_one_thread_share_nothing", EMULATOR,
     "Emulator { shared: Arc::new(shared), is_foreign: false }",
     "static ONE: std::sync::OnceLock<Arc<Shared>> = std::sync::OnceLock::new();"
     " Emulator { shared: ONE.get_or_init(|| Arc::new(shared)).clone(), is_foreign: false }"),
    ("x1-handles-for-all", "X1, O2", "the emulators share their session numbers",
     "it", "isolation::eight_tests_at_once_see_their_own_calls_alone", SESSIONS,
     "let handle = Session::from_raw(self.next as u32);",
     "static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(2);"
     " let handle = Session::from_raw("
     "NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));"),

    # All calls
    ("x1-shutdown-journaled-apart", "X1", "shutdown writes the journal under a lock of its own",
     "loom", "named::three_shutdowns", EMULATOR,
     SHUTDOWN,
     "{ let outcome = self.lock().machine.shutdown(|| None);"
     " move |_: &mut Machine, _, _: &mut Asking<'_>| outcome },"),
    ("x1-open-journaled-apart", "X1", "open writes the journal under a lock of its own",
     "loom", "named::open_close_and_shutdown", EMULATOR,
     "|machine, thread, asking| {\n"
     "                let path = request.image.path();\n"
     "                machine.open_session(thread, request, || asking.ask(Some(path)))\n"
     "            },",
     "{ let outcome = self.lock().machine.open_session(current_thread(), request, || None);"
     " move |_: &mut Machine, _, _: &mut Asking<'_>| outcome },"),
    ("x1-journal-one-too-many", "X1", "the journal keeps one step more than its limit",
     "it", "contract::a_limited_journal_keeps_the_latest_steps_and_says_that_it_cannot_replay",
     JOURNAL, "if self.steps.len() == self.limit {", "if self.steps.len() > self.limit {"),
    ("x1-journal-hides-the-loss", "X1", "the journal does not say that its beginning is missing",
     "it", "contract::a_limited_journal_keeps_the_latest_steps_and_says_that_it_cannot_replay",
     JOURNAL, "self.dropped += 1;", ""),
    ("x2-panic-leaks-the-operation", "X2", "a panic inside an operation never ends it",
     "it", "contract::x2_a_panic_inside_an_operation_leaves_the_emulator_usable", OPERATION,
     "let _ = self.finish(result);",
     "if std::thread::panicking() { return; } let _ = self.finish(result);"),
    ("x2-operation-ends-twice", "P4, X2", "an operation that was ended is ended again by its drop",
     "it", "contract::x2_an_operation_ends_once", OPERATION,
     "mem::forget(self);", "drop(self);"),
    ("x2-model-drops-nothing-in-a-panic", "X2", "in a model nothing is dropped during a panic",
     "loom", "double::x2_a_panic_in_a_callback_that_is_caught_ends_the_operation", SYNC,
     "let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));",
     "drop(action);"),
    ("x2-model-panics-in-a-drop", "X2", "a destructor ends a model before it tells what it found",
     "loom", "double::a_hold_that_is_never_released_is_a_deadlock", SYNC,
     "let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));",
     "action();"),

    # The mistakes of clients: each is found where it is one, and named as what it is
    ("mistake-1-not-found", "S2", "a refused shutdown is no mistake",
     "it", "mistakes::mistake_1_a_refused_shutdown_is_the_last_word", AUDIT,
     "= self.refused.take() {", "= self.refused.take().filter(|_| false) {"),
    ("mistake-1-at-the-first-refusal", "S2", "the first refused shutdown is named, not the last",
     "it", "mistakes::mistake_1_is_told_once_in_a_period_at_the_last_refusal", AUDIT,
     "Some(collides_with) => self.refused = Some(Refused { at, collides_with }),",
     "Some(collides_with) => {"
     " self.refused.get_or_insert(Refused { at, collides_with }); }"),
    ("mistake-1-forgotten-at-a-close", "S2", "a refused shutdown is forgotten at a late close",
     "it", "mistakes::mistake_1_stays_one_after_a_late_close", AUDIT,
     "self.open.remove(&session);", "self.open.remove(&session); self.refused = None;"),
    ("mistake-1-with-a-closed-one", "S2, C3", "another reference than its own is given back",
     "it", "mistakes::mistake_1_names_the_references_that_are_left", AUDIT,
     "let latest = self.owed.iter().rposition(|owed| own(owed) && !owed.excused);",
     "let latest = Some(0);"),
    ("mistake-1-closing-is-closed", "S2, C4", "a session that is closing does not count as open",
     "it", "mistakes::mistake_1_collides_with_a_close_that_is_not_over", AUDIT,
     "left.push(*by);\n                    excused = false;", "let _ = by;"),
    ("mistake-1-without-the-close", "S2, C4", "the close that is not over is not named",
     "it", "mistakes::mistake_1_collides_with_a_close_that_is_not_over", AUDIT,
     "left.push(*by);", "let _ = by;"),
    ("mistake-1-excused-by-one-reference", "S2, C3",
     "one reference that the script kept excuses the other",
     "it", "mistakes::mistake_1_of_a_session_that_the_script_alone_does_not_keep_open", AUDIT,
     "opens.owed.iter().all(", "opens.owed.iter().any("),
    ("mistake-1-excused-by-one-session", "S2",
     "one session that the script kept excuses the other",
     "it", "mistakes::mistake_1_of_a_session_that_the_script_alone_does_not_keep_open", AUDIT,
     "excused &= *unknown == 0 && opens.owed.iter().all(|open| open.excused);",
     "if opens.owed.iter().all(|open| open.excused) { return None; } excused = false;"),
    ("mistake-1-after-a-retry", "S2", "a refused shutdown counts although the next one succeeds",
     "it", "mistakes::a_correct_client_shuts_down_again_after_closing", AUDIT,
     "self.refused = None;\n                self.open.clear();", "self.open.clear();"),
    ("mistake-1-after-a-scripted-retry", "S2",
     "a refused shutdown counts although the script alone fails the next one",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "if self.count <= 1 {", "if false {"),
    ("mistake-2-not-found", "S4", "an initialization may be left behind",
     "it", "mistakes::mistake_2_no_shutdown_at_all", AUDIT,
     "self.found(Mistake::NeverShutDown, at,", "let _ = (Mistake::NeverShutDown, at,"),
    ("mistake-2-beside-1", "S2, S4", "what a refused shutdown left behind is named twice",
     "it", "mistakes::mistake_1_a_refused_shutdown_is_the_last_word", AUDIT,
     "if was_refused {", "if false {"),
    ("mistake-2-without-the-opens", "S4", "the sessions that are left are not named",
     "it", "mistakes::mistake_2_collides_with_the_sessions_left_open", AUDIT,
     "opens.iter().copied().chain(others)", "others"),
    ("mistake-2-without-the-others", "S3", "the other initializations that are left are not named",
     "it", "mistakes::mistake_2_is_told_once_for_each_thread", AUDIT,
     "opens.iter().copied().chain(others)", "{ let _ = others; opens.iter().copied() }"),
    ("mistake-2-told-for-each", "S3", "each initialization of a thread is named by itself",
     "it", "mistakes::mistake_2_is_told_once_for_each_thread", AUDIT, "threads.dedup();", ""),
    ("mistake-2-one-shutdown-for-all", "S3", "one shutdown gives back all that is counted",
     "it", "mistakes::mistake_2_a_count_is_forgotten_under_recorded", AUDIT,
     "self.initializations.give_back(thread, self.owes_unknown());",
     "self.initializations = Debts::default();"),
    ("mistake-2-after-the-last-shutdown", "S4", "a last shutdown gives nothing back",
     "it", "mistakes::mistake_2_in_a_later_period", AUDIT,
     "self.initializations = Debts::default();\n                self.count = 0;",
     "self.count = 0;"),
    ("mistake-3-misnamed", "C2", "a second close is named as the use of a handle",
     "it", "mistakes::mistake_3_a_closed_handle_is_closed_again", AUDIT,
     "_ => Mistake::CloseTwice,", "_ => Mistake::HandleNotOpen,"),
    ("mistake-3-without-the-first", "C2", "the close before it is not named",
     "it", "mistakes::mistake_3_a_closed_handle_is_closed_again", AUDIT,
     "self.found(mistake, at, [by]);", "let _ = by; self.found(mistake, at, None);"),
    ("mistake-3-not-while-it-closes", "C5", "a second close while the first one waits is misnamed",
     "it", "mistakes::mistake_3_while_another_close_waits", AUDIT,
     "Some(&Handle::Closing(by)) => Some((by, Hresult::S_OK)),", ""),
    ("mistake-3-not-after-a-shutdown", "C2, O1", "a second close after the shutdown is not found",
     "it", "mistakes::mistake_3_after_the_shutdown_and_in_the_next_period", AUDIT,
     "Error::NotInitialized | Error::InvalidSession { .. } => {",
     "Error::InvalidSession { .. } => {"),
    ("mistake-4-not-found", "I3 Documented", "pairs may overlap",
     "it", "mistakes::mistake_4_a_refused_thread_ends_the_others_initialization", AUDIT,
     "self.found(Mistake::OverlappingPairs, mistake, [overlap.with, refused, by]);",
     "let _ = (Mistake::OverlappingPairs, mistake, overlap.with, refused, by);"),
    ("mistake-4-without-the-standing-one", "I3 Documented",
     "the initialization that stood is not named",
     "it", "mistakes::mistake_4_a_refused_thread_ends_the_others_initialization", AUDIT,
     "[overlap.with, refused, by]", "{ let _ = overlap.with; [refused, by] }"),
    ("mistake-4-without-the-refused-one", "I3 Documented",
     "the initialize that was refused is not named",
     "it", "mistakes::mistake_4_a_refused_thread_ends_the_others_initialization", AUDIT,
     "[overlap.with, refused, by]", "{ let _ = refused; [overlap.with, by] }"),
    ("mistake-4-without-the-consequence", "I3 Documented",
     "it is not named who misses what is shut down",
     "it", "mistakes::mistake_4_a_refused_thread_ends_the_others_initialization", AUDIT,
     "[overlap.with, refused, by]", "{ let _ = by; [overlap.with, refused] }"),
    ("mistake-4-blames-who-misses-it", "I3 Documented",
     "who misses what is shut down is to blame for the shutdown",
     "it", "mistakes::mistake_4_a_refused_thread_ends_the_others_initialization", AUDIT,
     "match ender != thread && overlap.refused_by(ender).is_some() {", "match false {"),
    ("mistake-4-blames-the-shutdown", "I3 Documented",
     "who shuts down its own pair is to blame for the refused thread",
     "it", "mistakes::mistake_4_a_refused_thread_loses_its_ground", AUDIT,
     "match ender != thread && overlap.refused_by(ender).is_some() {", "match true {"),
    ("mistake-4-told-again", "I3 Documented", "all that follows from overlapping pairs is told",
     "it", "mistakes::mistake_4_a_refused_thread_loses_its_ground", AUDIT,
     "self.found(Mistake::OverlappingPairs, mistake, [overlap.with, refused, by]);",
     "self.found(Mistake::OverlappingPairs, mistake, [overlap.with, refused, by]);"
     " self.overlap = Some(overlap);"),
    ("mistake-4-not-of-a-third-thread", "I3 Documented",
     "a shutdown by a thread that was never refused ends the period for nobody else",
     "it", "mistakes::mistake_4_where_a_third_thread_shuts_down", AUDIT,
     "let Some(refused) = refused.or(overlap.refused.first().map(|(_, at)| *at)) else {",
     "let Some(refused) = refused else {"),
    ("mistake-4-not-inside-a-pair", "I3 Documented",
     "a pair of a thread inside another pair of its own does not overlap",
     "it", "mistakes::mistake_4_of_a_pair_inside_a_pair", AUDIT,
     "true => is_refused || !is_ender,", "true => !is_ender,"),
    ("mistake-4-not-at-a-shutdown", "I3 Documented, S1",
     "a shutdown of the refused thread is not looked at",
     "it", "mistakes::mistake_4_is_told_even_where_the_shutdown_fails", AUDIT,
     "if is_surplus {", "if false {"),
    ("mistake-4-not-on-lost-ground", "I3 Documented, O1",
     "a refused thread may use an initialization that is over",
     "it", "mistakes::mistake_4_a_refused_thread_loses_its_ground", AUDIT,
     "self.goes_on_after_failure(thread, at) || self.goes_on_overlapping(thread, at)",
     "self.goes_on_after_failure(thread, at)"),
    ("mistake-4-and-10", "I3 Documented, C2", "the handle of a refused thread is told beside it",
     "it", "mistakes::mistake_4_of_a_thread_that_closes_what_it_did_not_open", AUDIT,
     "|| !self.goes_on_overlapping(thread, at) {",
     "|| { self.goes_on_overlapping(thread, at); true } {"),
    ("mistake-4-of-itself", "I3 Documented", "a thread that is refused because of itself overlaps",
     "it", "mistakes::mistake_4_is_none_of_a_thread_alone", AUDIT,
     "ender.is_some_and(|ender| ender != thread && refused(ender))",
     "ender.is_some_and(|ender| refused(ender))"),
    ("mistake-4-of-who-gives-up", "I3 Documented", "a refusal is a mistake in itself",
     "it", "mistakes::a_correct_client_gives_up_where_it_is_refused", AUDIT,
     "overlap.refused.push((thread, at));",
     "let with = overlap.with; self.found(Mistake::OverlappingPairs, at, [with]);"),
    ("mistake-4-of-who-ends-it", "I3 Documented",
     "a refused thread that ends the period itself misses it",
     "it", "mistakes::mistake_4_is_none_where_nobody_misses_what_is_shut_down", AUDIT,
     "false => is_refused && !is_ender,", "false => is_refused,"),
    ("mistake-4-of-who-was-not-refused", "I3 Documented, O1",
     "a thread that was never refused misses the period of another one",
     "it", "mistakes::mistake_4_is_none_where_nobody_misses_what_is_shut_down", AUDIT,
     "false => is_refused && !is_ender,", "false => !is_ender,"),
    ("mistake-4-of-who-asks-why", "I3 Documented, E5",
     "a refused thread that asks too late for the last error goes on",
     "it", "mistakes::a_correct_client_gives_up_where_it_is_refused", AUDIT,
     "Call::CallWithoutSession { .. }\n                | Call::CallWithoutArgument",
     "Call::CallWithoutSession { .. } | Call::GetLastErrorMessage | Call::CallWithoutArgument"),
    ("mistake-4-for-ever", "I3 Documented", "who was refused is held to it in the next period",
     "it", "mistakes::mistake_4_does_not_reach_into_the_next_period", AUDIT,
     "self.overlap = None;", ""),
    ("mistake-4-after-its-own-success", "I3 Documented",
     "an initialize that succeeds does not make up for the refused one",
     "it", "mistakes::mistake_4_is_forgotten_by_a_success_of_its_own", AUDIT,
     "self.overlap = None;",
     "self.overlap = self.overlap.take().filter(|it| it.refused_by(thread).is_some());"),
    ("mistake-4-after-another-failure", "I3 Documented",
     "an initialize that fails otherwise does not replace the refused one",
     "it", "mistakes::mistake_4_is_forgotten_by_a_later_initialize_of_its_own", AUDIT,
     "overlap.refused.retain(|(whose, _)| *whose != thread);", "let _ = overlap;"),
    ("mistake-5-misnamed", "O7", "what a failed open left is named as never shut down",
     "it", "mistakes::mistake_5_a_failed_open_returns_early", AUDIT,
     "Call::OpenSession(_)\n                | Call::CallWithoutArgument { function: Function::OpenSession },\n                Err(_),",
     "Call::CallWithoutArgument { function: Function::OpenSession },\n                Err(_),"),
    ("mistake-5-without-a-path", "O5, O7", "an open without a path is no open that failed",
     "capi", "careless::mistake_5_of_an_open_without_a_path", AUDIT,
     "Call::OpenSession(_)\n                | Call::CallWithoutArgument { function: Function::OpenSession },\n                Err(_),",
     "Call::OpenSession(_),\n                Err(_),"),
    ("mistake-11-one-for-all", "D3", "a second pointer that nobody handed out is not told",
     "capi", "careless::mistake_11_of_each_pointer_that_nobody_handed_out", AUDIT,
     "None => self.found(Mistake::MemoryMishandled, at, None),",
     "None => { self.memory.insert(memory, Lent::Named);"
     " self.found(Mistake::MemoryMishandled, at, None); }"),
    ("mistake-5-asking-why-hides-it", "O7, E1",
     "a thread that asks for the last error has not left",
     "it", "mistakes::mistake_5_a_failed_open_returns_early", AUDIT,
     "(Call::GetLastErrorMessage | Call::HandOut", "(Call::HandOut"),
    ("mistake-5-closing-hides-it", "O7, C3",
     "a thread that closes another session on its way out has not left",
     "it", "mistakes::mistake_5_where_another_session_is_closed_on_the_way_out", AUDIT,
     "code == Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED)", "{ let _ = code; true }"),
    ("mistake-5-a-refused-retry-hides-it", "O7, I3 Documented",
     "a thread whose second initialize is refused has not left",
     "it", "mistakes::mistake_5_where_all_of_it_is_tried_again", AUDIT,
     "| (Call::Initialize, Err(Error::AlreadyInitialized { .. })) => false,", "=> false,"),
    ("mistake-5-a-counted-retry-hides-it", "O7, I3 Recorded",
     "a thread whose second initialize is counted has not left",
     "it", "mistakes::mistake_5_where_all_of_it_is_tried_again", AUDIT,
     "owed.until = owed.until.or(before);", "let _ = (owed, before);"),
    ("mistake-5-without-the-initialize", "O7", "the initialization that is left is not named",
     "it", "mistakes::mistake_5_also_where_the_path_is_empty", AUDIT,
     "_ => self.found(mistake, at, own()),", "_ => self.found(mistake, at, None),"),
    ("mistake-6-misnamed", "I3 Recorded", "S_FALSE and no shutdown is named as never shut down",
     "it", "mistakes::mistake_6_a_counted_initialize_returns_early", AUDIT,
     "if !self.has_closed_since.contains(&first.thread) =>", "if false =>"),
    ("mistake-6-not-of-a-script", "I3", "S_FALSE that a test scripted is not looked at",
     "it", "mistakes::mistake_6_a_scripted_s_false_under_both", AUDIT,
     "match (first.call.asked(), &first.outcome, self.calls.code(call)) {",
     "match (&first.call, &first.outcome, self.calls.code(call)) {"),
    ("mistake-6-with-itself", "I3 Recorded", "the initialize collides with itself",
     "it", "mistakes::mistake_6_a_counted_initialize_returns_early", AUDIT,
     "find(|before| *before != at)", "find(|_| true)"),
    ("mistake-6-without-the-first", "I3 Recorded",
     "another thread's initialize, on which it was counted, is not named",
     "it", "mistakes::mistake_6_a_counted_initialize_returns_early", AUDIT,
     "own().chain(self.beginning).find(", "own().find("),
    ("mistake-6-of-who-accepts-it", "I3 Recorded", "S_FALSE is a mistake in itself",
     "it", "mistakes::a_correct_client_counts", AUDIT,
     "self.count = *count;\n                if *count == 1 {",
     "self.count = *count; if step.code() == Hresult::S_FALSE {"
     " self.found(Mistake::SFalseTakenForFailure, at, None); }\n                if *count == 1 {"),
    ("mistake-7-not-found", "I2, O1", "a failed initialize may be ignored",
     "it", "mistakes::mistake_7_takes_0xc0040001_for_initialized_already", AUDIT,
     "self.found(Mistake::FailedInitializeIgnored, at, [failed]);",
     "let _ = (Mistake::FailedInitializeIgnored, at, failed);"),
    ("mistake-7-told-again", "I2, O1", "all that follows from a failed initialize is told",
     "it", "mistakes::mistake_7_not_elevated_and_goes_on", AUDIT,
     "if !std::mem::replace(is_named, true) {", "if !*is_named {"),
    ("mistake-7-and-10-at-an-operation", "I2, P1",
     "an operation that follows from a failed initialize is told beside it",
     "it", "mistakes::mistake_7_not_elevated_and_goes_on", AUDIT,
     "Error::NotInitialized if self.is_down(thread, at) => {}", ""),
    ("mistake-7-and-10-at-a-close", "I2, C2",
     "a close that follows from a failed initialize is told beside it",
     "it", "mistakes::mistake_7_not_elevated_and_goes_on", AUDIT,
     "Error::NotInitialized if self.goes_on_after_failure(thread, at) => {}", ""),
    ("mistake-7-of-another-thread", "I2, O1", "another thread's failed initialize is ignored",
     "it", "mistakes::mistake_7_is_not_that_of_another_thread_nor_of_one_that_tries_again", AUDIT,
     "self.failed.get_mut(&thread)", "self.failed.values_mut().next()"),
    ("mistake-7-after-a-success", "I2, O1", "an initialize that failed counts after a success",
     "it", "mistakes::mistake_7_is_not_that_of_another_thread_nor_of_one_that_tries_again", AUDIT,
     "self.failed.remove(&thread);\n        }", "}"),
    ("mistake-7-forgotten-beside-another", "I2, O1",
     "another thread's success makes up for an initialize that failed",
     "it", "mistakes::mistake_7_beside_another_thread_that_initializes", AUDIT,
     "self.failed.remove(&thread);\n        }", "self.failed.clear();\n        }"),
    ("mistake-7-at-a-shutdown", "I2, S1", "a shutdown after a failed initialize is a mistake",
     "it", "mistakes::a_correct_client_stops_where_initialize_fails", AUDIT,
     "if is_surplus {", "self.is_down(thread, at);\n                if is_surplus {"),
    ("mistake-7-of-who-loses-an-open", "O1", "a call that came after the shutdown is a mistake",
     "it", "mistakes::a_correct_client_loses_an_open", AUDIT,
     "self.failed.get_mut(&thread) else { return false };",
     "self.failed.get_mut(&thread) else {"
     " self.found(Mistake::FailedInitializeIgnored, at, None); return true; };"),
    ("mistake-8-misnamed-as-3", "C6", "a second close after 3010 is named as any other",
     "it", "mistakes::mistake_8_closes_again", AUDIT,
     "Hresult::ERROR_SUCCESS_REBOOT_REQUIRED => Mistake::RebootTakenForFailure,", ""),
    ("mistake-8-misnamed-as-2", "C6", "a close with 3010 that was the end is never shut down",
     "it", "mistakes::mistake_8_returns_early", AUDIT,
     "Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED),\n            ) =>",
     "Some(Hresult::S_FALSE),\n            ) =>"),
    ("mistake-8-closing-another-hides-it", "C6, C3",
     "a thread that closes another session on its way out has not left",
     "it", "mistakes::mistake_8_where_another_session_is_closed_on_the_way_out", AUDIT,
     "code == Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED)", "{ let _ = code; true }"),
    ("mistake-8-tidies-up", "C6", "a thread that leaves after 3010 has only tidied up",
     "it", "mistakes::mistake_8_returns_early", AUDIT,
     "code == Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED)", "{ let _ = code; false }"),
    ("mistake-8-not-of-a-script", "C6", "3010 that a test scripted is not looked at",
     "it", "mistakes::mistake_8_after_a_scripted_3010", CALLS,
     "(Ok(Effect::Closing { .. }), Some(_)) if first.call.answer().is_some() => {",
     "(Ok(Effect::Closing { .. }), Some(_)) if false => {"),
    ("mistake-8-of-who-accepts-it", "C6", "3010 is a mistake in itself",
     "it", "mistakes::a_correct_client_takes_what_comes", AUDIT,
     "let code = code.unwrap_or(Hresult::S_OK);",
     "let code = code.unwrap_or(Hresult::S_OK);"
     " if code == Hresult::ERROR_SUCCESS_REBOOT_REQUIRED {"
     " self.found(Mistake::RebootTakenForFailure, at, None); }"),
    ("mistake-9-not-found", "C7, P3", "calls inside an operation may be made",
     "it", "mistakes::mistake_9_an_operation_and_a_close_from_inside_one", AUDIT,
     "self.found(Mistake::CallInsideOperation, at, begun);",
     "let _ = (Mistake::CallInsideOperation, at, begun);"),
    ("mistake-9-not-at-a-close", "C7", "a close inside an operation may be made",
     "it", "mistakes::mistake_9_an_operation_and_a_close_from_inside_one", AUDIT,
     "Error::PossibleDeadlock { .. } => self.deadlock(thread, at, session),\n"
     "            Error::Scripted", "Error::Scripted"),
    ("mistake-9-not-at-an-operation", "P3", "an operation inside an operation may be made",
     "it", "mistakes::mistake_9_an_operation_and_a_close_from_inside_one", AUDIT,
     "Error::PossibleDeadlock { .. } => self.deadlock(thread, at, session),\n"
     "            Error::NotInitialized", "Error::NotInitialized"),
    ("mistake-9-without-the-operation", "C7, P3", "the operation around it is not named",
     "it", "mistakes::mistake_9_an_operation_and_a_close_from_inside_one", AUDIT,
     "self.performing.insert((thread, *session), at);", "let _ = session;"),
    ("mistake-9-on-another-session", "C7, P3",
     "a call on another session is one inside an operation",
     "it", "mistakes::mistake_9_is_none_on_another_session", AUDIT,
     "self.performing.insert((thread, *session), at);",
     "if self.performing.keys().any(|inside| inside.0 == thread) {"
     " self.found(Mistake::CallInsideOperation, at, None); }"
     " self.performing.insert((thread, *session), at);"),
    ("mistake-10-not-found", "C2, P1", "any handle may be used",
     "it", "mistakes::mistake_10_after_the_close", AUDIT,
     "self.found(Mistake::HandleNotOpen, at, with);",
     "let _ = (Mistake::HandleNotOpen, at, with);"),
    ("mistake-10-not-while-it-closes", "C4", "a session may be used while it is closed",
     "it", "mistakes::mistake_10_while_another_thread_closes", AUDIT,
     "Error::NotInitialized | Error::InvalidSession { .. } | Error::SessionClosing { .. } => {",
     "Error::NotInitialized | Error::InvalidSession { .. } => {"),
    ("mistake-10-not-after-a-shutdown", "P1, O1", "a handle may be used after the shutdown",
     "it", "mistakes::mistake_10_after_the_close", AUDIT,
     "Error::NotInitialized | Error::InvalidSession { .. } | Error::SessionClosing { .. } => {",
     "Error::InvalidSession { .. } | Error::SessionClosing { .. } => {"),
    ("mistake-10-without-the-close", "C2", "the close before it is not named",
     "it", "mistakes::mistake_10_after_the_close", AUDIT,
     "Some(Handle::Closing(by) | Handle::Closed { by, .. }) => Some(*by),", ""),
    ("mistake-10-close-of-a-made-up-one", "C2", "a handle that was never given out may be closed",
     "it", "mistakes::mistake_10_before_the_open_and_made_up", AUDIT,
     "} else if *error != Error::NotInitialized || !self.goes_on_overlapping(thread, at) {",
     "} else if *error == Error::NotInitialized && !self.goes_on_overlapping(thread, at) {"),
    ("mistake-10-without-the-failed-open", "O7, P1", "the open that left 0 is not named",
     "it", "mistakes::mistake_10_what_a_failed_open_left", AUDIT,
     "_ if session == Session::DEFAULT => self.last_failed_open.get(&thread).copied(),", ""),
    ("mistake-10-any-handle-left", "O7, P1",
     "a failed open explains a handle that it did not leave",
     "it", "mistakes::mistake_10_is_not_explained_by_any_failed_open", AUDIT,
     "_ if session == Session::DEFAULT => self", "_ => self"),
    ("mistake-10-anybodys-failed-open", "O7, P1", "another thread's failed open explains a 0",
     "it", "mistakes::mistake_10_is_not_explained_by_any_failed_open", AUDIT,
     "self.last_failed_open.get(&thread).copied()",
     "self.last_failed_open.values().next().copied()"),
    ("mistake-11-never-deleted", "D1", "memory may be kept for ever",
     "it", "mistakes::mistake_11_never_deleted", AUDIT,
     "for (at, shutdown) in lent {", "for (at, shutdown) in lent.into_iter().take(0) {"),
    ("mistake-11-given-twice", "D3", "memory may be given twice",
     "it", "mistakes::mistake_11_given_twice_and_made_up", AUDIT,
     "self.found(Mistake::MemoryMishandled, at, [first]);", "let _ = first;"),
    ("mistake-11-made-up", "D3", "anything may be given",
     "it", "mistakes::mistake_11_given_twice_and_made_up", AUDIT,
     "None => self.found(Mistake::MemoryMishandled, at, None),", "None => {}"),
    ("mistake-11-too-late", "D4", "memory may be given after the shutdown",
     "it", "mistakes::mistake_11_given_after_the_shutdown", AUDIT,
     "self.found(Mistake::MemoryMishandled, at, with);", "let _ = with;"),
    ("mistake-11-in-the-next-period", "D4", "memory may be given in the next period",
     "it", "mistakes::mistake_11_given_in_the_next_period", AUDIT,
     "self.found(Mistake::MemoryMishandled, from, [shutdown]);", "let _ = (from, shutdown);"),
    ("mistake-11-told-twice", "D4", "memory that is given too late twice is named twice",
     "it", "mistakes::mistake_11_given_after_the_shutdown", AUDIT,
     "self.memory.insert(memory, Lent::Named);\n                let with", "let with"),
    ("mistake-11-without-the-shutdown", "D4", "the shutdown that came first is not named",
     "it", "mistakes::mistake_11_given_after_the_shutdown", AUDIT,
     "with.into_iter().chain(self.last_shutdown).collect();", "with.into_iter().collect();"),
    ("mistake-11-kept-beyond-the-shutdown", "D4", "the shutdown that it outlived is not named",
     "it", "mistakes::mistake_11_never_deleted", AUDIT,
     "*shutdown = Some(at);", "let _ = shutdown;"),
    ("mistake-11-of-null", "D2", "to delete NULL is a mistake",
     "it", "mistakes::mistake_11_given_after_the_shutdown", AUDIT,
     "if memory == Memory::NULL {", "if false {"),

    # What a test scripted is not held against the client
    ("excuse-no-shutdown", "S2, S4", "a shutdown that the script failed was never made",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "self.refused = None;\n                }\n                self.initializations"
     ".excuse(thread, self.owes_unknown());",
     "self.refused = None;\n                }"),
    ("excuse-no-close", "C2, S2", "a close that the script failed was never made",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "opens.excuse(thread, *unknown > 0);", "let _ = (opens, unknown);"),
    ("excuse-no-shutdown-beside-a-close", "S2, S4",
     "a session that the script kept open excuses the refusal and not what it leaves",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "self.refused = None;\n                        self.initializations"
     ".excuse(thread, self.owes_unknown());",
     "self.refused = None;"),
    ("excuse-no-delete", "D1", "a delete that the script failed was never made",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "Some(Lent::Out { excused, .. })) => *excused = true,",
     "Some(Lent::Out { excused, .. })) => { let _ = excused; }"),
    ("excuse-no-late-delete", "D4", "a delete that the script made too late is a mistake",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "Some(Lent::Out { excused: true, .. } | Lent::Named)) => {}", "Some(Lent::Named)) => {}"),
    ("excuse-no-delete-in-the-next-period", "D4",
     "a delete that the script put off to the next period is a mistake",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "shutdown: Some(shutdown), excused: false })) => {",
     "shutdown: Some(shutdown), excused: _ })) => {"),
    ("excuse-given-back-first", "C3", "a reference that the script kept is given back first",
     "it", "mistakes::a_correct_client_is_not_to_blame_for_the_script", AUDIT,
     "rposition(|owed| own(owed) && !owed.excused)", "rposition(|owed| own(owed))"),

    # Journals without their beginning
    ("lost-initializations", "S3", "an initialize that the journal lost is not reckoned with",
     "it", "mistakes::without_its_beginning_a_shutdown_is_not_taken_for_anothers", AUDIT,
     "if unknown || self.owed.is_empty() {", "if self.owed.is_empty() {"),
    ("lost-initializations-not-counted", "S3", "the count does not tell of what the journal lost",
     "it", "mistakes::without_its_beginning_a_shutdown_is_not_taken_for_anothers", AUDIT,
     "self.count = count.saturating_add(1);", "self.count = 0;"),
    ("lost-opens", "C3, S2", "a reference whose open the journal lost is not reckoned with",
     "it", "mistakes::without_its_beginning_a_close_is_not_taken_for_anothers", AUDIT,
     "let unknown = references.saturating_sub(1);", "let unknown = 0;"),
    ("lost-overlap", "I3 Documented", "an initialization that the journal lost is another thread's",
     "it", "mistakes::without_its_beginning_a_refused_initialize_overlaps_with_nobody", AUDIT,
     "let Some(&Owed { thread: owner, at: with, .. }) = self.initializations.owed.last() else {\n"
     "            return;\n        };",
     "let owed = self.initializations.owed.last();\n"
     "        let (owner, with) = owed.map_or((ThreadId::new(0), 0), |it| (it.thread, it.at));"),
    ("lost-and-off", "X1", "a journal that is off shows no calls instead of saying so",
     "it", "mistakes::a_journal_that_is_off_has_no_mistakes", TIMELINE,
     "if self.journal.is_off() {", "if false {"),

    # Reports: which call, whose, where
    ("finding-order", "X1", "mistakes stand in the order in which they are found",
     "lib", "report::tests::the_report_as_people_read_it", AUDIT,
     "audit.findings.sort_by_key(|finding| (finding.at, finding.mistake));", ""),
    ("finding-collides-in-order", "X1", "what a mistake collides with is in no order",
     "it", "mistakes::mistake_1_names_the_opens_in_the_order_of_the_journal", AUDIT,
     "collides_with.sort_unstable();", ""),
    ("mistake-numbers", "X1", "a mistake has another's number",
     "lib", "mistake::tests::the_numbers_are_those_of_the_list", MISTAKE,
     '10 HandleNotOpen "', '9 HandleNotOpen "'),
    ("mistake-names", "X1", "a mistake has another's name",
     "lib", "report::tests::the_report_as_people_read_it", MISTAKE,
     '"close twice"', '"never shut down"'),
    ("call-number-from-0", "X1", "calls are counted from 0",
     "lib", "report::tests::the_report_as_people_read_it", CALLS,
     "Some(self.of_step(step)? + 1)", "self.of_step(step)"),
    ("call-number-of-the-step", "X1", "steps are counted instead of calls",
     "lib", "report::tests::the_report_as_people_read_it", CALLS,
     "Some(self.of_step(step)? + 1)", "Some(step + 1)"),
    ("call-of-two-steps", "C4", "a close is two calls",
     "it", "mistakes::the_timeline_of_two_threads", CALLS,
     "| (Call::FinishClose { session }, Ok(Effect::Closed { .. })) => {", "=> {"),
    ("call-scripted-though-refused", "X1", "a call that the contract refused is told as scripted",
     "it", "mistakes::the_timeline_of_two_threads", CALLS,
     "Ok(_) | Err(Error::Scripted { .. }) => true,\n            Err(_) => false,",
     "Ok(_) | Err(_) => true,"),
    ("call-with-a-line-break", "X1", "a path with a line break breaks the line",
     "it", "mistakes::no_path_breaks_a_line_of_a_report", CALLS,
     "_ if character.is_control() => line.extend(character.escape_default()),", ""),
    ("call-with-a-line-separator", "X1", "a path with a line separator breaks the line",
     "it", "mistakes::no_path_breaks_a_line_of_a_report", CALLS,
     r"'\u{2028}' | '\u{2029}' =>", r"'\u{2029}' =>"),
    ("call-answer-cut-off", "X1", "a long path takes the room of the answer",
     "it", "mistakes::a_report_is_no_wider_than_100_columns_and_has_every_answer", CALLS,
     "cut(&self.call, width.saturating_sub(needed).max(LEAST));", "self.call.clone();"),
    ("call-cut-without-a-sign", "X1", "nothing says that a line was cut",
     "it", "mistakes::a_report_is_no_wider_than_100_columns_and_has_every_answer", CALLS,
     "cut.push('…');", "cut.push('.');"),
    ("report-thread", "X1", "a call is told as another thread's",
     "lib", "report::tests::the_report_as_people_read_it", REPORT,
     'write!(f, "call {number} by {}", first.thread)?;',
     'write!(f, "call {number} by {}", crate::ThreadId::new(1))?;'),
    ("report-place-missing", "X1", "no place is told",
     "it", "pages::the_readme_shows_the_report_of_the_example", REPORT,
     'Some(place) => write!(f, " at {place}"),', "Some(_) => Ok(()),"),
    ("report-place-in-the-emulator", "X1", "the place of an open is one in the emulator",
     "it", "mistakes::a_report_has_the_place_of_each_call_in_the_source_of_the_client", EMULATOR,
     "#[track_caller]\n    pub fn open_session(", "pub fn open_session("),
    ("report-place-of-the-other-call", "X1", "the place of what it collides with is told",
     "it", "mistakes::a_report_has_the_place_of_each_call_in_the_source_of_the_client", REPORT,
     'Header { calls, call, step: finding.at })?;',
     'Header { calls, call: finding.collides_with.first()'
     '.and_then(|step| calls.by_step(*step)).unwrap_or(call), step: finding.at })?;'),
    ("report-contract", "X1", "the other contract is told",
     "lib", "report::tests::the_report_as_people_read_it", REPORT,
     'Contract::Recorded => "Recorded",', 'Contract::Recorded => "Documented",'),
    ("report-without-remarks", "X1", "remarks are not told",
     "lib", "report::tests::the_report_as_people_read_it", REPORT,
     'writeln!(f, "remark: {remark}")?;', 'let _ = remark;'),
    ("report-needs-a-mistake", "X1", "there is no report of remarks alone",
     "lib", "report::tests::nothing_to_report_is_no_report", REPORT,
     "if mistakes.is_empty() && remarks.is_empty() {", "if mistakes.is_empty() {"),
    ("report-of-nothing", "X1", "there is a report where there is nothing to tell",
     "lib", "report::tests::nothing_to_report_is_no_report", REPORT,
     "if mistakes.is_empty() && remarks.is_empty() {", "if false {"),
    ("report-has-anything", "X1", "a report has every mistake",
     "lib", "report::tests::the_report_as_people_read_it", REPORT,
     "self.mistakes.iter().any(|finding| finding.mistake == mistake)",
     "self.mistakes.iter().any(|finding| finding.mistake == mistake || true)"),
    ("report-too-wide", "X1", "a call may be as long as its path",
     "it", "mistakes::a_report_is_no_wider_than_100_columns_and_has_every_answer", REPORT,
     "calls.text(other).within(WIDTH - 8)", "calls.text(other)"),
    ("report-tells-all", "X1", "every call of many is told",
     "it", "mistakes::a_report_tells_eight_of_many_calls_and_counts_the_others", REPORT,
     "const TOLD: usize = 8;", "const TOLD: usize = 9;"),
    ("report-hides-the-others", "X1", "nothing says that there are more calls than are told",
     "it", "mistakes::a_report_tells_eight_of_many_calls_and_counts_the_others", REPORT,
     "if !untold.is_empty() {", "if false {"),
    ("report-tells-a-loop-round-by-round", "X1", "a mistake in a loop is told once for each round",
     "it", "mistakes::a_report_tells_a_mistake_in_a_loop_once", REPORT,
     "Some(place) => *known.entry((finding.mistake, place)).or_insert(next),",
     "Some(place) => known.insert((finding.mistake, place), next).map_or(next, |_| next),"),
    ("report-hides-the-rounds", "X1", "nothing says that a mistake in a loop was made again",
     "it", "mistakes::a_report_tells_a_mistake_in_a_loop_once", REPORT,
     "if !others.is_empty() {", "if false {"),

    # The timeline
    ("timeline-number-from-0", "X1", "a line has another call's number",
     "it", "mistakes::the_timeline_of_two_threads", TIMELINE,
     "(line.call + 1, self.digits)", "(line.call, self.digits)"),
    ("timeline-no-mark", "X1", "a mistake is not marked",
     "it", "mistakes::the_timeline_of_two_threads", TIMELINE,
     "{ ' ' } else { '!' }", "{ ' ' } else { ' ' }"),
    ("timeline-without-the-other-call", "X1", "what a mistake collides with is not told",
     "it", "mistakes::the_timeline_of_two_threads", TIMELINE,
     "if !others.is_empty() {", "if false {"),
    ("timeline-told-at-both-ends", "X1", "a mistake is told where its call begins, too",
     "it", "mistakes::the_timeline_names_a_mistake_where_its_call_returns", TIMELINE,
     ".filter(|_| line.part != Part::Begin)", ""),
    ("timeline-two-lines-for-one", "X1", "a call whose steps lie together has two lines",
     "lib", "report::tests::the_report_as_people_read_it", TIMELINE,
     "Some(second) if second > one.first + 1 => {", "Some(second) => {"),
    ("timeline-columns", "X1", "the columns of two threads are too far apart",
     "it", "mistakes::the_timeline_of_two_threads", TIMELINE,
     "const WIDEST: usize = 20;", "const WIDEST: usize = 21;"),
    ("timeline-names-of-narrow-columns", "X1", "nobody tells whose a line is in a narrow column",
     "it", "mistakes::the_timeline_of_16_threads_has_their_names_in_its_lines", TIMELINE,
     "let is_narrow = threads.len() > 1 &&", "let is_narrow = threads.is_empty() &&"),
    ("timeline-too-wide", "X1", "a line is wider than 100 columns",
     "it", "mistakes::any_journal_is_printed_within_100_columns", TIMELINE,
     "const WIDTH: usize = 100;", "const WIDTH: usize = 101;"),
    ("timeline-note-too-wide", "X1", "the name of a mistake makes a line wider than 100 columns",
     "it", "mistakes::a_report_is_no_wider_than_100_columns_and_has_every_answer", TIMELINE,
     "cut(&note, WIDTH.saturating_sub(indent))", "note"),
    ("timeline-not-folded", "X1", "a long journal is told call by call",
     "it", "mistakes::a_long_timeline_is_folded_around_its_mistakes", TIMELINE,
     "if count <= UNFOLDED {", "if true {"),
    ("timeline-folded-too-soon", "X1", "a journal of 40 calls is folded",
     "it", "mistakes::a_timeline_of_40_calls_is_not_folded_and_one_of_41_is", TIMELINE,
     "if count <= UNFOLDED {", "if count < UNFOLDED {"),
    ("timeline-folded-too-late", "X1", "a journal of 41 calls is not folded",
     "it", "mistakes::a_timeline_of_40_calls_is_not_folded_and_one_of_41_is", TIMELINE,
     "const UNFOLDED: usize = 40;", "const UNFOLDED: usize = 41;"),
    ("timeline-folds-one-call", "X1", "a single call is folded",
     "it", "mistakes::a_single_call_between_two_mistakes_is_not_folded", TIMELINE,
     "if let [line] = hidden {", "if let ([line], true) = (hidden, false) {"),
    ("timeline-less-around-a-mistake", "X1", "too few calls around a mistake are shown",
     "it", "mistakes::a_long_timeline_is_folded_around_its_mistakes", TIMELINE,
     "const CONTEXT: usize = 3;", "const CONTEXT: usize = 2;"),
    ("timeline-folds-the-end", "X1", "too few calls at the end are shown",
     "it", "mistakes::a_long_timeline_is_folded_around_its_mistakes", TIMELINE,
     "const LAST: usize = 5;", "const LAST: usize = 4;"),
    ("timeline-folds-the-other-call", "X1", "what a mistake collides with is folded",
     "it", "mistakes::a_long_timeline_is_folded_around_its_mistakes", TIMELINE,
     "finding.collides_with.iter().take(NAMED);", "finding.collides_with.iter().take(0);"),
    ("timeline-names-too-many", "X1", "more calls are named than there is room for",
     "it", "mistakes::a_correct_client_of_many_calls_has_no_mistakes_until_it_is_cut_short",
     TIMELINE, "const NAMED: usize = 8;", "const NAMED: usize = 9;"),
    ("timeline-of-every-round", "X1", "every round of a mistake in a loop is shown",
     "it", "mistakes::a_report_tells_a_mistake_in_a_loop_once", TIMELINE,
     "into_iter().take(NAMED)", "into_iter().take(usize::MAX)"),

    # The verification at the drop of the last handle
    ("drop-off-by-default", "X1", "nobody is told who did not ask for it",
     "it", "mistakes::the_drop_of_the_last_handle_names_the_mistakes", EMULATOR,
     "journal_limit: 65_536, verify_on_drop: true", "journal_limit: 65_536, verify_on_drop: false"),
    ("drop-tells-nothing", "X1", "the drop of the last handle tells nothing",
     "it", "mistakes::the_drop_of_the_last_handle_names_the_mistakes", EMULATOR,
     'panic!("{report}");', "drop(report);"),
    ("drop-opt-out-ignored", "X1", "who opted out is told",
     "it", "mistakes::the_drop_of_the_last_handle_names_nothing_for_a_test_that_opted_out",
     EMULATOR, "if !self.verify_on_drop || std::mem::replace(", "if std::mem::replace("),
    ("drop-panics-twice", "X2", "a test that panics is told, which ends the process",
     "it", "mistakes::the_drop_of_the_last_handle_keeps_quiet_in_a_test_that_panics", EMULATOR,
     "if !std::thread::panicking() {\n            panic_if_there_is(self.core.get_mut()",
     "{\n            panic_if_there_is(self.core.get_mut()"),
    ("drop-tells-twice", "X1", "what a verification told is told again",
     "it", "mistakes::the_drop_of_the_last_handle_names_no_mistake_twice", EMULATOR,
     "if !self.verify_on_drop || std::mem::replace(&mut self.verified, seen) == seen {",
     "if !self.verify_on_drop {"),
    ("drop-trusts-a-verification", "X1", "what came after a verification is not told",
     "it", "mistakes::the_drop_of_the_last_handle_names_what_came_after_a_verification", EMULATOR,
     "std::mem::replace(&mut self.verified, seen) == seen {",
     "std::mem::replace(&mut self.verified, seen).is_some() {"),
    ("drop-forgets-later-scripting", "P4, X1", "what was scripted after a verification is not told",
     "it", "rules::the_drop_tells_of_what_was_scripted_after_an_explicit_verify", EMULATOR,
     "Seen { steps: self.journal.written(), last_id }",
     "{ let _ = last_id; Seen { steps: self.journal.written(), last_id: 0 } }"),
    ("drop-forgets-what-is-left", "S4, X1",
     "what is left behind is not told where the journal lost how it came",
     "it", "rules::what_is_left_behind_is_told_where_the_journal_has_lost_how_it_came", EMULATOR,
     "remarks.push(Remark::StillInitialized { count, open_sessions });",
     "let _ = (count, open_sessions);"),
    ("drop-miscounts-what-is-left", "S4, X1", "sessions that are left open are not counted",
     "it", "rules::what_is_left_behind_is_told_where_the_journal_has_lost_how_it_came", EMULATOR,
     "remarks.push(Remark::StillInitialized { count, open_sessions });",
     "remarks.push(Remark::StillInitialized { count, open_sessions: open_sessions * 0 });"),
    ("drop-tells-what-is-lost", "X1", "the drop tells of a journal that cannot be verified",
     "it", "mistakes::what_the_journal_lost_is_told_by_verify_and_not_by_the_drop", EMULATOR,
     "let (journal, remarks) = self.evidence();",
     "let (journal, mut remarks) = self.evidence(); remarks.extend(journal.gap());"),
    ("verify-hides-what-is-lost", "X1", "verify does not tell of a journal that cannot be verified",
     "it", "mistakes::what_the_journal_lost_is_told_by_verify_and_not_by_the_drop", EMULATOR,
     "remarks.extend(journal.gap());", "remarks.extend(None::<Remark>);"),

    # What a machine reads
    ("serde-call-number", "X1", "a mistake has the number of a step instead of a call",
     "serde-lib", "report::tests::the_report_as_machines_read_it", REPORT,
     "call: calls.number(finding.at)?,", "call: finding.at + 1,"),
    ("serde-collides-with-steps", "X1", "what it collides with is told in steps",
     "serde-lib", "report::tests::the_report_as_machines_read_it", REPORT,
     "collides_with: calls.numbers(&finding.collides_with),",
     "collides_with: finding.collides_with.clone(),"),
    ("serde-code-as-a-number", "X1", "a code is a number instead of text",
     "serde-lib", "report::tests::the_report_as_machines_read_it", HRESULT,
     "serializer.collect_str(self)", "serializer.serialize_u32(self.0)"),
    ("serde-remark-without-its-kind", "X1", "a remark does not say which it is",
     "serde-lib", "report::tests::the_report_as_machines_read_it", REPORT,
     '#[cfg_attr(feature = "serde", serde(tag = "kind"))]\n', ""),
    ("serde-not-scripted", "X1", "a scripted answer is told as the contract's",
     "serde-lib", "report::tests::the_report_as_machines_read_it", REPORT,
     "scripted: calls.is_scripted(call),", "scripted: calls.is_scripted(call) && false,"),
    ("serde-place-as-a-line", "X1", "a place is a line without its file",
     "serde-it", "mistakes::machines::a_place_is_a_string", JOURNAL,
     "Some(place) => serializer.collect_str(place),",
     "Some(place) => serializer.serialize_u32(place.line()),"),

    # The index, on which every look-up by handle or by path rests
    ("index-removal-leaves-a-hole", "C2, O3", "a removal does not move up what stands behind",
     "lib", "index::tests::agrees_with_a_map", INDEX,
     "if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {", "if false {"),
    ("index-removal-moves-too-far", "C2, O3", "a removal moves up what stands at its own place",
     "lib", "index::tests::agrees_with_a_map", INDEX,
     "if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {",
     "if home <= at {"),
    ("index-growth-loses-one", "C2, O3", "an entry is lost where the index grows",
     "lib", "index::tests::agrees_with_a_map", INDEX,
     "for bucket in old {", "for bucket in old.into_iter().skip(1) {"),
    ("c2-hash-decides", "C2", "a number with the hash of an open session is that session",
     "lib", "sessions::tests::a_hash_is_not_a_handle", SESSIONS,
     "let is_it = |slot| self.entry(Slot(slot)).handle == session;", "let is_it = |_| true;"),
    ("index-miscounts", "S2", "a removal is not counted",
     "lib", "index::tests::agrees_with_a_map", INDEX, "self.used -= 1;", ""),
]]


class NotBuilt(Exception):
    pass


class Bench:
    """A copy of the tree, and where its checks are built."""

    def __init__(self, tree, target):
        self.tree = tree
        self.target = target
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, tree / name)

    def build(self, kind):
        """Builds a check and gives its test binary."""
        check = CHECKS[kind]
        env = dict(
            os.environ, RUSTFLAGS=check.rustflags, CARGO_TARGET_DIR=str(self.target / check.target),
            CARGO_INCREMENTAL="1", CARGO_PROFILE_DEV_DEBUG="0")
        command = ["cargo", "test", *check.arguments, "--no-run", "--message-format=json"]
        built = subprocess.run(command, cwd=self.tree, env=env, capture_output=True, text=True)
        messages = [json.loads(it) for it in built.stdout.splitlines() if it.startswith("{")]
        if built.returncode != 0:
            rendered = [(it.get("message") or {}).get("rendered") or "" for it in messages]
            errors = [it for it in rendered if it.startswith("error")]
            raise NotBuilt("".join(errors) or built.stderr)
        [binary] = {it["executable"] for it in messages if it.get("executable")}
        return binary

    def run(self, kind, binary, arguments, timeout):
        """Gives the passed tests, the failed ones, and what happened: a word, and the output."""
        # The same generated cases every time, and none remembered from another mutant.
        env = dict(os.environ, PROPTEST_RNG_SEED="1", PROPTEST_DISABLE_FAILURE_PERSISTENCE="1")
        command = [binary, "--test-threads=1", *arguments]
        try:
            ran = subprocess.run(command, cwd=self.tree, env=env, capture_output=True, text=True,
                                 errors="replace", timeout=timeout)
        except subprocess.TimeoutExpired:
            return set(), set(), "hangs", ""
        words = re.findall(r"^test (\S+).* \.\.\. (ok|FAILED)$", ran.stdout, re.MULTILINE)
        passed = {name for name, word in words if word == "ok"}
        failed = {name for name, word in words if word == "FAILED"}
        how = "aborts" if ran.returncode < 0 else "fails" if ran.returncode else "passes"
        return passed, failed, how, ran.stdout + ran.stderr

    def try_unmutated(self, kind, tests):
        """Gives what is wrong with a check as it stands, if anything."""
        try:
            binary = self.build(kind)
        except NotBuilt as error:
            return f"does not build:\n{error}"
        passed, failed, how, output = self.run(kind, binary, CHECKS[kind].first, 1800)
        if how != "passes":
            return f"{how}: {', '.join(sorted(failed))}\n{output}"
        missing = sorted(set(tests) - passed)
        return f"has no test {', '.join(missing)}" if missing else None

    def try_mutation(self, mutation):
        """Gives whether the mutation is caught, and how, or why not."""
        path = self.tree / mutation.file
        source = path.read_text()
        path.write_text(source.replace(mutation.old, mutation.new))
        try:
            binary = self.build(mutation.kind)
            arguments = ["--exact", mutation.test]
            timeout = CHECKS[mutation.kind].timeout
            passed, failed, how, output = self.run(mutation.kind, binary, arguments, timeout)
        except NotBuilt as error:
            return False, f"does not build:\n{error}"
        finally:
            path.write_text(source)
        if mutation.test in failed or how in ("hangs", "aborts"):
            return True, how
        return False, f"survives: its test {how}\n{output}"


def misfit(tree, mutation):
    """Gives why a mutation cannot be applied to the source as it is, if it cannot."""
    path = tree / mutation.file
    found = path.read_text().count(mutation.old) if path.is_file() else 0
    if found != 1:
        return f"the old text occurs {found} times in {mutation.file}, not once: {mutation.old!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="only print the table")
    parser.add_argument("--only", nargs="+", metavar="ID", help="only these rows")
    parser.add_argument("--kind", choices=CHECKS, help="only the rows of this check")
    parser.add_argument("--target-dir", type=Path, help="where to build, to be used again")
    options = parser.parse_args()

    ids = [mutation.id for mutation in MUTATIONS]
    if len(set(ids)) < len(ids):
        sys.exit("two rows have the same id")
    unknown = set(options.only or []) - set(ids)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    chosen = [it for it in MUTATIONS
              if (not options.only or it.id in options.only)
              and (not options.kind or it.kind == options.kind)]
    if options.list:
        for it in chosen:
            print(f"{it.id:36} {it.rules:16} {it.kind:9} {it.broken}\n{'':63}{it.test}")
        return

    started = time.monotonic()
    passed = failed = 0

    def report(mutation, caught, how):
        nonlocal passed, failed
        passed, failed = passed + caught, failed + (not caught)
        word = "caught" if caught else "FAILED"
        seconds = f"{time.monotonic() - begun:6.1f} s"
        print(f"{word}  {mutation.id:36} {seconds}  {mutation.test} {how}", flush=True)

    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = Path(folder, "tree")
        bench = Bench(tree, (options.target_dir or Path(folder, "target")).resolve())
        for kind in CHECKS:
            rows = [it for it in chosen if it.kind == kind]
            if not rows:
                continue
            begun = time.monotonic()
            wrong = bench.try_unmutated(kind, [it.test for it in rows])
            print(f"{kind}: {time.monotonic() - begun:.1f} s unmutated, {wrong or 'passes'}",
                  flush=True)
            for mutation in rows:
                begun = time.monotonic()
                problem = "the check is broken without it" if wrong else misfit(tree, mutation)
                caught, how = (False, problem) if problem else bench.try_mutation(mutation)
                report(mutation, caught, how)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
