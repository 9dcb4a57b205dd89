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

    it    cargo test --test it
    lib   cargo test --lib
    loom  RUSTFLAGS="--cfg loom" cargo test --profile model --features loom --test loom
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
    # Tests by part of their name that the first run leaves out.
    skip: list
    # Where below the target directory it is built.
    target: str


CHECKS = {
    "lib": Check(["--lib"], "", 30, [], "."),
    "it": Check(["--test", "it"], "", 15, [], "."),
    "loom": Check(
        ["--profile", "model", "--features", "loom", "--test", "loom"],
        "--cfg loom",
        180,
        ["a_close_drains_two_operations_against_a_shutdown"],  # minutes
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


CALL = "src/call.rs"
EMULATOR = "src/emulator.rs"
IMAGE = "src/image.rs"
INDEX = "src/index.rs"
JOURNAL = "src/journal.rs"
MACHINE = "src/machine.rs"
SESSION = "src/session.rs"
SESSIONS = "src/sessions.rs"
SYNC = "src/sync.rs"

NOTED = "Err(error) => Err(self.noted(thread, error)),"
NOT_NOTED = "Err(error) => Err(error),"

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
     "*count = count.checked_add(1).ok_or(Error::OutOfNumbers)?;\n                Ok(*count)",
     "Ok(*count + 1)"),
    ("i3-recorded-count-overflows", "I3 Recorded, X2", "the count starts again at 0",
     "lib", "machine::tests::one_initialize_more_than_can_be_counted_fails_and_changes_nothing",
     MACHINE, "*count = count.checked_add(1).ok_or(Error::OutOfNumbers)?;",
     "*count = count.wrapping_add(1);"),
    ("i4-handles-go-on", "I4", "handles go on where the period before ended",
     "it", "contract::i4_after_a_complete_shutdown_everything_starts_afresh", SESSIONS,
     "next: FIRST as u64,",
     "next: { use std::sync::atomic::{AtomicU64, Ordering};"
     " static NEXT: AtomicU64 = AtomicU64::new(2); NEXT.fetch_add(1, Ordering::Relaxed) },"),
    ("i5-decided-and-done-apart", "I5", "initialize decides under one lock and acts under another",
     "loom", "named::i5_two_initializes_have_one_first", EMULATOR,
     "let mut core = self.lock();\n        let outcome = core.machine.initialize(thread);",
     "let outcome = self.lock().machine.clone().initialize(thread);"
     " let mut core = self.lock(); let _ = core.machine.initialize(thread);"),

    # Shutdown
    ("s1-succeeds-while-down", "S1", "a shutdown succeeds while not initialized",
     "it", "contract::s1_shutdown_while_not_initialized_fails", MACHINE,
     "Phase::Down { .. } => Err(Error::NotInitialized),",
     "Phase::Down { .. } => Ok(Effect::ShutDown { count: 0 }),"),
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
     "let mut core = self.lock();\n        let outcome = core.machine.shutdown();",
     "let outcome = self.lock().machine.clone().shutdown(); let mut core = self.lock();"
     " if outcome.is_ok() { while core.machine.state().open_sessions() > 0 {"
     " let session = Session::from_raw(2); let thread = current_thread();"
     " let _ = core.machine.close_session(thread, session);"
     " let _ = core.machine.finish_close(thread, session); }"
     " let _ = core.machine.shutdown(); }"),
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
     "let mut core = self.lock();\n        let outcome = core.machine.shutdown();",
     "let outcome = self.lock().machine.clone().shutdown();"
     " let mut core = self.lock(); let _ = core.machine.shutdown();"),
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
     "entry.references = entry.references.checked_add(1).ok_or(Error::OutOfNumbers)?;", ""),
    ("o3-references-overflow", "O3, X2", "the references start again at 0",
     "lib", "machine::tests::one_reference_more_than_can_be_counted_fails_and_changes_nothing",
     MACHINE, "entry.references = entry.references.checked_add(1).ok_or(Error::OutOfNumbers)?;",
     "entry.references = entry.references.wrapping_add(1);"),
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
     "sessions.add(image, self.config.last_session);"
     " return Err(InvalidArgument::OnlineImagePlacement.into());"),
    ("o8-starts-over", "O8", "after the last number come the first ones again",
     "it", "contract::o8_when_the_numbers_run_out_no_number_is_given_out_twice", SESSIONS,
     "if self.next > u64::from(last) {\n            return None;",
     "if self.next > u64::from(last) {\n            self.next = FIRST as u64;"),
    ("o8-close-makes-room", "O8", "after the last number come those that were closed",
     "it", "contract::o8_when_the_numbers_run_out_no_number_is_given_out_twice", SESSIONS,
     "if self.next > u64::from(last) {\n            return None;",
     "if self.next > u64::from(last) {"
     " if self.vacant == VACANT_END { return None; } self.next = u64::from(last);"),
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
     "core = self.wait(core, thread, session);", ""),
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
     "drop(self.wait(core, thread, session));", ""),
    ("p2-no-second-look", "P2", "a thread that was woken does not look whether it is its turn",
     "loom", "named::p2_a_turn_wakes_whoever_waits_for_it", EMULATOR,
     "while !core.machine.is_ready(thread, session) {",
     "if !core.machine.is_ready(thread, session) {"),
    ("p2-wakes-nobody", "P2, C4, X2", "no wake-up at all",
     "loom", "named::c4_close_drains", EMULATOR, "self.shared.turn.notify_all();", ""),
    ("p2-wakes-only-one", "P2, C4, X2", "only one of those that wait is woken, perhaps the wrong one",
     "loom", "named::p2_a_turn_wakes_whoever_waits_for_it", SYNC,
     "self.0.notify_all();\n        }\n    }\n\n    pub(super) fn thread_number(next: impl FnOnce() -> u64) -> u64 {\n        // The checker's own",
     "self.0.notify_one();\n        }\n    }\n\n    pub(super) fn thread_number(next: impl FnOnce() -> u64) -> u64 {\n        // The checker's own"),
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
     "self.try_close_session(thread, session).map_err(|error| self.noted(thread, error))",
     "self.try_close_session(thread, session)"),
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

    # All calls
    ("x1-shutdown-journaled-apart", "X1", "shutdown writes the journal under a lock of its own",
     "loom", "named::three_shutdowns", EMULATOR,
     "let mut core = self.lock();\n        let outcome = core.machine.shutdown();",
     "let outcome = self.lock().machine.shutdown(); let mut core = self.lock();"),
    ("x1-open-journaled-apart", "X1", "open writes the journal under a lock of its own",
     "loom", "named::open_close_and_shutdown", EMULATOR,
     "let mut core = self.lock();\n"
     "        let outcome = core.machine.open_session(thread, request);",
     "let outcome = self.lock().machine.open_session(thread, request);"
     " let mut core = self.lock();"),
    ("x1-journal-one-too-many", "X1", "the journal keeps one step more than its limit",
     "it", "contract::a_limited_journal_keeps_the_latest_steps_and_says_that_it_cannot_replay",
     JOURNAL, "if self.steps.len() == self.limit {", "if self.steps.len() > self.limit {"),
    ("x1-journal-hides-the-loss", "X1", "the journal does not say that its beginning is missing",
     "it", "contract::a_limited_journal_keeps_the_latest_steps_and_says_that_it_cannot_replay",
     JOURNAL, "self.dropped += 1;", ""),
    ("x2-panic-leaks-the-operation", "X2", "a panic inside an operation never ends it",
     "it", "contract::x2_a_panic_inside_an_operation_leaves_the_emulator_usable", EMULATOR,
     "let _ = self.emulator.end_operation(self.session, Hresult::S_OK);",
     "if std::thread::panicking() { return; }"
     " let _ = self.emulator.end_operation(self.session, Hresult::S_OK);"),
    ("x2-operation-ends-twice", "P4, X2", "an operation that was ended is ended again by its drop",
     "it", "contract::x2_an_operation_ends_once", EMULATOR,
     "mem::forget(self);", "drop(self);"),

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
        skip = [it for name in CHECKS[kind].skip for it in ("--skip", name)]
        passed, failed, how, output = self.run(kind, binary, skip, 1800)
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
            print(f"{it.id:36} {it.rules:16} {it.kind:5} {it.broken}\n{'':59}{it.test}")
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
