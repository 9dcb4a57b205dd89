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
HOLD = "src/hold.rs"
IMAGE = "src/image.rs"
INDEX = "src/index.rs"
JOURNAL = "src/journal.rs"
MACHINE = "src/machine.rs"
OPERATION = "src/operation.rs"
RULE = "src/rule.rs"
SESSION = "src/session.rs"
SESSIONS = "src/sessions.rs"
SYNC = "src/sync.rs"

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
     "=> core = self.wait(core, thread, session),", "=> {}"),
    ("p2-no-second-look", "P2", "a thread that was woken does not look whether it is its turn",
     "loom", "named::p2_a_turn_wakes_whoever_waits_for_it", EMULATOR,
     "while !core.machine.is_ready(thread, session) {",
     "if !core.machine.is_ready(thread, session) {"),
    ("p2-wakes-nobody", "P2, C4, X2", "no wake-up at all",
     "loom", "named::c4_close_drains", EMULATOR, "self.shared.turn.notify_all();", ""),
    ("p2-wakes-only-one", "P2, C4, X2", "only one of those that wait is woken, perhaps the wrong one",
     "loom", "named::p2_a_turn_wakes_whoever_waits_for_it", SYNC,
     "self.0.notify_all();\n        }\n    }\n\n    /// A model has no time",
     "self.0.notify_one();\n        }\n    }\n\n    /// A model has no time"),
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
     "let answer = script(sessions.entry(slot).image());\n",
     "let answer = script(sessions.entry(slot).image());\n        let_through(answer)?;\n"),
    ("rule-failure-succeeds", "P4", "a failing answer is taken for a success",
     "it", "rules::every_function_can_be_made_to_fail", MACHINE,
     "Some(code) if code.is_failure() => Err(Error::Scripted { code }),",
     "Some(code) if code.is_failure() && false => Err(Error::Scripted { code }),"),
    ("rule-success-dropped", "P4", "a scripted success of an initialize does not come back",
     "it", "rules::p4_every_function_can_be_made_to_succeed_with_any_number", EMULATOR,
     "|| Call::Initialize,\n        );\n        outcome.map(|effect| answer.unwrap_or(effect.code()))",
     "|| Call::Initialize,\n        );\n        let _ = answer; outcome.map(|effect| effect.code())"),
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
     "|| call().answered(answer), outcome);", "call, outcome);"),
    ("rule-not-journaled-close", "X1", "the journal does not have the scripted answer of a close",
     "it", "rules::every_function_can_be_made_to_fail", EMULATOR,
     "|| Call::CloseSession { session }.answered(answer), outcome);",
     "|| Call::CloseSession { session }, outcome);"),
    ("rule-not-journaled-operation", "X1",
     "the journal does not have the scripted answer of an operation",
     "it", "rules::p1_a_rule_for_a_commit_stands_for_a_mounted_image", EMULATOR,
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
    ("rule-commit-still-refused", "P1", "a rule does not stand for a mounted image",
     "it", "rules::p1_a_rule_for_a_commit_stands_for_a_mounted_image", MACHINE,
     "if commits && answer.is_none() {", "if commits {"),
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
     "if !self.is_kept && !is_abandoned() {", "if false {"),
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
     "if !self.verify_on_drop || std::thread::panicking() {", "if true {"),
    ("rule-told-twice", "P4", "what was verified is told again at the drop",
     "it", "rules::the_drop_of_the_last_handle_tells_nothing_twice", EMULATOR,
     "if core.verified == Some(core.journal.written()) {", "if false {"),
    ("rule-told-who-opted-out", "P4", "who opted out is told at the drop",
     "it", "rules::a_test_that_opted_out_is_not_told_at_the_drop", EMULATOR,
     "if !self.verify_on_drop || std::thread::panicking() {",
     "if std::thread::panicking() {"),
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

    # One process beside another
    ("x1-one-process-for-all", "X1", "every emulator is the same process",
     "it", "isolation::two_processes_used_by_one_thread_share_nothing", EMULATOR,
     "Emulator { shared: Arc::new(shared) }",
     "static ONE: std::sync::OnceLock<Arc<Shared>> = std::sync::OnceLock::new();"
     " Emulator { shared: ONE.get_or_init(|| Arc::new(shared)).clone() }"),
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
