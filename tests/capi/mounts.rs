//! Mounted images (rules N1 to N8).

use std::ptr;

use dism_emu::capi::ffi::*;
use dism_emu::{CommitFlags, Contract, Function, Hresult, Rule};

use crate::c::{call, close, initialize, last_error, mount, open, shutdown, up};
use crate::exports::{Given, code, first, text_at, wide};
use crate::support::{BUSY, IMAGE};

/// Returns what is mounted, from the structures: path, file, number, mode and status.
fn mounted() -> Vec<(String, String, u32, i32, i32)> {
    let mut given = Given::new(0, "");
    assert_eq!(call(Function::GetMountedImageInfo, &given), Hresult::S_OK);
    let (address, count) = (given.outs()[0], given.number_at(1) as usize);
    let size = size_of::<DismMountedImageInfo>();
    let list = (0..count).map(|at| {
        // SAFETY: this many structures were handed out in a row.
        let it = unsafe { first::<DismMountedImageInfo>(address + at * size) };
        // SAFETY: both are texts that follow the structures.
        let texts = unsafe { (text_at(it.MountPath), text_at(it.ImageFilePath)) };
        (texts.0, texts.1, it.ImageIndex, it.MountMode, it.MountStatus)
    });
    let list = list.collect();
    // D1: all of it at once.
    given.memory = ptr::with_exposed_provenance_mut(address);
    assert_eq!(call(Function::Delete, &given), Hresult::S_OK);
    list
}

#[test]
fn n4_mounted_images_are_listed_across_a_shutdown() {
    let _process = up(Contract::Documented);
    let file = || "install.wim".to_owned();
    let given = |path| Given { file: wide(&file()), ..Given::new(0, path) };
    let writable = Given { index: 4, ..given(IMAGE) };
    assert_eq!(call(Function::MountImage, &writable), Hresult::S_OK);
    let read_only = Given { flags: DISM_MOUNT_READONLY, ..given(r"D:\bücher") };
    assert_eq!(call(Function::MountImage, &read_only), Hresult::S_OK);
    let expected = [
        (IMAGE.to_owned(), file(), 4, DismReadWrite, DismMountStatusOk),
        (r"D:\bücher".to_owned(), file(), 1, DismReadOnly, DismMountStatusOk),
    ];
    assert_eq!(mounted(), expected);
    assert_eq!([shutdown(), initialize()], [Hresult::S_OK; 2]);
    assert_eq!(mounted(), expected);
}

#[test]
fn n2_mount_open_be_refused_close_unmount() {
    let _process = up(Contract::Documented);
    let given = || Given::new(0, IMAGE);
    assert_eq!(call(Function::MountImage, &given()), Hresult::S_OK);
    let session = Given::new(open("c:/MOUNT/"), "");
    assert_eq!(call(Function::CommitImage, &session), Hresult::S_OK);
    for (function, number) in [
        (Function::UnmountImage, 0xC004_000A),
        (Function::MountImage, 0xC004_000B),
        (Function::RemountImage, 0xC004_000C),
    ] {
        assert_eq!(call(function, &given()).number(), number, "{function}");
    }
    let text = "A DismSession with open handles was attempted to be remounted.\r\n";
    assert_eq!(last_error().as_deref(), Some(text));
    assert_eq!(call(Function::CloseSession, &session), Hresult::S_OK);
    assert_eq!(mounted().len(), 1); // C8
    assert_eq!(call(Function::UnmountImage, &given()), Hresult::S_OK);
    assert_eq!(call(Function::UnmountImage, &given()).number(), 0xC004_0007); // N3
}

/// N5: a wrapper passed the mask in place of the flag. Each bit of it is refused alone, too.
#[test]
fn n5_an_unmount_with_the_mask_as_its_flags_changes_nothing() {
    let bits = (0..32).map(|bit| 1_u32 << bit);
    let unknown = bits.filter(|bit| bit & 0x7_0001 == 0).chain([DISM_COMMIT_MASK]);
    for flags in unknown {
        let _process = up(Contract::Documented);
        mount(IMAGE);
        let unmount = Given { flags, ..Given::new(0, IMAGE) };
        assert_eq!(call(Function::UnmountImage, &unmount), Hresult::E_INVALIDARG, "{flags:#X}");
        assert_eq!(mounted().len(), 1, "{flags:#X}");
        let commit = Given { flags, ..Given::new(open(IMAGE), "") };
        assert_eq!(call(Function::CommitImage, &commit), Hresult::E_INVALIDARG, "{flags:#X}");
    }
}

#[test]
fn n5_a_mount_takes_the_lowest_four_bits() {
    for bit in 0..32 {
        let _process = up(Contract::Documented);
        let given = Given { flags: 1 << bit, ..Given::new(0, IMAGE) };
        let expected = if bit < 4 { Hresult::S_OK } else { Hresult::E_INVALIDARG };
        assert_eq!(call(Function::MountImage, &given), expected, "{bit}");
        assert_eq!(mounted().len(), usize::from(bit < 4), "{bit}");
    }
}

#[test]
fn n6_what_is_mounted_for_reading_is_not_committed() {
    let _process = up(Contract::Documented);
    let read_only = Given { flags: DISM_MOUNT_READONLY, ..Given::new(0, IMAGE) };
    assert_eq!(call(Function::MountImage, &read_only), Hresult::S_OK);
    let refused = Hresult::new(0xC142_010C);
    let unmount = |flags| call(Function::UnmountImage, &Given { flags, ..Given::new(0, IMAGE) });
    for flags in [DISM_COMMIT_IMAGE, DISM_COMMIT_APPEND] {
        let session = open(IMAGE);
        let commit = Given { flags, ..Given::new(session, "") };
        assert_eq!(call(Function::CommitImage, &commit), refused, "{flags:#X}");
        assert_eq!(call(Function::CloseSession, &commit), Hresult::S_OK);
        assert_eq!(unmount(flags), refused, "{flags:#X}");
        assert_eq!(mounted().len(), 1, "{flags:#X}");
    }
    assert_eq!(unmount(DISM_DISCARD_IMAGE | DISM_COMMIT_APPEND), Hresult::S_OK);
    assert_eq!(mounted(), []);
}

#[test]
fn n8_whether_a_mount_is_committed_or_discarded_is_in_the_journal_and_a_rule_can_ask() {
    let process = up(Contract::Documented);
    mount(IMAGE);
    let emulator = process.emulator();
    let _discards = emulator.script(Rule::on(Function::UnmountImage).discarding().fail(BUSY));
    let _commits = emulator.script(Rule::on(Function::CommitImage).committing().fail(BUSY));
    let session = open(IMAGE);
    let commit = |flags| call(Function::CommitImage, &Given { flags, ..Given::new(session, "") });
    assert_eq!([commit(DISM_COMMIT_IMAGE), commit(DISM_DISCARD_IMAGE)], [BUSY, Hresult::S_OK]);
    assert_eq!(call(Function::CloseSession, &Given::new(session, "")), Hresult::S_OK);
    let unmount = |flags| call(Function::UnmountImage, &Given { flags, ..Given::new(0, IMAGE) });
    assert_eq!([unmount(DISM_DISCARD_IMAGE), unmount(DISM_COMMIT_APPEND)], [BUSY, Hresult::S_OK]);
    let journal = emulator.journal();
    let flags: Vec<_> = journal.steps().iter().filter_map(|it| it.call.commit_flags()).collect();
    let (commit, discard) = (CommitFlags::COMMIT, CommitFlags::DISCARD);
    assert_eq!(flags, [commit, discard, discard, CommitFlags::APPEND]);
}

/// Mounts an image that is identified in this way, without a name.
fn mount_by(identifier: DismImageIdentifier) -> Hresult {
    let (file, path, none) = (wide("a.wim"), wide(IMAGE), ptr::null_mut());
    // SAFETY: the texts end in a 0, and NULL is allowed for the rest.
    code(unsafe {
        let (file, path) = (file.as_ptr(), path.as_ptr());
        DismMountImage(file, path, 1, ptr::null(), identifier, 0, none, None, none)
    })
}

/// N4: what identifies the image is checked behind the path.
#[test]
fn n4_an_image_without_a_name_and_one_with_an_unknown_identifier_are_refused_in_their_turn() {
    let refused = [
        (DismImageName, "DISMAPI_E_INVALID_IMAGE_NAME", "mount image \"\" of \"a.wim\""),
        (7, "E_INVALIDARG", "mount image with the identifier 7 of \"a.wim\""),
    ];
    for (identifier, name, text) in refused {
        let process = up(Contract::Documented);
        let session = open(IMAGE);
        assert_eq!(mount_by(identifier).number(), 0xC004_000B, "{identifier}"); // N2
        assert_eq!(close(session), Hresult::S_OK);
        assert_eq!(mount_by(identifier).name(), Some(name), "{identifier}");
        let journal = process.emulator().journal().to_string();
        assert_eq!(journal.matches(text).count(), 2, "{journal}");
    }
}

/// N7: a program remounts its file at another folder after a restart of the API. It unmounts what
/// the list says, by the path in the list.
#[test]
fn n7_a_path_from_the_list_of_mounted_images_can_be_unmounted_as_it_is() {
    let _process = up(Contract::Documented);
    let boot = |path, index| Given { file: wide("boot.wim"), index, ..Given::new(0, path) };
    // Bücher, and half of a pair.
    let path = [wide(r"C:\Bücher\").as_slice(), &[0xD800, 0]].concat();
    let path = path.into_iter().filter(|unit| *unit != 0).chain([0]).collect();
    let given = Given { text: path, ..boot("", 2) };
    assert_eq!(call(Function::MountImage, &given), Hresult::S_OK);
    assert_eq!([shutdown(), initialize()], [Hresult::S_OK; 2]);
    for index in [2, 1] {
        let mount = boot("elsewhere", index);
        assert_eq!(call(Function::MountImage, &mount).number(), 0xC142_0127);
    }
    let list = Given::new(0, "");
    assert_eq!(call(Function::GetMountedImageInfo, &list), Hresult::S_OK);
    assert_eq!(list.number_at(1), 1);
    // SAFETY: one structure was just handed out, and its texts live as long.
    unsafe {
        let path = first::<DismMountedImageInfo>(list.outs()[0]).MountPath;
        let none = ptr::null_mut();
        assert_eq!(DismUnmountImage(path, DISM_DISCARD_IMAGE, none, None, none), 0);
    }
    assert_eq!(call(Function::MountImage, &boot("elsewhere", 1)), Hresult::S_OK);
}

/// I6: a mount and an unmount that fail in effect.
#[test]
fn a_mount_can_fail_and_take_effect() {
    let process = up(Contract::Documented);
    for (function, mounted_then) in [(Function::MountImage, 1), (Function::UnmountImage, 0)] {
        let rule = Rule::on(function).fail_in_effect(BUSY).times(1);
        let _rule = process.emulator().script(rule);
        assert_eq!(call(function, &Given::new(0, IMAGE)), BUSY, "{function}");
        assert_eq!(mounted().len(), mounted_then, "{function}");
    }
}
