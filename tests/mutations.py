#!/usr/bin/env python3
"""Breaks one safety property at a time on purpose, and shows that its test fails.

    python3 tests/mutations.py                    # every row, a quarter of an hour
    python3 tests/mutations.py --list
    python3 tests/mutations.py --kind capi
    python3 tests/mutations.py --shard 1/2       # every second row
    python3 tests/mutations.py --only s2-shutdown-ignores-sessions e3-success-clears-it
    python3 tests/mutations.py --fit              # only checks that every row fits the source
    python3 tests/mutations.py --target-dir target   # uses the dependencies already built there

A row of the table is one mutation: which rule of the contract it breaks and how, the one test that
has to fail, and the edit. The edit has the name of the function, in any file below `src`, and a
piece of its text, which is compared token by token: a row still fits after code is moved or
reformatted, but not after a rename. A formatter may put braces behind the arrow of a match, so no
piece ends there. The test has enough of its path to be the only one of that name in its binary.

The tree is copied, so nothing here is changed. First every row has to fit exactly once. Then the
tests run without a mutation and have to pass. Then each mutant is built, and its test runs alone
and has to fail, hang or abort. A mutant that does not build is an error.

Races are not in the table: for them `tests/loom/twins.rs` has emulators with one error each. Nor
are the mutations that `cargo mutants` generates.
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

# The arguments of `cargo test` for each check, and the seconds that one test may take: far more
# than any test needs that does not hang.
CHECKS = {
    "it": (["--test", "it"], 15),
    "capi": (["--features", "capi", "--test", "capi"], 60),
}


class Mutation(NamedTuple):
    id: str
    rules: str
    broken: str
    kind: str
    test: str
    item: str
    old: str
    new: str


MUTATIONS = [Mutation(*row) for row in [
    # Initialize
    ("i1-counts-two", "I1", "the first initialize counts as two",
     "it", "i1_the_first_initialize_succeeds_with_s_ok", "Machine::initialize",
     "count: 1, sessions", "count: 2, sessions"),
    ("i2-elevation-ignored", "I2", "a process that is not elevated may initialize",
     "it", "i2_a_process_that_is_not_elevated_is_refused_and_nothing_changes",
     "Machine::initialize", "if !self.config.elevated {", "if false {"),
    ("i3-documented-second-succeeds", "I3 Documented", "a second initialize counts and succeeds",
     "it", "i3_documented_a_second_initialize_fails_and_nothing_changes", "Machine::initialize",
     "return Err(Error::AlreadyInitialized { code: self.config.already_initialized });", "2"),
    ("i3-recorded-second-s-ok", "I3 Recorded", "a second initialize returns S_OK",
     "it", "i3_recorded_a_second_initialize_counts_and_returns_s_false", "Effect::code",
     "Hresult::S_FALSE", "Hresult::S_OK"),
    ("i4-handles-go-on", "I4", "a new period goes on with the numbers of the one before",
     "it", "i4_after_a_complete_shutdown_everything_starts_afresh", "Sessions::new",
     "const fn new() -> Self { Self { entries: Vec::new(), vacant: Vec::new(), recent: None, "
     "by_handle: HashTable::new(), by_image: HashTable::new(), next: FIRST as u64,",
     "fn new() -> Self { use std::sync::atomic::*; static NEXT: AtomicU64 = AtomicU64::new(2); "
     "Self { entries: Vec::new(), vacant: Vec::new(), recent: None, by_handle: HashTable::new(), "
     "by_image: HashTable::new(), next: NEXT.fetch_add(1, Ordering::Relaxed),"),
    ("i6-not-in-effect", "I6", "an initialize that is to fail in effect takes none",
     "it", "i6_an_initialize_can_fail_and_bring_the_api_up", "Scripted::prevents",
     "!self.takes_effect", "true"),
    ("i6-no-failure", "I6", "a call that fails in effect returns a success",
     "it", "i6_an_initialize_can_fail_and_bring_the_api_up", "Answer::returned",
     "Err(Error::Failed { code })", "Ok(Hresult::new(0 & code.number()))"),
    ("i6-no-last-error", "I6, E2", "a failure in effect is not the last error",
     "it", "i6_an_initialize_can_fail_and_bring_the_api_up", "Machine::step",
     "in_effect = scripted.fails_in_effect();", "in_effect = None;"),
    # Shutdown
    ("s1-succeeds-while-down", "S1", "a shutdown succeeds while not initialized",
     "it", "s1_shutdown_while_not_initialized_fails", "Machine::shutdown",
     "Err(Error::NotInitialized)", "Ok(Effect::ShutDown { count: 0 })"),
    ("s2-shutdown-ignores-sessions", "S2", "a last shutdown does not look at open sessions",
     "it", "s2_a_last_shutdown_with_a_session_open_fails_and_changes_nothing", "Machine::shutdown",
     "if sessions.count() > 0", "if false"),
    ("s3-looks-at-sessions", "S3", "a shutdown that is not the last looks at sessions",
     "it", "s3_recorded_a_shutdown_that_is_not_the_last_ignores_open_sessions",
     "Machine::shutdown", "count: count @ 2.., .. }",
     "count: count @ 2.., sessions } if sessions.count() == 0"),
    ("s4-stays-up", "S4", "the last shutdown succeeds and leaves everything as it is",
     "it", "s4_after_the_last_shutdown_everything_fails_until_the_next_initialize",
     "Machine::shutdown", "self.phase = Phase::Down { after_shutdown: true };", ""),
    ("s4-other-code-while-down", "S4, O1, C1, P1", "calls while down fail with another code",
     "it", "s4_after_the_last_shutdown_everything_fails_until_the_next_initialize",
     "Phase::sessions", "Err(Error::NotInitialized)", "Err(Error::OpenSessionHandles)"),
    ("s5-recorded-last-too-soon", "S5, S3", "the last but one shutdown is the last",
     "it", "s5_recorded_shutdowns_succeed_as_often_as_initializes", "Machine::shutdown",
     "count: count @ 2..", "count: count @ 3.."),
    ("s6-s-false", "S6", "a shutdown that is not the last returns S_FALSE",
     "it", "s6_every_successful_shutdown_returns_s_ok", "Effect::code",
     "Self::Ended { result } => result",
     "Self::ShutDown { count: 1.. } => Hresult::S_FALSE, Self::Ended { result } => result"),
    ("s7-sets-it", "S7, E2", "a failing shutdown sets the last error",
     "it", "s7_shutdown_neither_sets_nor_clears_the_last_error", "sets_last_error",
     "Call::Shutdown |", ""),
    # Open a session
    ("o2-starts-with-1", "O2", "the first handle is the DLL's own",
     "it", "o2_handles_count_from_2_and_are_never_reused", "FIRST", "= 2;", "= 1;"),
    ("o2-handle-reused", "O2", "a closed number is given out again",
     "it", "o2_handles_count_from_2_and_are_never_reused", "Sessions::remove",
     "self.vacant.push(slot);",
     "self.next = self.next.min(entry.handle.raw().into()); self.vacant.push(slot);"),
    ("o3-new-handle", "O3", "an open image gets a new handle",
     "it", "o3_an_open_of_an_open_image_returns_its_handle_and_adds_a_reference",
     "Machine::open_session", "sessions.find_image(image)",
     "sessions.find_image(image).filter(|_| false)"),
    ("o4-placement-accepted", "O4", "the online image takes a Windows directory",
     "it", "o4_the_online_image_takes_no_windows_directory_and_no_system_drive",
     "Machine::open_session", "has_placement && image.is_online()", "false"),
    ("o5-empty-path", "O5", "an empty path is accepted",
     "it", "o5_an_empty_path_is_refused", "Machine::open_session", "image.path().is_empty()",
     "false"),
    ("o6-case", "O6", "letter case is not ignored",
     "it", "o6_paths_that_differ_only_in_spelling_match_the_same_image", "fold",
     "(Some(upper), None) => upper", "(Some(_), None) => character"),
    ("o6-not-transitive", "O6", "two paths that are the same as a third one differ",
     "it", "o6_declared_paths_are_one_image_with_one_handle", "Aliases::declare",
     "|| has(group, other.key())", ""),
    ("o6-one-file-by-two-names", "O6, N7", "a file by another name is another file",
     "it", "o6_declared_files_are_one_file", "Machine::mount_image",
     "aliases.resolve(mount.file.key())", "mount.file.key()"),
    ("o7-refused-but-open", "O7", "a refused open leaves a session behind",
     "it", "o7_an_open_that_the_api_refuses_leaves_nothing_behind", "Machine::open_session",
     "return Err(InvalidArgument::OnlineImagePlacement.into());",
     "sessions.add(image); return Err(InvalidArgument::OnlineImagePlacement.into());"),
    ("o8-no-end", "O8", "the numbers do not run out at the limit that the test sets",
     "it", "o8_no_number_is_reused_when_the_numbers_run_out", "Sessions::has_next",
     "self.next <= u64::from(last)", "{ let _ = last; true }"),
    ("o10-number-kept", "O10", "an open that fails at its image uses no number",
     "it", "o10_an_open_that_fails_at_the_image_uses_up_a_number", "Sessions::skip",
     "self.next += 1;", ""),
    ("o10-scripted-before-numbers", "O10, O8", "the lock is looked for before the numbers",
     "it", "o10_the_order_in_which_an_open_is_refused", "Machine::open_session",
     "if !sessions.has_next(config.last_session)",
     "if lasting.locked.is_empty() && !sessions.has_next(config.last_session)"),
    ("o11-no-lock", "O11", "an open whose host does not come up leaves no lock",
     "it", "o11_an_open_whose_host_does_not_come_up_locks_the_image", "Machine::open_session",
     "lasting.locked.push(image.to_owned());", ""),
    ("o11-lock-ends-with-period", "O11", "a last shutdown unlocks",
     "it", "o11_a_lock_outlives_the_period", "Machine::shutdown",
     "after_shutdown: true };", "after_shutdown: true }; self.lasting.locked = Vec::new();"),
    ("o11-online-lock", "O11", "the online image is locked, too",
     "it", "o11_the_online_image_has_no_lock", "Machine::open_session", "&& !image.is_online()",
     ""),
    ("o11-every-failure-locks", "O11", "any code leaves a lock",
     "it", "o11_other_codes_leave_no_lock", "Machine::open_session",
     "error.code() == Hresult::REGDB_E_CLASSNOTREG &&", ""),
    # Close a session
    ("c2-other-code", "C2", "the code of a closed handle is not the one that was chosen",
     "it", "c2_a_test_can_choose_the_code_for_a_closed_session", "Machine::find",
     "code: self.config.closed_session", "code: Hresult::DISMAPI_E_INVALID_DISM_SESSION"),
    ("c3-closes-at-once", "C3", "the first close closes, references or not",
     "it", "c3_a_session_stays_open_while_it_has_references", "Machine::close_session",
     "1 => Effect::Closing", "1.. => Effect::Closing"),
    ("c4-accepts-while-closing", "C4", "an operation is accepted while the session closes",
     "it", "c4_the_last_close_lets_operations_complete_and_accepts_no_new_one",
     "Machine::begin_operation", "if sessions.entry(slot).is_closing()", "if false"),
    ("c4-does-not-wait", "C4", "a close does not wait for operations",
     "it", "c4_the_last_close_lets_operations_complete_and_accepts_no_new_one",
     "Shared::close", "core = self.wait(core, thread, session);", ""),
    ("c4-overtakes", "C4", "a close is served before operations that came earlier",
     "it", "machine_answers_as_the_reference", "Sessions::start_closing",
     "entry.take_turn(thread, &mut self.queues)",
     "let ready = entry.take_turn(thread, &mut self.queues); if !ready { "
     "self.queues.iter_mut().flat_map(|it| it.by_session.values_mut()).for_each(|queue| "
     "queue.rotate_right(1)); } ready"),
    ("c5-second-close-succeeds", "C5", "a second close of a closing session succeeds",
     "it", "c5_a_second_close_fails_while_the_first_waits", "Machine::close_session",
     "return Err(Error::InvalidSession { session, code })",
     "return Ok(Effect::Released { references: 0 })"),
    ("c6-reboot-forgotten", "C6", "a reboot that was asked for is not reported by the close",
     "it", "c6_the_last_close_reports_that_a_reboot_is_needed", "Effect::code",
     "Hresult::ERROR_SUCCESS_REBOOT_REQUIRED", "Hresult::S_OK"),
    ("c7-not-refused", "C7", "a close inside an operation of its own thread is not refused",
     "it", "c7_a_close_that_would_wait_for_its_own_thread_fails_and_changes_nothing",
     "Machine::close_session", "1 if sessions.is_busy(slot, thread)", "1 if false"),
    ("c8-close-unmounts", "C8", "the last close unmounts the image",
     "it", "c8_a_close_does_not_unmount_the_image", "Machine::finish_close",
     "sessions.remove(slot);", "sessions.remove(slot); self.lasting.mounts = Mounts::new();"),
    ("c9-old-handle", "C9", "an open while the image's session closes gets the old handle",
     "it", "c9_an_open_while_the_image_closes_gets_a_new_handle", "Sessions::find_image",
     "!entry.is_closing()", "true"),
    # Operations
    ("p1-commit-code", "P1", "a commit on an invalid session gets the code of any function",
     "it", "p1_commit_has_a_code_of_its_own", "Machine::begin_operation",
     "if commits { Hresult::E_INVALIDARG } else { code }", "code"),
    ("p1-any-function", "P1", "a function that takes no session is performed on one",
     "it", "p1_only_operations_are_performed_on_a_session", "Machine::begin_operation",
     "!function.is_operation()", "false"),
    ("p2-wakes-no-thread", "P2", "the end of an operation does not wake the next thread",
     "it", "p2_operations_on_one_session_run_one_at_a_time_in_the_order_of_arrival",
     "Core::wake", "woken.notify_one();", "let _ = woken;"),
    ("p2-last-come-first", "P2", "the thread that came last is served first",
     "it", "p2_operations_on_one_session_run_one_at_a_time_in_the_order_of_arrival",
     "Queues::push", "push_back(thread)", "push_front(thread)"),
    ("p3-runs-at-once", "P3", "an operation inside one of the same thread runs at once",
     "it", "p3_a_nested_operation_on_the_same_session_and_thread_fails",
     "Machine::begin_operation", "return Err(Error::PossibleDeadlock { session });",
     "return Ok(Effect::Begun { ready: true });"),
    ("p4-success-made-s-ok", "P4", "any success comes back as S_OK",
     "it", "p4_every_result_is_returned_unchanged", "Machine::end_operation",
     "Effect::Ended { result }", "Effect::Ended { result: Hresult::S_OK }"),
    ("p5-failure-closes", "P5", "a failing operation closes the session",
     "it", "p5_a_failing_operation_leaves_the_session_open_and_closable",
     "Machine::end_operation", "if code.is_failure()",
     "if code.is_failure() && { sessions.start_closing(slot, thread); sessions.remove(slot); "
     "true }"),
    ("p6-reload-not-said", "P6", "the journal does not say that a reload is asked for",
     "it", "p6_an_operation_that_answers_1_has_succeeded_and_asks_for_a_reload",
     "Machine::end_operation",
     "Hresult::DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED => Ok(Effect::ReloadRequired),", ""),
    ("p6-close-reports-it", "P6, C6", "a reload makes the close return 3010",
     "it", "p6_a_close_returns_the_reboot_and_not_the_reload", "Machine::end_operation",
     "result == Hresult::ERROR_SUCCESS_REBOOT_REQUIRED",
     "(result.is_success() && result != Hresult::S_OK)"),
    # Functions without a session
    ("n1-works-while-down", "N1", "a function without a session works while down",
     "it", "n1_a_function_without_a_session_needs_an_initialized_api",
     "Machine::call_without_session", "self.check_initialized()?;", ""),
    ("n1-file-without-a-name", "N1", "a file without a name has images",
     "it", "n1_image_info_of_an_empty_path_fails", "Machine::get_image_info",
     "self.check_path(file)?;", "let _ = file;"),
    ("n2-session-on-path-ignored", "N2", "sessions on the path are not looked for",
     "it", "n2_mounting_fails_on_a_path_with_an_open_session", "Machine::check_no_session",
     "if sessions.is_on(path)", "if false"),
    ("n3-nothing-is-fine", "N3", "an unmount of what is not mounted succeeds on another image",
     "it", "n3_unmount_and_remount_fail_if_nothing_is_mounted", "Machine::mounted_at",
     ".ok_or(Error::NothingMounted)", ".or(Some(0)).ok_or(Error::NothingMounted)"),
    ("n4-shutdown-unmounts", "N4", "a last shutdown unmounts",
     "it", "n4_an_image_stays_mounted_until_it_is_unmounted", "Machine::shutdown",
     "after_shutdown: true };", "after_shutdown: true }; self.lasting.mounts = Mounts::new();"),
    ("n4-online-image-mounted", "N4", "an image is mounted at the online image",
     "it", "n4_nothing_is_mounted_at_the_online_image", "Machine::mount_image",
     "if path.is_online()", "if false"),
    ("n4-mounts-onto-a-mount", "N4", "an image is mounted onto another",
     "it", "n4_a_mount_onto_a_mount_fails", "Machine::mount_image",
     "self.lasting.mounts.find(path, aliases).is_some()", "false"),
    ("n5-any-flag", "N5", "any flag is accepted",
     "it", "n5_an_unmount_and_a_commit_take_the_flags_of_the_header", "check_flags",
     "flags.contains_unknown_bits()", "false"),
    ("n6-read-only-committed", "N6", "what is mounted for reading is committed",
     "it", "n6_a_commit_of_an_image_that_is_mounted_for_reading_fails", "check_commit",
     "if !flags.discards()", "if !flags.discards() && false"),
    ("n7-written-twice", "N7", "a file is mounted for writing twice",
     "it", "n7_a_file_is_mounted_for_writing_once", "Machine::mount_image",
     "self.lasting.mounts.is_written(file, aliases)", "false"),
    ("n7-stays-in-use", "N7", "a file stays in use after its unmount",
     "it", "n7_a_file_is_mounted_for_writing_once", "Mounts::remove",
     "(&mut self.by_file, file)", "(&mut self.by_file.clone(), file)"),
    ("n8-rule-ignores-discard", "N8", "a rule does not look at whether an unmount discards",
     "it", "n8_a_rule_can_ask_whether_an_unmount_or_a_commit_discards", "Rule::matches",
     "query.discards() == Some(discards)", "{ let _ = discards; query.discards().is_some() }"),
    # Last error message
    ("e1-one-for-all", "E1", "all threads share one last error",
     "it", "e1_the_last_error_is_per_thread", "Machine::last_error",
     "self.lasting.last_errors.get(&thread)", "self.lasting.last_errors.values().last()"),
    ("e2-open", "E2", "a failing open does not set it",
     "it", "e2_every_failing_function_sets_the_last_error", "sets_last_error",
     "Call::Shutdown |", "Call::OpenSession(_) | Call::Shutdown |"),
    ("e3-success-clears-it", "E3", "a success clears the last error",
     "it", "e3_a_success_does_not_clear_the_last_error", "Machine::step",
     "Some(scripted) });",
     "Some(scripted) }); if outcome.is_ok() { self.lasting.last_errors.remove(&thread); }"),
    ("e4-s-ok-for-none", "E4", "without a failure the last error is S_OK",
     "it", "e4_there_is_no_last_error_without_a_failure", "Machine::last_error",
     "Effect::NoLastError { code: self.config.no_message }", "Effect::LastError(Hresult::S_OK)"),
    ("e4-code-not-chosen", "E4", "the code for no message is not the one that was chosen",
     "it", "e4_a_test_can_choose_the_code_for_no_message", "Machine::last_error",
     "code: self.config.no_message", "code: Hresult::S_OK"),
    ("e5-after-shutdown", "S4, E5", "the last error can be read after a last shutdown",
     "it", "e5_the_last_error_cannot_be_read_after_a_last_shutdown", "Machine::shutdown",
     "after_shutdown: true", "after_shutdown: false"),
    # Memory
    ("d1-reused", "D1", "a number of memory is handed out again",
     "it", "d1_a_number_is_not_handed_out_again", "Machine::hand_out",
     "self.lasting.last_memory = memory;", ""),
    ("d2-null-refused", "D2", "NULL is refused",
     "it", "d2_deleting_null_is_a_success", "Machine::delete", "memory != Memory::NULL &&", ""),
    ("d3-deleted-twice", "D3", "memory is deleted twice",
     "it", "d3_memory_cannot_be_deleted_twice", "Machine::delete",
     "found.remove();", "let _ = found;"),
    ("d4-deleted-after-shutdown", "D4", "a delete after a last shutdown succeeds",
     "it", "d4_after_a_last_shutdown_memory_is_neither_handed_out_nor_deleted", "Machine::delete",
     "self.not_after_shutdown()?;", ""),
    # All calls, and one process beside another
    ("x1-one-process-for-all", "X1", "every emulator is the same process",
     "it", "two_processes_used_by_one_thread_share_nothing", "Builder::build",
     "Arc::new(Shared::new(core))",
     "{ static ONE: std::sync::OnceLock<Arc<Shared>> = std::sync::OnceLock::new(); "
     "ONE.get_or_init(|| Arc::new(Shared::new(core))).clone() }"),
    ("x1-journal-hides-the-loss", "X1", "the journal does not say that its beginning is missing",
     "it", "a_limited_journal_keeps_the_latest_steps_and_says_that_it_cannot_replay",
     "Recorder::journal", "self.taken - steps.len() as u64", "0"),
    ("x2-panic-leaks-the-operation", "X2", "a panic inside an operation never ends it",
     "it", "x2_a_panic_inside_an_operation_leaves_the_emulator_usable", "Operation::drop",
     "let _ = self.finish(result);",
     "if std::thread::panicking() { return; } let _ = self.finish(result);"),
    # Rules
    ("rule-before-contract-shutdown", "S2", "a rule is asked with a session open",
     "it", "s2_no_rule_applies_to_a_refused_shutdown", "Machine::shutdown",
     "Err(Error::OpenSessionHandles)",
     "{ check_scripted(ask(None))?; Err(Error::OpenSessionHandles) }"),
    ("rule-failed-but-up", "I1", "an initialize that is scripted to fail initializes",
     "it", "a_failing_initialize_leaves_the_process_down", "Machine::initialize",
     "check_scripted(ask(None))?; self.phase = Phase::Up { count: 1, "
     "sessions: Sessions::new() };",
     "let answer = ask(None); self.phase = Phase::Up { count: 1, sessions: Sessions::new() }; "
     "check_scripted(answer)?;"),
    ("sweep-passes-a-call-over", "FaultSweep", "a sweep never lets the last call fail",
     "it", "a_sweep_names_exactly_the_variants_with_a_bug", "Injection::fire",
     "fault.call == self.calls", "fault.call + 1 == self.calls"),
    ("sweep-ignores-panics", "FaultSweep", "a client that panics has passed",
     "it", "a_client_that_panics_is_reported", "Run::is_clean",
     "matches!(self.ending, Ending::Returned)", "true"),
    ("sweep-goes-on-for-ever", "FaultSweep", "a client that does not end is not cut off",
     "it", "a_client_that_does_not_end_is_cut_off", "Injection::cuts_off",
     "steps >= self.max_steps", "false"),
    ("sweep-hangs-with-its-client", "FaultSweep", "a client of the C functions is never stopped",
     "capi", "a_client_that_goes_on_after_it_was_cut_off_ends_the_program",
     "Injection::is_ignored", "self.late_calls > self.max_steps", "false"),
    ("sweep-drops-its-last-run", "FaultSweep", "what the run that ends a sweep shows is lost",
     "it", "a_run_that_does_not_reach_its_fault_is_verified_too", "Sweep::take",
     "self.report.add(run);", "if is_reached { self.report.add(run); }"),
    ("rule-failure-succeeds", "P4", "a failing answer is taken for a success",
     "it", "every_function_can_be_made_to_fail", "Scripted::prevents",
     "self.code.is_failure()", "false"),
    ("rule-success-dropped-operation", "P4, C6", "a scripted result of an operation is lost",
     "it", "c6_a_reboot_that_a_rule_answers_is_reported_at_the_last_close", "Operation::end_with",
     "let result = self.take_answer().unwrap_or(result.into());",
     "let _ = self.take_answer(); let result = result.into();"),
    ("rule-not-journaled", "X1", "the journal does not have the scripted answer of a call",
     "it", "every_function_can_be_made_to_fail", "Core::step_answered",
     "answered(scripted)", "answered(scripted.filter(|_| false))"),
    ("rule-times-ignored", "P4", "a rule that is used up goes on",
     "it", "times_bounds_how_many_calls_are_answered", "ActiveRule::takes", "is_spent ||", ""),
    ("rule-last-wins", "P4", "the last rule in force answers",
     "it", "the_first_rule_in_force_answers", "Rules::fire", "iter_mut().find_map",
     "iter_mut().rev().find_map"),
    ("rule-any-function", "P4", "a rule matches every function",
     "it", "a_rule_matches_only_its_function", "Rule::matches", "called == function",
     "{ let _ = function; true }"),
    ("rule-guard-keeps", "P4", "a guard that is dropped leaves its rule in force",
     "it", "a_guard_that_is_dropped_takes_its_rule_back", "RuleGuard::drop", "!self.is_kept",
     "false"),
    ("rule-guard-takes-all", "P4", "a guard that is dropped takes every rule back",
     "it", "a_guard_that_is_dropped_leaves_other_rules_in_force", "Rules::remove",
     "Some(self.active.remove(at))", "let _ = at; self.active.drain(..).next()"),
    ("rule-fired-not-counted", "P4", "a rule does not count what it answered",
     "it", "every_function_can_be_made_to_fail", "ActiveRule::takes", "self.fired += 1;", ""),
    ("rule-unused-not-reported", "P4", "a rule that never fired is not reported",
     "it", "a_rule_that_never_fired_is_reported_by_name_and_location", "ActiveRule::unmet",
     "if *fired == 0", "if false"),
    ("rule-optional-reported", "P4", "a rule that need not fire is reported",
     "it", "an_optional_rule_need_not_fire", "Rule::optional", "Expected::AnyNumber",
     "Expected::AtLeastOnce"),
    ("rule-remarks-are-all-kept", "P4", "every rule that never fired has a remark of its own",
     "it", "the_first_of_many_unused_rules_are_reported_and_the_others_counted", "REPORTED",
     "= 64;", "= usize::MAX;"),
    ("rule-expects-nothing", "P4", "a rule that fires too often or too rarely is not reported",
     "it", "a_rule_that_fired_another_number_of_times_than_expected_is_reported_with_both",
     "ActiveRule::unmet", "if *fired != u64::from(expected)", "if false"),
    ("rule-fails-with-a-success", "P4", "a rule that is to fail answers a success",
     "it", "fail_with_a_success_code_panics_at_the_line_of_the_test", "failure",
     "code.is_failure(),", "true,"),
    ("dead-host-of-all", "P5", "the host of every session dies",
     "it", "p5_a_dead_host_affects_only_its_session", "Rule::dead_host",
     "rule.session = Some(session);", "let _ = session;"),
    ("dead-host-disconnects-always", "P5", "a dead host disconnects every operation",
     "it", "p5_a_dead_host_answers_as_recorded", "Rules::fire", "*fired > 1", "false"),
    ("rule-image-by-one-path", "O6", "a rule knows the image only by the path that it has",
     "it", "o6_a_rule_for_an_image_matches_it_by_every_declared_path", "Rules::add",
     "aliases.resolve(image.key()).to_owned()", "{ let _ = aliases; image.key().to_owned() }"),
    ("rule-any-name", "P4", "a rule with a name matches every name",
     "it", "a_rule_with_a_name_matches_what_the_client_names_so", "Rule::matches",
     "query.is_named(name)", "(query.is_named(name) || true)"),
    ("rule-whole-name", "P4", "a rule with a name does not match the last part of a path",
     "it", "a_rule_with_a_name_matches_what_the_client_names_so", "Query::is_named",
     "[Some(passed), last]", "[Some(passed), last.filter(|_| false)]"),
    ("rule-answer-stays-in-effect", "I6", "an answer that is set later takes effect, too",
     "it", "i6_a_later_answer_takes_back_that_the_call_takes_effect", "Rule::answer",
     "self.takes_effect = false;", ""),
    ("progress-cancel-ignored", "P7", "a callback that breaks does not cancel",
     "it", "a_callback_cancels_the_operation_with_break", "Answer::run", ".is_break()",
     ".is_break() && false"),
    ("p7-too-late-cancels", "P7", "a cancel that comes too late cancels",
     "it", "p7_a_cancel_that_comes_too_late_changes_nothing", "CancelPolicy::is_in_time",
     "reports < until", "{ let _ = until; reports < u32::MAX }"),
    ("p7-one-code", "P7", "a cancelled call returns the usual code, whatever the rule says",
     "it", "p7_a_test_chooses_the_code_of_a_cancelled_call", "Answer::run", "cancel.code",
     "CancelPolicy::UNSCRIPTED.code"),
    ("p7-cancelled-after-its-end", "P7", "a rule cancels a call that has ended",
     "it", "p7_a_call_with_fewer_reports_is_not_cancelled", "Rule::answer_with",
     "reports.get(..after as usize)", "Some(&reports[..reports.len().min(after as usize)])"),
    ("p7-anything-is-cancelled", "P7", "a rule cancels a call without a cancel event",
     "it", "p7_a_rule_cancels_no_call_that_cannot_be_cancelled", "Rule::answer_with",
     "is_cancellable && ", "{ let _ = is_cancellable; true } && "),
    ("p7-failure-reports-100", "P7", "an operation that is going to fail reports 100",
     "it", "p7_an_operation_that_fails_reports_no_100", "Progress::unscripted", "{ 4 }", "{ 5 }"),
    ("p7-cancelled-mount-mounts", "P7", "a mount that is cancelled mounts",
     "it", "p7_a_mount_or_an_unmount_that_is_cancelled_changes_nothing", "Rule::answer_with",
     "answer(cancel.code.into(), Some(reports.into()))",
     "answer(Scripted { takes_effect: true, ..cancel.code.into() }, Some(reports.into()))"),
    ("rule-last-part-wins", "", "the last of two parts that contradict each other wins",
     "it", "parts_that_contradict_each_other_are_refused_with_both", "read", "one? != other?",
     "false && one? != other?"),
    ("rules-differ-from-the-reference", "P7", "a cancel at the report before the last is too late",
     "it", "emulator_answers_as_the_references", "CancelPolicy::is_in_time", "reports < until",
     "reports + 1 < until"),
    # Holds
    ("hold-unreached-not-reported", "X1", "a hold that no thread reached is not reported",
     "it", "a_hold_that_no_thread_reached_is_reported_once", "ActiveHold::unreached",
     "self.thread.is_none()", "false"),
    ("hold-before-is-after", "X1", "a hold before a call holds it after it took effect",
     "it", "a_call_held_before_its_effect_has_changed_nothing", "Hold::before", "Point::Before",
     "Point::Returning"),
    ("hold-catches-two", "X1", "a hold catches a second thread",
     "it", "a_hold_catches_one_thread", "Holds::catch", "active.thread.is_none() &&", ""),
    ("hold-wait-returns-at-once", "X1", "a wait does not wait for a thread, on plain threads",
     "it", "wait_returns_when_a_thread_is_held_and_not_before", "Holds::missing",
     "active.thread.is_none().then(",
     "(active.thread.is_none() && active.hold.deadline.is_zero()).then("),
    ("hold-panic-does-not-release", "X2",
     "a hold that is dropped by a panic leaves its thread held",
     "it", "a_test_that_panics_releases_the_held_thread", "HoldGuard::drop", "self.end();",
     "if !std::thread::panicking() { self.end(); }"),
    ("hold-deadline-ignored", "X2", "a thread is held beyond the deadline",
     "it", "a_guard_across_a_join_holds_its_thread_until_the_deadline", "Shared::stop",
     "if deadline.is_past()", "if false"),
    ("hold-patience-passes", "X2", "a wait succeeds although no thread came",
     "it", "a_wait_that_times_out_fails_and_shows_the_hold",
     "Shared::wait_for_hold", "return Err(unreached);", "return Ok(());"),
    ("hold-expired-not-reported-by-verify", "X2", "verify does not report a hold that expired",
     "it", "a_forgotten_hold_expires_and_is_reported_by_verify", "Holds::remarks",
     "active.expired().or_else(|| active.unreached())", "active.unreached()"),
    # The mistakes of clients: each is found, with its own name, and only if it is one
    ("mistake-1-not-found", "S2", "a refused shutdown is no mistake",
     "it", "mistake_1_the_last_shutdown_is_refused", "Audit::finish",
     "self.found.add(Mistake::ShutdownWithOpenSession, refused, left_open);",
     "let _ = left_open;"),
    ("mistake-1-after-a-retry", "S2", "a refused shutdown counts although the next one succeeds",
     "it", "a_correct_client_shuts_down_again_after_closing", "Periods::shut_down",
     "self.refused = None;", ""),
    ("mistake-2-not-found", "S4", "an initialization may be left behind",
     "it", "mistake_2_no_shutdown_at_all", "Periods::finish",
     "found.add_one_of(Mistake::NeverShutDown, first.by.at, &left_open);", "let _ = first;"),
    ("mistake-3-misnamed", "C2", "a second close is named as the use of a handle",
     "it", "mistake_3_a_closed_handle_is_closed_again", "Sessions::closes_again",
     "_ => Mistake::CloseTwice", "_ => Mistake::HandleNotOpen"),
    ("mistake-4-not-found", "I3 Documented", "pairs may overlap",
     "it", "mistake_4_a_refused_thread_ends_the_others_initialization", "Overlap::report",
     "found.add(Mistake::OverlappingPairs, mistake, [self.owner.at, refused, by]);",
     "let _ = (mistake, refused, by);"),
    ("mistake-4-of-a-thread-that-gives-up", "I3 Documented", "a refusal is a mistake in itself",
     "it", "a_correct_client_gives_up_when_it_is_refused", "Audit::failed",
     "periods.refused(now)",
     "{ periods.refused(now); found.add(Mistake::OverlappingPairs, now.at, None) }"),
    ("mistake-5-misnamed", "O7", "what is left after a failed open is named as never shut down",
     "it", "mistake_5_a_failed_open_returns_early", "LastCalls::mistake",
     "Mistake::LeftAfterFailedOpen", "return None"),
    ("mistake-6-misnamed", "I3 Recorded", "S_FALSE and no shutdown is named as never shut down",
     "it", "mistake_6_a_counted_initialize_returns_early", "LastCalls::mistake",
     "!self.0.get(first.thread).is_some_and(|it| it.has_closed_since)", "false"),
    ("mistake-7-not-found", "I2, O1", "a failed initialize may be ignored",
     "it", "mistake_7_takes_0xc0040001_for_initialized_already", "Downtime::goes_on_after_failure",
     "found.add(Mistake::FailedInitializeIgnored, now.at, [failed]);", "let _ = found;"),
    ("mistake-8-misnamed-as-3", "C6", "a second close after 3010 is named as any other",
     "it", "mistake_8_closes_again", "Sessions::closes_again",
     "Mistake::RebootTakenForFailure", "Mistake::CloseTwice"),
    ("mistake-9-not-found", "C7, P3", "calls inside an operation may be made",
     "it", "mistake_9_an_operation_and_a_close_from_inside_one", "Sessions::inside_operation",
     "found.add(Mistake::CallInsideOperation, now.at, begun);", "let _ = (found, begun);"),
    ("mistake-10-not-found", "C2, P1", "any handle may be used",
     "it", "mistake_10_after_the_close", "Sessions::not_open",
     "found.add(Mistake::HandleNotOpen, now.at, with);", "let _ = (found, with);"),
    ("mistake-11-never-deleted", "D1", "memory may be kept for ever",
     "it", "mistake_11_never_deleted", "Allocations::finish",
     "found.add(Mistake::MemoryMishandled, at, self.end_of(period));",
     "let _ = (&found, at, period);"),
    ("mistake-11-too-late", "D4", "memory may be deleted after the shutdown",
     "it", "mistake_11_deleted_after_the_shutdown", "Allocations::delete_failed",
     "found.add(Mistake::MemoryMishandled, now.at, before.into_iter().chain(shutdown));",
     "if !is_down { found.add(Mistake::MemoryMishandled, now.at, before); }"),
    ("mistake-7-of-another-thread-not-found", "O1", "only the thread that failed is reported",
     "it", "mistake_7_of_a_thread_that_works_for_the_one_that_failed", "Downtime::failed_for",
     ".or(self.last_failed)", ""),
    ("mistake-7-forgotten", "E5", "reading the message says that an initialize succeeded",
     "it", "mistake_7_after_the_message_beside_another_thread", "Audit::succeeded",
     "if !is_about_message(call)", "if true"),
    ("mistake-10-twice", "C2", "each use of what a failed open left is reported",
     "it", "mistake_10_the_handle_of_a_failed_open", "Sessions::is_left_over",
     "return is_reported;", "return false;"),
    ("mistake-10-of-clean-up", "C2", "a close of 0 after a failed open is reported",
     "it", "the_sample_cleans_up_after_an_open_that_failed", "Ahead::is_clean_up",
     "has(&self.clean_up, at)", "has(&self.clean_up, at) && false"),
    ("mistake-12-not-found", "P6", "a reload may be ignored",
     "it", "mistake_12_goes_on_with_the_same_handle", "Audit::succeeded",
     "if effect == Effect::ReloadRequired", "if false"),
    ("mistake-12-after-a-release", "P6, C3", "a close that leaves references reloads",
     "it", "mistake_12_a_reload_that_reloads_nothing", "Sessions::released",
     "reload.released = Some(now.at);", "reload.is_settled = true;"),
    ("mistake-12-after-a-reload", "P6", "a session that is reloaded has to be reloaded again",
     "it", "mistake_12_is_none_of_the_same_number_in_the_next_period", "Sessions::opened",
     "handle.reload = None;", ""),
    ("mistake-12-scripted", "P6", "a close that was scripted to fail is no excuse",
     "it", "a_correct_client_reloads", "Sessions::excuse", "reload.is_settled = true;",
     "let _ = reload;"),
    ("mistake-13-not-found", "O1, N1", "anything may be called while the API is down",
     "it", "mistake_13_before_the_first_initialize", "Downtime::called",
     "found.add(Mistake::CalledWhileDown, now.at, self.shutdown);", "let _ = (now, found);"),
    ("mistake-13-of-a-lazy-client", "O1", "a client may not initialize lazily",
     "it", "a_correct_client_initializes_lazily", "Audit::called_while_down",
     "is_harmless || ahead.is_lazy(now.at)", "is_harmless"),
    ("mistake-13-of-an-incomplete-journal", "S4", "what the journal lost explains nothing",
     "it", "without_its_beginning_a_call_while_down_is_not_certain", "Downtime::called",
     "(self.has_beginning || found.is_complete())", "(found.is_complete() || true)"),
    # What is no mistake, but probably not meant
    ("remark-message-after-shutdown", "E2, S7", "a failed shutdown is no reason for a remark",
     "it", "the_message_of_an_open_is_read_on_another_thread_and_after_a_shutdown",
     "Messages::step", "has_failed.then_some(at)", "None"),
    ("remark-message-after-clean-up", "E3", "a message that is read late is remarked",
     "it", "a_message_is_read_after_clean_up", "Messages::step",
     "has_failed.then_some(at)", "Some(at)"),
    ("remark-looks-online", "O6", "a GUID with a letter wrong is no reason for a remark",
     "it", "the_name_of_the_online_image_has_a_letter_wrong", "ImageKey::resembles_online",
     "path.starts_with(beginning)", "false"),
    # Failures that a test scripted are not held against the client, nor steps that the journal lost
    ("excuse-no-shutdown", "S2, S4", "a shutdown that was scripted to fail counts as never made",
     "it", "a_correct_client_is_not_to_blame_for_the_script", "Periods::excuse",
     "self.initializations.excuse(now.thread);", ""),
    ("excuse-no-close", "C2, S2", "a close that was scripted to fail counts as never made",
     "it", "a_correct_client_is_not_to_blame_for_the_script", "Sessions::excuse",
     "opens.excuse(now.thread);", "let _ = opens;"),
    ("excuse-no-failure-in-effect", "I6, S2, C2",
     "a client knows that a call which failed has taken effect",
     "it", "a_client_is_not_to_blame_for_a_failure_in_effect", "Audit::step",
     "if step.has_failed_in_effect()", "if false"),
    ("excuse-of-a-close-for-ever", "C2", "a close that failed in effect excuses every other",
     "it", "a_failure_in_effect_excuses_once", "Sessions::closes_again",
     "handle.failed_in_effect -= 1;", ""),
    ("lost-initializations", "S3",
     "a shutdown of a thread without an initialize is for one that the journal lost",
     "it", "without_its_beginning_a_shutdown_may_be_for_another_thread",
     "Outstanding::next_release", "let oldest =",
     "if self.unknown > 0 { return None; } let oldest ="),
    ("lost-excuse", "S2", "a session whose open the journal lost is held against the client",
     "it", "without_its_beginning_a_refused_shutdown_may_be_excused", "Sessions::are_excused",
     "self.unexcused == 0",
     "self.handles.records().iter().any(|it| it.live.is_some()) && self.unexcused == 0"),
    ("lost-beginning-unknown", "D4", "every journal counts as one with its beginning",
     "it", "without_its_beginning_a_late_delete_may_be_excused", "Journal::is_complete",
     "self.dropped() == 0 && self.replay().is_ok()", "self.dropped() == 0"),
    # The verification when the emulator is dropped
    ("drop-off-by-default", "X1", "a test that does not ask for it gets no verification",
     "it", "the_drop_reports_mistakes", "Builder::default",
     "verify_on_drop: true", "verify_on_drop: false"),
    ("drop-reports-nothing", "X1", "the drop of the emulator reports nothing",
     "it", "the_drop_reports_mistakes", "Emulator::drop", 'panic!("{}", shown(report));',
     "drop(shown(report));"),
    ("drop-waits-for-handles", "X1", "the drop verifies only if no handle is left",
     "it", "a_wrong_client_is_reported_though_its_handle_outlives_the_test", "Emulator::drop",
     "self.verify_on_drop.then",
     "(self.verify_on_drop && std::sync::Arc::strong_count(&self.handles) == 1).then"),
    ("handles-not-reported", "X1", "a verification does not report handles that are left",
     "it", "a_handle_that_outlives_the_test_is_a_remark_and_no_mistake",
     "Emulator::with_handles", "(handles > 0)", "false"),
    ("handle-is-a-mistake", "X1", "a handle that is left fails the verification",
     "it", "a_handle_that_outlives_the_test_is_a_remark_and_no_mistake",
     "Emulator::verify_in", "if is_clean { Ok(report)",
     "if is_clean && report.is_empty() { Ok(report)"),
    ("allowed-is-reported", "", "a mistake that the test allows is reported",
     "it", "a_mistake_that_is_allowed_is_not_reported", "Found::allows",
     "self.allowed.contains(&mistake)", "self.allowed.is_empty() && mistake.number() > 13"),
    ("drop-panics-twice", "X2", "the drop panics in a test that panics, which ends the process",
     "it", "the_drop_is_silent_in_a_test_that_panics", "Emulator::drop",
     "std::thread::panicking()", "false"),
    ("panic-shows-no-calls", "", "a test that panics does not show what its client did",
     "it", "a_test_that_panics_shows_the_calls_after_its_panic", "Emulator::drop",
     "self.show_timeline();", ""),
    ("panic-shows-calls-in-vain", "X2",
     "a test that panics, and cannot write what its client did, ends the process",
     "it", "a_test_that_panics_without_a_standard_error_only_fails", "Emulator::show_timeline",
     "catch_unwind(|| {", "Ok::<(), ()>({"),
    ("drop-reports-twice", "X1", "mistakes that a verification reported are reported again",
     "it", "the_drop_does_not_report_a_mistake_again", "Core::last_evidence", "(!is_seen)",
     "(!is_seen || true)"),
    ("drop-forgets-what-is-left", "S4, X1",
     "what is left behind is not reported if the journal lost its beginning",
     "it", "what_is_left_open_is_reported_though_the_journal_is_incomplete",
     "Core::evidence", "(1.., State::Up", "(u64::MAX.., State::Up"),
    ("report-threads-by-their-own-numbers", "X1", "texts number threads as the program does",
     "it", "texts_number_the_threads_in_the_order_of_the_steps", "Threads::number",
     "ThreadNumber::new(before as u64 + 1)", "{ let _ = before; step.thread }"),
    ("report-location-in-the-emulator", "X1", "the location of an open is in the emulator",
     "it", "a_report_has_the_location_of_each_call_in_the_source_of_the_client",
     "Dism::open_session", "#[track_caller]", ""),
    # The C functions
    ("c-null-handle-is-accepted", "O5",
     "an open succeeds although the pointer for the handle is NULL",
     "capi", "o5_no_argument_that_is_needed_may_be_null_alone", "DismOpenSession",
     "requires [ImagePath, Session] => |call| { let placement",
     "requires [ImagePath] => |call| { let mut spare = 0; let Session = "
     "if Session.is_null() { ptr::from_mut(&mut spare) } else { Session }; let placement"),
    ("c-unknown-flags-are-dropped", "N5, N8", "an unmount ignores the flags that no header has",
     "capi", "n5_an_unmount_with_the_mask_as_its_flags_changes_nothing", "DismUnmountImage",
     "CommitFlags::from_bits_retain(Flags)", "CommitFlags::from_bits_truncate(Flags)"),
    ("c-name-is-lost", "", "no call has the name that its caller passes",
     "capi", "the_name_that_a_function_is_called_with_is_in_the_journal", "Invocation::begin",
     "Text::wide(name)", "Text::None"),
    ("c-no-message-is-s-ok", "E4", "without a message the code is always S_OK",
     "capi", "e4_without_a_message_the_pointer_is_null", "Effect::code",
     "Self::NoLastError { code } => code,", ""),
    ("c-look-up-succeeds", "P4", "a look-up in an empty image succeeds",
     "capi", "a_look_up_in_an_empty_image_fails_with_the_code_for_unknown", "Invocation::look_up",
     "let operation = self.begin(session)?;",
     "let operation = self.begin(session)?; let unknown = Hresult::new(0 & unknown.number());"),
    ("c-shutdown-of-a-script", "P4", "a success that is scripted for a shutdown is lost",
     "capi", "p4_every_function_returns_the_success_that_a_rule_has", "DismShutdown",
     "call.take(&request::Shutdown).code()",
     "call.dism().shutdown().map(|_| crate::call::Hresult::S_OK)"),
    ("d3-deleted-address-forgotten", "D3", "memory that is deleted twice is not recognized",
     "capi", "d1_memory_is_given_back_once", "Loaded::delete",
     "allocations.freed.insert(address, memory);", ""),
    ("guard-does-not-verify", "", "the end of a test's process does not verify it",
     "capi", "the_end_of_a_process_verifies_it_though_a_handle_is_left", "Process::start",
     "builder.build()", "builder.verify_on_drop(false).build()"),
    # Programs that are not tests
    ("program-exit-code-ignored", "", "a program with a mistake ends with its own code",
     "capi", "a_program_with_a_mistake_is_reported_and_ends_with_the_code", "Program::end",
     "!report.mistakes().is_empty() ||", "false ||"),
    ("program-remark-ignored", "", "a program with a remark ends with its own code",
     "capi", "a_program_with_a_remark_on_what_it_does_ends_with_the_code_and_the_report_says_why",
     "Program::end", "|| report.remarks().iter().any(Remark::fails)", ""),
    ("program-own-code-lost", "", "a code of the program that is not 0 is replaced",
     "capi", "a_code_of_the_program_is_kept", "ended",
     "(Some(code), 0) = (end(), status)", "(Some(code), _) = (end(), status)"),
    ("program-bad-value-accepted", "", "a variable that cannot be read is ignored",
     "capi", "a_bad_value_is_one_line_and_ends_the_program_with_2", "Variables::read",
     "Err(BadVariable { name: name.to_owned(), value, why })", "Ok(None)"),
    ("program-unknown-variable-accepted", "", "a variable that is not known is ignored",
     "capi", "a_bad_value_is_one_line_and_ends_the_program_with_2", "Variables::check_all_known",
     "Err(BadVariable { name, value, why })", "Ok(())"),
    ("i3-second-log-file", "I3", "a second initialize creates its log file",
     "capi", "only_the_initialize_that_begins_a_period_creates_its_log_file",
     "Invocation::initialized", "count: 1 }", "count: 1.. }"),
    ("program-pipe-opened-as-log", "", "the log file is opened if something is at its path",
     "capi", "what_is_at_the_path_of_a_log_file_is_not_opened", "Program::initialized",
     "File::create_new(file)", "File::options().append(true).create(true).open(file)"),
    ("program-refused-shutdown-not-reported", "", "a refused shutdown writes no report",
     "capi", "a_report_is_in_the_file_after_a_refused_shutdown", "DismShutdown",
     "call.shut_down();", "if code.is_ok() { call.shut_down(); }"),
]]


# The tokens of Rust, in as much detail as the comparison needs.
TOKEN = re.compile(r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | b?r(?P<hashes>\#*)".*?"(?P=hashes) | b?"(?:\\.|[^"\\])*"
  | b?'(?:\\x..|\\u\{[^}]*\}|\\.|[^'\\])' | '\w+ | \w+ | \S
""", re.VERBOSE | re.DOTALL)
KEYWORDS = ("fn", "struct", "enum", "trait", "const", "static")


class Token(NamedTuple):
    text: str
    start: int
    end: int


def tokens(source):
    """Returns what a formatter keeps: no comments, and no comma before a closing bracket."""
    found = [Token(it[0], *it.span()) for it in TOKEN.finditer(source) if not it["comment"]]
    behind = [it.text for it in found[1:]] + [""]
    return [it for it, then in zip(found, behind) if it.text != "," or then not in (")", "]", "}")]


def items(source):
    """Yields the path of each item that has a name, and its tokens with those of its attributes. A
    method's path begins with its type."""
    code = tokens(source)
    text = [it.text for it in code]
    closing, opened = {}, []
    for at, it in enumerate(text):
        if it in ("(", "[", "{"):
            opened.append(at)
        elif it in (")", "]", "}"):
            closing[opened.pop()] = at

    owners = []
    for at, (before, word, name) in enumerate(zip(["{", *text], text, text[1:])):
        owners = [it for it in owners if at < it[0]]
        if word == "impl" and before in (";", "{", "}", "]", "unsafe"):
            block = text.index("{", at)
            owners.append((closing[block], self_type(text[at + 1:block])))
        is_named = word in KEYWORDS and name.isidentifier() and before not in ("*", "<", ",")
        if is_named and name != "fn" or name == "!" and text[at + 2:at + 3] == ["{"]:
            end = at
            # Braces inside a value are not the end of the item.
            while text[end] != ";" and (text[end] != "{" or word in ("const", "static")):
                end = closing.get(end, end) + 1
            end = closing.get(end, end) + 1
            start = at
            while start and text[start - 1] not in (";", "{", "}"):
                start -= 1
            path = [it for _, it in owners] + [name if is_named else word]
            yield "::".join(path), code[start:end]
        if word == "trait":
            owners.append((end, name))


def self_type(header):
    """Returns the name of the type that an `impl` is of, from the tokens before its block."""
    depth, name = 0, ""
    for before, it in zip(["", *header], header):
        depth += (it == "<") - (it == ">" and before != "-")
        if it == "where":
            break
        if depth == 0 and it.isidentifier():
            name = it
    return name


class Sources:
    """The items below `src`, by name."""

    def __init__(self, tree):
        self.items = {}
        for path in sorted((tree / "src").rglob("*.rs")):
            for name, code in items(path.read_text()):
                self.items.setdefault(name, []).append((path, code))

    def fit(self, mutation):
        """Returns the file of a mutation, and where the old text begins and ends in it."""
        old = [it.text for it in tokens(mutation.old)]
        found = [(path, code[at].start, code[at + len(old) - 1].end)
                 for path, code in self.items.get(mutation.item, [])
                 for at in range(len(code) - len(old) + 1)
                 if [it.text for it in code[at:at + len(old)]] == old]
        if len(found) != 1:
            raise Wrong(f"{mutation.id}: in {mutation.item} the old text occurs {len(found)} times,"
                        f" not once: {mutation.old}")
        return found[0]


class Wrong(Exception):
    pass


class Bench:
    """A copy of the tree, and the folder in which its checks are built."""

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
        """Builds a check and returns its test binary."""
        env = {
            "CARGO_PROFILE_DEV_DEBUG": "0",  # unless the dependencies were built with another value
            **os.environ, "CARGO_TARGET_DIR": str(self.target), "CARGO_INCREMENTAL": "1",
        }
        command = ["cargo", "test", *CHECKS[kind][0], "--no-run", "--message-format=json"]
        built = subprocess.run(command, cwd=self.tree, env=env, capture_output=True, text=True)
        messages = [json.loads(it) for it in built.stdout.splitlines() if it.startswith("{")]
        if built.returncode != 0:
            rendered = [(it.get("message") or {}).get("rendered") or "" for it in messages]
            errors = [it for it in rendered if it.startswith("error")]
            raise Wrong("does not build:\n" + ("".join(errors) or built.stderr))
        [binary] = {it["executable"] for it in messages if it.get("executable")}
        return binary

    def run(self, binary, arguments, timeout):
        """Runs tests. Returns how they end, in a word, and what they print."""
        # The same generated cases every time, and none saved by another mutant.
        env = dict(os.environ, PROPTEST_RNG_SEED="1", PROPTEST_DISABLE_FAILURE_PERSISTENCE="1")
        try:
            ran = subprocess.run([binary, *arguments], cwd=self.tree, env=env, capture_output=True,
                                 text=True, errors="replace", timeout=timeout)
        except subprocess.TimeoutExpired:
            return "hangs", ""
        how = "aborts" if ran.returncode < 0 else "fails" if ran.returncode else "passes"
        return how, ran.stdout + ran.stderr

    def try_unmutated(self, kind, names):
        """Runs the tests of the rows without a mutation, and returns the full path of each."""
        binary = self.build(kind)
        _, listed = self.run(binary, ["--list", "--format", "terse"], 60)
        paths = re.findall(r"^(\S+): test$", listed, re.MULTILINE)
        found = {}
        for name in names:
            alike = [it for it in paths if f"::{it}".endswith(f"::{name}")]
            if len(alike) != 1:
                raise Wrong(f"{len(alike)} tests have the name {name}, not one: {alike}")
            [found[name]] = alike
        how, output = self.run(binary, ["--exact", *found.values()], 600)
        if how != "passes":
            raise Wrong(f"{how} unmutated:\n{output}")
        return found

    def try_mutation(self, mutation, location, test):
        """Returns how the mutation is caught."""
        path, start, end = location
        source = path.read_text()
        path.write_text(source[:start] + mutation.new + source[end:])
        try:
            binary = self.build(mutation.kind)
        finally:
            path.write_text(source)
        how, output = self.run(binary, ["--exact", test], CHECKS[mutation.kind][1])
        failed = re.search(f"^test {test}( - should panic)? ... FAILED$", output, re.MULTILINE)
        if how == "passes" or how == "fails" and not failed:
            raise Wrong(f"survives: its test {how}\n{output}")
        return how


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="only print the table")
    parser.add_argument("--fit", action="store_true", help="only see whether the rows fit")
    parser.add_argument("--only", nargs="+", metavar="ID", help="only these rows")
    parser.add_argument("--kind", choices=CHECKS, help="only the rows of this check")
    parser.add_argument("--shard", metavar="K/N", help="only every Nth row, from the Kth on")
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
    if options.shard:
        shard, shards = map(int, options.shard.split("/"))
        chosen = chosen[shard % shards::shards]
    if options.list:
        for it in chosen:
            print(f"{it.id:36} {it.rules:16} {it.kind:5} {it.broken}\n{'':59}{it.test}")
        return

    started = time.monotonic()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = Path(folder, "tree")
        bench = Bench(tree, (options.target_dir or Path(folder, "target")).resolve())
        sources = Sources(tree)
        found, misfits = {}, []
        for it in chosen:
            try:
                found[it.id] = sources.fit(it)
            except Wrong as error:
                misfits.append(str(error))
        if misfits:
            sys.exit("\n".join(misfits))
        print(f"all {len(chosen)} rows fit")
        for kind in [] if options.fit else CHECKS:
            rows = [it for it in chosen if it.kind == kind]
            if not rows:
                continue
            begun = time.monotonic()
            try:
                tests = bench.try_unmutated(kind, [it.test for it in rows])
            except Wrong as error:
                sys.exit(f"{kind}: {error}")
            print(f"{kind}: {time.monotonic() - begun:.1f} s, passes unmutated", flush=True)
            for it in rows:
                begun = time.monotonic()
                try:
                    word, how = "caught", bench.try_mutation(it, found[it.id], tests[it.test])
                except Wrong as error:
                    word, how = "FAILED", error
                    failed += 1
                seconds = f"{time.monotonic() - begun:5.1f} s"
                print(f"{word}  {it.id:36} {seconds}  {it.test} {how}", flush=True)
    print(f"{time.monotonic() - started:.0f} s, {failed} of {len(chosen)} rows failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
