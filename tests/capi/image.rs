//! An empty image, what a rule lets look-ups find in it, and texts.

use std::ptr;

use dism_emu::capi::ffi::*;
use dism_emu::machine::{Call, Effect};
use dism_emu::{Contract, Function, Hresult, Rule};

use crate::c::{call, open, process, up};
use crate::exports::{EXPORTS, Given, code, first, text_at, units_at, unscripted, wide};
use crate::support::IMAGE;

/// Operations that return a list and its count.
const LISTS: &[Function] = &[
    Function::GetCapabilities,
    Function::GetDrivers,
    Function::GetFeatures,
    Function::GetPackages,
    Function::GetProvisionedAppxPackages,
];

#[test]
fn every_list_of_an_empty_image_is_empty() {
    let _process = up(Contract::Documented);
    let session = open(IMAGE);
    for export in EXPORTS.iter().filter(|it| LISTS.contains(&it.function)) {
        let given = Given::new(session, "");
        assert_eq!(code((export.call)(&given)), Hresult::S_OK, "{}", export.name);
        assert_eq!((given.outs()[0], given.number_at(1)), (0, 0), "{}", export.name);
    }
    for function in [Function::GetImageInfo, Function::GetMountedImageInfo] {
        let given = Given::new(0, "install.wim");
        assert_eq!(call(function, &given), Hresult::S_OK, "{function}");
        assert_eq!((given.outs()[0], given.number_at(1)), (0, 0), "{function}");
    }
}

#[test]
fn a_look_up_in_an_empty_image_fails_with_the_code_for_unknown() {
    let _process = up(Contract::Documented);
    let session = open(IMAGE);
    let mut failing = 0;
    for export in EXPORTS.iter().filter(|it| it.function.is_operation()) {
        let expected = match export.function {
            Function::CommitImage => continue, // P1: nothing is mounted
            function => unscripted(function),
        };
        let given = Given::new(session, "Name");
        assert_eq!(code((export.call)(&given)), expected, "{}", export.name);
        failing += usize::from(expected.is_failure());
        assert!(expected.is_success() || given.are_outs_untouched(), "{}", export.name);
    }
    assert_eq!(failing, 6);
}

#[test]
fn an_empty_image_is_healthy_and_reserves_nothing() {
    let _process = up(Contract::Documented);
    let given = Given::new(open(IMAGE), "");
    assert_eq!(call(Function::CheckImageHealth, &given), Hresult::S_OK);
    assert_eq!(given.number_at(0), DismImageHealthy as u32);
    let given = Given::new(open(IMAGE), "");
    assert_eq!(call(Function::GetReservedStorageState, &given), Hresult::S_OK);
    assert_eq!(given.number_at(0), DISM_RESERVED_STORAGE_DISABLED);
}

/// Returns the name in the structure that a look-up hands out, through the pointer number `at`.
fn found<T>(function: Function, at: usize, name: fn(T) -> PCWSTR) -> String {
    let process = up(Contract::Documented);
    let session = open(IMAGE);
    let _rule = process.emulator().script(Rule::on(function));
    let mut given = Given::new(session, "Bücher");
    assert_eq!(call(function, &given), Hresult::S_OK, "{function}");
    let address = given.outs()[at];
    // SAFETY: it was just handed out, with one structure of the type that the function returns.
    let text = unsafe { text_at(name(first::<T>(address))) };
    given.memory = ptr::with_exposed_provenance_mut(address);
    assert_eq!(call(Function::Delete, &given), Hresult::S_OK, "{function}");
    text
}

#[test]
fn a_rule_lets_a_look_up_find_what_it_was_asked_for() {
    let names = [
        found::<DismFeatureInfo>(Function::GetFeatureInfo, 0, |it| it.FeatureName),
        found::<DismCapabilityInfo>(Function::GetCapabilityInfo, 0, |it| it.Name),
        found::<DismPackageInfo>(Function::GetPackageInfo, 0, |it| it.PackageName),
        found::<DismPackageInfoEx>(Function::GetPackageInfoEx, 0, |it| it.Info.PackageName),
        found::<DismDriverPackage>(Function::GetDriverInfo, 2, |it| it.OriginalFileName),
    ];
    assert_eq!(names, ["Bücher"; 5]);
}

#[test]
fn an_image_is_named_by_what_the_identifier_says() {
    let process = up(Contract::Documented);
    let mount = |identifier, name: PCWSTR, index| {
        let (file, path) = (wide("install.wim"), wide(IMAGE));
        let none = ptr::null_mut();
        // SAFETY: texts that live here; NULL is allowed for the rest.
        code(unsafe {
            DismMountImage(
                file.as_ptr(),
                path.as_ptr(),
                index,
                name,
                identifier,
                0,
                none,
                None,
                none,
            )
        })
    };
    let name = wide("Pro");
    for identifier in [2, -1] {
        assert_eq!(mount(identifier, ptr::null(), 1), Hresult::E_INVALIDARG, "{identifier}");
    }
    assert_eq!(mount(DismImageName, ptr::null(), 1).number(), 0xC004_0006);
    assert_eq!(mount(DismImageIndex, name.as_ptr(), 0).number(), 0xC004_0005);
    assert_eq!(mount(DismImageName, name.as_ptr(), 0), Hresult::S_OK);
    let mounted = process.emulator().dism().mounted_images().unwrap();
    assert_eq!(mounted[0].image().to_string(), "image \"Pro\"");
}

/// Opens the path with these units. Returns the handle.
fn open_units(units: &[u16]) -> u32 {
    let mut given = Given::new(0, "");
    given.text = units.iter().copied().chain([0]).collect();
    assert_eq!(call(Function::OpenSession, &given), Hresult::S_OK);
    given.number_at(0)
}

#[test]
fn o6_paths_are_compared_as_16_bit_units() {
    let _process = up(Contract::Documented);
    let utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    let one = open_units(&utf16("C:\\bücher\\𐐨"));
    assert_eq!(open_units(&utf16("c:/BÜCHER/𐐀\\")), one);
    assert_ne!(open_units(&utf16("c:/BÜCHER")), one);
}

#[test]
fn o6_unpaired_surrogates_are_letters_like_others() {
    let _process = up(Contract::Documented);
    let [high, low] = [0xD800, 0xDC00];
    let one = open_units(&[0x61, high]);
    assert_eq!(open_units(&[0x41, high, 0x2F]), one); // A, and a separator
    let others = [&[0x61, low][..], &[0x61, high + 1], &[0x61, 0xFFFD], &[0x61]];
    let mut handles: Vec<_> = others.iter().map(|units| open_units(units)).collect();
    handles.push(one);
    // Both halves of a pair, side by side, are one letter.
    handles.push(open_units(&[0x61, high, low]));
    handles.sort_unstable();
    handles.dedup();
    assert_eq!(handles.len(), 6);
}

#[test]
fn a_path_comes_back_as_it_was_passed() {
    let _process = up(Contract::Documented);
    let units: Vec<u16> = vec![0x43, 0x3A, 0xD800, 0x5C, 0xDFFF, 0xDC00, 0xD83D, 0xDE00, 0xFFFD];
    let mut given = Given::new(0, "");
    given.text = units.iter().copied().chain([0]).collect();
    assert_eq!(call(Function::MountImage, &given), Hresult::S_OK);
    let given = Given::new(0, "");
    assert_eq!(call(Function::GetMountedImageInfo, &given), Hresult::S_OK);
    // SAFETY: it was just handed out, with one structure.
    let path = unsafe { units_at(first::<DismMountedImageInfo>(given.outs()[0]).MountPath) };
    assert_eq!(path, units);
}

#[test]
fn a_path_may_be_very_long() {
    let process = up(Contract::Documented);
    let long = "ä".repeat(100_000);
    let session = open(&long);
    assert_eq!(open(&long.to_uppercase()), session);
    assert_ne!(open(&long[2..]), session);
    let journal = process.emulator().journal();
    assert_eq!(
        journal.steps()[2].outcome,
        Ok(Effect::Opened { session: dism_emu::Session::from_raw(session), references: 2 })
    );
    let Call::OpenSession(opened) = &journal.steps()[1].call else { panic!() };
    assert_eq!(*opened.path().to_string_lossy(), *long);
}

#[test]
fn o4_the_online_image_takes_no_placement() {
    let _process = up(Contract::Documented);
    let open = |path: &str, directory: PCWSTR, drive: PCWSTR| {
        let (path, mut session) = (wide(path), 0_u32);
        // SAFETY: texts and a variable that live here, or NULL.
        code(unsafe { DismOpenSession(path.as_ptr(), directory, drive, &raw mut session) })
    };
    let (text, none) = (wide("Windows"), ptr::null());
    for (directory, drive) in [(text.as_ptr(), none), (none, text.as_ptr())] {
        let online = dism_emu::DISM_ONLINE_IMAGE;
        assert_eq!(open(online, directory, drive), Hresult::E_INVALIDARG);
        assert_eq!(open(IMAGE, directory, drive), Hresult::S_OK);
    }
}

#[test]
fn a_process_that_was_never_called_has_called_nothing() {
    assert_eq!(process(Contract::Documented).emulator().journal().steps(), []);
}
