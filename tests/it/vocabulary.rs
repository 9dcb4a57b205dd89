//! How calls, codes and errors are shown.

use dism_emu::machine::Call;
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Error, Function, Hresult, ImagePath, InvalidArgument, OpenSession,
    Session, ThreadNumber,
};

use crate::support::IMAGE;

#[test]
fn calls_read_well() {
    let thread = ThreadNumber::new(7);
    assert_eq!((thread.number(), thread.to_string()), (7, "t7".to_owned()));
    let shown = |open: OpenSession| Call::OpenSession(open).to_string();
    assert_eq!(shown(OpenSession::new(DISM_ONLINE_IMAGE)), "open online");
    let placed = OpenSession::new(IMAGE).windows_directory("W").system_drive("S:");
    assert_eq!(shown(placed), r#"open "C:\mount" windows directory "W" system drive "S:""#);
    let session = Session::from_raw(2);
    let begin = Call::begin(session, Function::ExportDriver);
    assert_eq!(begin.to_string(), "begin _DismExportDriver on session 2");
    let end = Call::EndOperation { session, result: Hresult::new(3010) };
    let shown = "end the operation on session 2 with 0x00000BC2 (ERROR_SUCCESS_REBOOT_REQUIRED)";
    assert_eq!(end.to_string(), shown);
}

/// The contract's table of values, written a second time.
#[test]
fn numbers_are_those_of_the_header() {
    let table = [
        (0, "S_OK", false),
        (1, "S_FALSE", true),
        (3010, "ERROR_SUCCESS_REBOOT_REQUIRED", false),
        (0xC004_0001, "DISMAPI_E_DISMAPI_NOT_INITIALIZED", true),
        (0xC004_0002, "DISMAPI_E_SHUTDOWN_IN_PROGRESS", true),
        (0xC004_0003, "DISMAPI_E_OPEN_SESSION_HANDLES", true),
        (0xC004_0004, "DISMAPI_E_INVALID_DISM_SESSION", true),
        (0xC004_0005, "DISMAPI_E_INVALID_IMAGE_INDEX", true),
        (0xC004_0006, "DISMAPI_E_INVALID_IMAGE_NAME", true),
        (0xC004_0007, "DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH", true),
        (0xC004_0009, "DISMAPI_E_LOGGING_DISABLED", true),
        (0xC004_000A, "DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH", true),
        (0xC004_000B, "DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH", true),
        (0xC004_000C, "DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH", true),
        (0xC004_000D, "DISMAPI_E_PARENT_FEATURE_DISABLED", true),
        (0xC004_000E, "DISMAPI_E_MUST_SPECIFY_ONLINE_IMAGE", true),
        (0xC004_000F, "DISMAPI_E_INVALID_PRODUCT_KEY", false),
        (0xC151_0114, "DISMAPI_E_NEEDS_REMOUNT", true),
        (0x800F_080C, "DISMAPI_E_UNKNOWN_FEATURE", false),
        (0x800F_0902, "DISMAPI_E_BUSY", false),
        (0x8007_02E4, "WIN32_ELEVATION_REQUIRED", false),
        (0x8007_00B7, "WIN32_ALREADY_EXISTS", false),
        (0x8007_04DF, "WIN32_ALREADY_INITIALIZED", false),
        (0x8007_0057, "E_INVALIDARG", false),
        (0x8007_000E, "E_OUTOFMEMORY", false),
        (0x8007_046B, "WIN32_POSSIBLE_DEADLOCK", false),
    ];
    for (number, name, has_text) in table {
        let code = Hresult::new(number);
        assert_eq!((code.name(), code.message().is_some()), (Some(name), has_text));
    }
    for gap in [2, 0xC004_0000, 0xC004_0008, 0xC004_0010] {
        assert_eq!(Hresult::new(gap).name(), None);
    }
    // The codes of the crate's own errors.
    assert_eq!(Error::NotInitialized.code(), Hresult::new(0xC004_0001));
    assert_eq!(Error::OpenSessionHandles.code(), Hresult::new(0xC004_0003));
    assert_eq!(Error::OutOfNumbers.code(), Hresult::new(0x8007_000E));
    assert_eq!(Error::from(InvalidArgument::EmptyPath).code(), Hresult::new(0x8007_0057));
    assert_eq!(Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS.number(), 0xC004_0002);
}

#[test]
fn names_and_texts_are_in_one_table() {
    let code = Hresult::DISMAPI_E_OPEN_SESSION_HANDLES;
    assert_eq!(
        format!("{code} {code:?}"),
        "0xC0040003 0xC0040003 (DISMAPI_E_OPEN_SESSION_HANDLES)"
    );
    assert_eq!(
        code.message(),
        Some("A DismShutdown was called while there were open DismSession handles")
    );
    assert_eq!(format!("{:?}", Hresult::new(0x8BAD_F00D)), "0x8BADF00D");
    assert_eq!(Hresult::new(0x8BAD_F00D).message(), None);
    assert_eq!(Hresult::DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED.name(), Some("S_FALSE"));
    assert_eq!(i32::from(code), -1_073_479_677);
    assert_eq!(Hresult::from_i32(-1_073_479_677), code);
    assert_eq!(u32::from(code), 0xC004_0003);
    for (number, is_success) in [(0, true), (0x7FFF_FFFF, true), (0x8000_0000, false)] {
        let code = Hresult::new(number);
        assert_eq!((code.is_success(), code.is_failure()), (is_success, !is_success));
    }
    assert_eq!(format!("{code:>12}|{code:<12}"), "  0xC0040003|0xC0040003  ");
}

/// `HRESULT_FROM_WIN32`.
#[test]
fn from_win32_wraps_win32_errors_and_keeps_other_numbers() {
    let wrapped = [(0, 0), (740, 0x8007_02E4), (0xFFFF, 0x8007_FFFF), (0x1_0005, 0x8007_0005)];
    let kept = [0x8000_0000, 0x8007_0005, 0xC004_0003, u32::MAX].map(|it| (it, it));
    for (error, number) in wrapped.into_iter().chain(kept) {
        assert_eq!(Hresult::from_win32(error), Hresult::new(number));
    }
    assert_eq!(Hresult::from_win32(740).name(), Some("WIN32_ELEVATION_REQUIRED"));
}

#[test]
fn an_error_converts_to_its_code_and_its_text_ends_with_it() {
    let session = Session::from_raw(7);
    let code = Hresult::DISMAPI_E_BUSY;
    let texts = [
        (Error::NotElevated, "the process is not elevated: 0x800702E4 (WIN32_ELEVATION_REQUIRED)"),
        (
            Error::InvalidSession { session, code: Hresult::E_INVALIDARG },
            "session 7 is not an open session: 0x80070057 (E_INVALIDARG)",
        ),
        (
            InvalidArgument::EmptyPath.into(),
            "the path of the image is empty: 0x80070057 (E_INVALIDARG)",
        ),
        (Error::Failed { code }, "the call failed: 0x800F0902 (DISMAPI_E_BUSY)"),
        (Error::Failed { code: Hresult::new(0x8BAD_F00D) }, "the call failed: 0x8BADF00D"),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
        // A chain of causes must not repeat a text.
        assert!(std::error::Error::source(&error).is_none(), "{error}");
        assert_eq!(Hresult::from(error), error.code());
        assert_eq!(i32::from(error), i32::from(error.code()));
    }
}

#[test]
fn the_name_of_a_contract_can_be_parsed() {
    assert_eq!(Contract::ALL, [Contract::Documented, Contract::Recorded]);
    for contract in Contract::ALL {
        let name = contract.to_string();
        for spelling in [name.to_lowercase(), name.to_uppercase(), name] {
            assert_eq!(spelling.parse(), Ok(contract));
        }
    }
    for other in ["", "both", "recorded "] {
        let refused = other.parse::<Contract>().unwrap_err();
        assert_eq!(refused.to_string(), "the contract is neither `documented` nor `recorded`");
    }
}

#[test]
fn a_call_has_its_function_and_its_session() {
    let session = Session::from_raw(2);
    let code = Hresult::S_OK;
    let calls = [
        (Call::Shutdown, Some(Function::Shutdown), None),
        (Call::GetMountedImageInfo, Some(Function::GetMountedImageInfo), None),
        (Call::CleanupMountpoints, Some(Function::CleanupMountpoints), None),
        (
            Call::GetImageInfo { file: ImagePath::new("image.wim") },
            Some(Function::GetImageInfo),
            None,
        ),
        (Call::FinishClose { session }, Some(Function::CloseSession), Some(session)),
        (Call::EndOperation { session, result: code }, None, Some(session)),
        (
            Call::Scripted { call: Box::new(Call::CloseSession { session }), answer: code.into() },
            Some(Function::CloseSession),
            Some(session),
        ),
    ];
    for (call, function, passed) in calls {
        assert_eq!((call.function(), call.session()), (function, passed), "{call}");
    }
}

/// A path is text of the client's: it cannot break a line, nor look like something else.
#[test]
fn a_path_is_shown_in_quotes_and_escaped_as_far_as_it_has_to_be() {
    let shown = [
        (r"C:\mount  a", r#""C:\mount  a""#),
        ("a\u{1b}[31m\t\u{2028}", r#""a\u{1b}[31m\u{9}\u{2028}""#),
        ("a\", file: \"b", r#""a\u{22}, file: \u{22}b""#),
        (r"a\u{22}", r#""a\u{5c}u{22}""#),
        ("\u{fffd}é", "\"\u{fffd}é\""),
    ];
    for (path, text) in shown {
        assert_eq!(format!("{:?}", ImagePath::new(path)), text);
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::OsStr::from_bytes(b"a\xFF");
        assert_eq!(format!("{:?}", ImagePath::new(path)), r#""a\x{FF}""#);
    }
}
