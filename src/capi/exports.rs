//! The functions of DismApi.h: a table, and nothing else.

use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr;

use super::answer::answer;
use super::info::*;
use super::memory::{write, write_empty};
use super::types::*;
use super::wide::{optional_path, optional_text, path};
use crate::call::arguments::Placement;
use crate::call::{
    Call, CommitFlags, Function, ImageIdentifier, ImagePath, MountFlags, MountImage, Session, Text,
};
use crate::machine::request;

/// A row has the C signature, its [`Function`], what names the thing that it is about, the pointers
/// that must not be NULL, and what it does with the call. An argument that a row does not mention has
/// no effect.
macro_rules! exports {
    ($(
        $(#[$doc:meta])+
        fn $name:ident($($argument:ident: $type:ty),* $(,)?)
            as $function:ident
            $(on [$name_of:ident $(if $named:expr)?])?
            $(requires [$($pointer:ident $(if $condition:expr)?),+])?
            => |$call:ident| $answer:expr;
    )+) => {
        $(
            $(#[$doc])+
            ///
            /// # Safety
            ///
            /// As in C: each pointer is NULL, or valid for what the header says about it until the
            /// call returns.
            #[unsafe(no_mangle)]
            #[allow(
                unsafe_op_in_unsafe_fn,
                reason = "as in C, the caller vouches for what a row does with a pointer"
            )]
            #[allow(unused_variables, reason = "the emulator does not look at every argument")]
            #[allow(clippy::too_many_arguments, reason = "the header's lists")]
            pub unsafe extern "system" fn $name($($argument: $type),*) -> HRESULT {
                let name: Option<Cow<'_, [u16]>> = None$(.or_else(|| {
                    $(if !($named) {
                        return None;
                    })?
                    optional_text($name_of)
                }))?;
                answer(Function::$function, name.as_deref(), |$call| {
                    $($(
                        if $pointer.is_null() $(&& $condition)? {
                            return $call.refuse();
                        }
                    )+)?
                    $answer
                })
            }
        )+
    };
}

exports! {
    /// `DismInitialize` (rules I1 to I6). The log level and the paths go into the journal, and a
    /// program that is not a test gets its log file.
    fn DismInitialize(LogLevel: DismLogLevel, LogFilePath: PCWSTR, ScratchDirectory: PCWSTR)
        as Initialize
        => |call| {
            let (log_file, scratch) = (optional_text(LogFilePath), optional_text(ScratchDirectory));
            let taken = call.take(&request::InitializeWith {
                log_level: LogLevel as u32,
                log_file: Text::wide(log_file.as_deref()),
                scratch_directory: Text::wide(scratch.as_deref()),
            });
            let code = taken.code()?;
            call.initialized(&taken, log_file.as_deref());
            Ok(code)
        };

    /// `DismShutdown` (rules S1 to S7).
    fn DismShutdown()
        as Shutdown
        => |call| {
            let code = call.take(&request::Shutdown).code();
            call.shut_down();
            code
        };

    /// `DismOpenSession` (rules O1 to O8).
    fn DismOpenSession(
        ImagePath: PCWSTR, WindowsDirectory: PCWSTR, SystemDrive: PCWSTR,
        Session: *mut DismSession,
    )
        as OpenSession requires [ImagePath, Session]
        => |call| {
            let placement = Placement {
                windows_directory: optional_path(WindowsDirectory),
                system_drive: optional_path(SystemDrive),
            };
            let placement = Some(placement).filter(|it| *it != Placement::default());
            let path = path(ImagePath);
            let request = request::OpenSession::new(path.as_ref(), placement.as_ref());
            let opened = call.take(&request);
            let code = opened.code()?;
            write(Session, opened.session()?.raw());
            Ok(code)
        };

    /// `DismCloseSession` (rules C1 to C9).
    fn DismCloseSession(Session: DismSession)
        as CloseSession
        => |call| call.dism().close_session(Session::from_raw(Session));

    /// `DismGetLastErrorMessage` (rules E1 to E5).
    fn DismGetLastErrorMessage(ErrorMessage: *mut *mut DismString)
        as GetLastErrorMessage requires [ErrorMessage]
        => |call| {
            let taken = call.take(&Call::GetLastErrorMessage);
            let code = taken.code()?;
            let text = match taken.last_error()? {
                Some(error) => call.hand_out(message(error))?,
                None => ptr::null_mut(),
            };
            write(ErrorMessage, text.cast());
            Ok(code)
        };

    /// `DismDelete` (rules D1 to D4).
    fn DismDelete(DismStructure: *mut c_void)
        as Delete
        => |call| call.delete(DismStructure);

    /// `DismMountImage` (rules N1, N2, N4 to N7). Progress is reported before the image is mounted.
    fn DismMountImage(
        ImageFilePath: PCWSTR, MountPath: PCWSTR, ImageIndex: u32, ImageName: PCWSTR,
        ImageIdentifier: DismImageIdentifier, Flags: u32,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as MountImage
        requires [ImageFilePath, MountPath]
        => |call| {
            let image = match ImageIdentifier {
                DismImageIndex => ImageIdentifier::Index(ImageIndex),
                // NULL is no name, and so is refused as an empty one, in its turn (rule N4).
                DismImageName => {
                    ImageIdentifier::Name(optional_path(ImageName).unwrap_or(ImagePath::new("")))
                }
                unknown => ImageIdentifier::Unknown(unknown),
            };
            let flags = MountFlags::from_bits_retain(Flags);
            let (file, path) = (path(ImageFilePath), path(MountPath));
            let mount = MountImage { path, file, image, flags };
            call.take_with_progress(Call::MountImage(mount), CancelEvent, Progress, UserData)
        };

    /// `DismUnmountImage` (rules N1 to N3, N5, N6, N8). Progress is reported before the image is
    /// unmounted.
    fn DismUnmountImage(
        MountPath: PCWSTR, Flags: u32,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as UnmountImage requires [MountPath]
        => |call| {
            let flags = CommitFlags::from_bits_retain(Flags);
            let unmount = Call::UnmountImage { path: path(MountPath), flags };
            call.take_with_progress(unmount, CancelEvent, Progress, UserData)
        };

    /// `DismRemountImage` (rules N1 to N3).
    fn DismRemountImage(MountPath: PCWSTR)
        as RemountImage requires [MountPath]
        => |call| call.take(&Call::RemountImage { path: path(MountPath) }).code();

    /// `DismGetMountedImageInfo` (rules N1, N4).
    fn DismGetMountedImageInfo(
        MountedImageInfo: *mut *mut DismMountedImageInfo, Count: *mut u32,
    )
        as GetMountedImageInfo requires [MountedImageInfo, Count]
        => |call| {
            let (taken, mounted) = call.dism().take_mounted_images();
            let code = taken.code()?;
            let images = match mounted.len() {
                0 => ptr::null_mut(),
                _ => call.hand_out(mounted_images(&mounted))?,
            };
            write(MountedImageInfo, images.cast());
            write(Count, mounted.len() as u32);
            Ok(code)
        };

    /// `DismGetImageInfo` (rule N1): no file has any image.
    fn DismGetImageInfo(
        ImageFilePath: PCWSTR, ImageInfo: *mut *mut DismImageInfo, Count: *mut u32,
    )
        as GetImageInfo requires [ImageFilePath, ImageInfo, Count]
        => |call| {
            let file = path(ImageFilePath);
            let code = call.take(&Call::GetImageInfo { file }).code()?;
            write_empty(ImageInfo, Count);
            Ok(code)
        };

    /// `DismCleanupMountpoints` (rule N1): nothing that is mounted is ever damaged.
    fn DismCleanupMountpoints()
        as CleanupMountpoints
        => |call| call.take(&Call::CleanupMountpoints).code();

    /// `DismCommitImage` (rules P1, N5, N6).
    fn DismCommitImage(
        Session: DismSession, Flags: u32,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as CommitImage
        => |call| {
            let call = call.with_flags(CommitFlags::from_bits_retain(Flags));
            call.operate_with_progress(Session, CancelEvent, Progress, UserData)
        };

    /// `DismCheckImageHealth`: an image is healthy.
    fn DismCheckImageHealth(
        Session: DismSession, ScanImage: BOOL,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
        ImageHealth: *mut DismImageHealthState,
    )
        as CheckImageHealth requires [ImageHealth]
        => |call| {
            let code = call.operate_with_progress(Session, CancelEvent, Progress, UserData)?;
            write(ImageHealth, DismImageHealthy);
            Ok(code)
        };

    /// `DismRestoreImageHealth`.
    fn DismRestoreImageHealth(
        Session: DismSession, SourcePaths: *const PCWSTR, SourcePathCount: u32, LimitAccess: BOOL,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as RestoreImageHealth requires [SourcePaths if SourcePathCount > 0]
        => |call| call.operate_with_progress(Session, CancelEvent, Progress, UserData);

    /// `DismAddPackage`.
    fn DismAddPackage(
        Session: DismSession, PackagePath: PCWSTR, IgnoreCheck: BOOL, PreventPending: BOOL,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as AddPackage on [PackagePath] requires [PackagePath]
        => |call| call.operate_with_progress(Session, CancelEvent, Progress, UserData);

    /// `DismRemovePackage`.
    fn DismRemovePackage(
        Session: DismSession, Identifier: PCWSTR, PackageIdentifier: DismPackageIdentifier,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as RemovePackage on [Identifier] requires [Identifier]
        => |call| call.operate_with_progress(Session, CancelEvent, Progress, UserData);

    /// `DismEnableFeature`.
    fn DismEnableFeature(
        Session: DismSession, FeatureName: PCWSTR,
        Identifier: PCWSTR, PackageIdentifier: DismPackageIdentifier, LimitAccess: BOOL,
        SourcePaths: *const PCWSTR, SourcePathCount: u32, EnableAll: BOOL,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as EnableFeature on [FeatureName]
        requires [
            FeatureName,
            Identifier if PackageIdentifier != DismPackageNone,
            SourcePaths if SourcePathCount > 0
        ]
        => |call| call.operate_with_progress(Session, CancelEvent, Progress, UserData);

    /// `DismDisableFeature`.
    fn DismDisableFeature(
        Session: DismSession, FeatureName: PCWSTR, PackageName: PCWSTR, RemovePayload: BOOL,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as DisableFeature on [FeatureName] requires [FeatureName]
        => |call| call.operate_with_progress(Session, CancelEvent, Progress, UserData);

    /// `DismAddCapability`.
    fn DismAddCapability(
        Session: DismSession, Name: PCWSTR, LimitAccess: BOOL,
        SourcePaths: *const PCWSTR, SourcePathCount: u32,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as AddCapability on [Name] requires [Name, SourcePaths if SourcePathCount > 0]
        => |call| call.operate_with_progress(Session, CancelEvent, Progress, UserData);

    /// `DismRemoveCapability`.
    fn DismRemoveCapability(
        Session: DismSession, Name: PCWSTR,
        CancelEvent: HANDLE, Progress: DismProgressCallback, UserData: *mut c_void,
    )
        as RemoveCapability on [Name] requires [Name]
        => |call| call.operate_with_progress(Session, CancelEvent, Progress, UserData);

    /// `DismApplyUnattend`.
    fn DismApplyUnattend(Session: DismSession, UnattendFile: PCWSTR, SingleSession: BOOL)
        as ApplyUnattend on [UnattendFile] requires [UnattendFile]
        => |call| call.operate(Session);

    /// `DismAddDriver`.
    fn DismAddDriver(Session: DismSession, DriverPath: PCWSTR, ForceUnsigned: BOOL)
        as AddDriver on [DriverPath] requires [DriverPath]
        => |call| call.operate(Session);

    /// `DismRemoveDriver`.
    fn DismRemoveDriver(Session: DismSession, DriverPath: PCWSTR)
        as RemoveDriver on [DriverPath] requires [DriverPath]
        => |call| call.operate(Session);

    /// `DismGetReservedStorageState`: an empty image reserves nothing.
    fn DismGetReservedStorageState(Session: DismSession, State: *mut u32)
        as GetReservedStorageState requires [State]
        => |call| {
            let code = call.operate(Session)?;
            write(State, DISM_RESERVED_STORAGE_DISABLED);
            Ok(code)
        };

    /// `DismSetReservedStorageState`.
    fn DismSetReservedStorageState(Session: DismSession, State: u32)
        as SetReservedStorageState
        => |call| call.operate(Session);

    /// `DismGetPackages`: none.
    fn DismGetPackages(Session: DismSession, Package: *mut *mut DismPackage, Count: *mut u32)
        as GetPackages requires [Package, Count]
        => |call| call.list(Session, Package, Count);

    /// `DismGetFeatures`: none.
    fn DismGetFeatures(
        Session: DismSession, Identifier: PCWSTR, PackageIdentifier: DismPackageIdentifier,
        Feature: *mut *mut DismFeature, Count: *mut u32,
    )
        as GetFeatures on [Identifier if PackageIdentifier != DismPackageNone]
        requires [Identifier if PackageIdentifier != DismPackageNone, Feature, Count]
        => |call| call.list(Session, Feature, Count);

    /// `DismGetDrivers`: none.
    fn DismGetDrivers(
        Session: DismSession, AllDrivers: BOOL,
        DriverPackage: *mut *mut DismDriverPackage, Count: *mut u32,
    )
        as GetDrivers requires [DriverPackage, Count]
        => |call| call.list(Session, DriverPackage, Count);

    /// `DismGetCapabilities`: none.
    fn DismGetCapabilities(
        Session: DismSession, Capability: *mut *mut DismCapability, Count: *mut u32,
    )
        as GetCapabilities requires [Capability, Count]
        => |call| call.list(Session, Capability, Count);

    /// `DismGetPackageInfo`: there is no such package.
    fn DismGetPackageInfo(
        Session: DismSession, Identifier: PCWSTR, PackageIdentifier: DismPackageIdentifier,
        PackageInfo: *mut *mut DismPackageInfo,
    )
        as GetPackageInfo on [Identifier] requires [Identifier, PackageInfo]
        => |call| call.look_up(Session, UNKNOWN_PACKAGE, PackageInfo, package_info);

    /// `DismGetPackageInfoEx`: there is no such package.
    fn DismGetPackageInfoEx(
        Session: DismSession, Identifier: PCWSTR, PackageIdentifier: DismPackageIdentifier,
        PackageInfoEx: *mut *mut DismPackageInfoEx,
    )
        as GetPackageInfoEx on [Identifier] requires [Identifier, PackageInfoEx]
        => |call| call.look_up(Session, UNKNOWN_PACKAGE, PackageInfoEx, package_info_ex);

    /// `DismGetFeatureInfo`: there is no such feature.
    fn DismGetFeatureInfo(
        Session: DismSession, FeatureName: PCWSTR,
        Identifier: PCWSTR, PackageIdentifier: DismPackageIdentifier,
        FeatureInfo: *mut *mut DismFeatureInfo,
    )
        as GetFeatureInfo on [FeatureName]
        requires [FeatureName, Identifier if PackageIdentifier != DismPackageNone, FeatureInfo]
        => |call| call.look_up(Session, UNKNOWN_FEATURE, FeatureInfo, feature_info);

    /// `DismGetCapabilityInfo`: there is no such capability.
    fn DismGetCapabilityInfo(
        Session: DismSession, Name: PCWSTR, Info: *mut *mut DismCapabilityInfo,
    )
        as GetCapabilityInfo on [Name] requires [Name, Info]
        => |call| call.look_up(Session, UNKNOWN_FEATURE, Info, capability_info);

    /// `DismGetFeatureParent`: there is no such feature.
    fn DismGetFeatureParent(
        Session: DismSession, FeatureName: PCWSTR,
        Identifier: PCWSTR, PackageIdentifier: DismPackageIdentifier,
        Feature: *mut *mut DismFeature, Count: *mut u32,
    )
        as GetFeatureParent on [FeatureName]
        requires [FeatureName, Identifier if PackageIdentifier != DismPackageNone, Feature, Count]
        => |call| {
            let code = call.begin(Session)?.end_with(UNKNOWN_FEATURE)?;
            write_empty(Feature, Count);
            Ok(code)
        };

    /// `DismGetDriverInfo`: there is no such driver. The driver package is handed out unless
    /// `DriverPackage` is NULL.
    fn DismGetDriverInfo(
        Session: DismSession, DriverPath: PCWSTR,
        Driver: *mut *mut DismDriver, Count: *mut u32,
        DriverPackage: *mut *mut DismDriverPackage,
    )
        as GetDriverInfo on [DriverPath] requires [DriverPath, Driver, Count]
        => |call| {
            let code = call.look_up(Session, UNKNOWN_DRIVER, DriverPackage, driver_package)?;
            write_empty(Driver, Count);
            Ok(code)
        };

    /// `_DismAddProvisionedAppxPackage`. The same under the name without underscore.
    fn _DismAddProvisionedAppxPackage(
        Session: DismSession, AppPath: PCWSTR,
        DependencyPackages: *const PCWSTR, DependencyPackageCount: u32,
        OptionalPackages: *const PCWSTR, OptionalPackageCount: u32,
        LicensePaths: *const PCWSTR, LicensePathCount: u32, SkipLicense: BOOL,
        CustomDataPath: PCWSTR, Region: PCWSTR, stubPackageOption: DismStubPackageOption,
    )
        as AddProvisionedAppxPackage on [AppPath]
        requires [
            AppPath,
            DependencyPackages if DependencyPackageCount > 0,
            OptionalPackages if OptionalPackageCount > 0,
            LicensePaths if LicensePathCount > 0
        ]
        => |call| call.operate(Session);

    /// `_DismGetProvisionedAppxPackages`: none. The same under the name without underscore.
    fn _DismGetProvisionedAppxPackages(
        Session: DismSession, Package: *mut *mut DismAppxPackage, Count: *mut u32,
    )
        as GetProvisionedAppxPackages requires [Package, Count]
        => |call| call.list(Session, Package, Count);

    /// `_DismRemoveProvisionedAppxPackage`. The same under the name without underscore.
    fn _DismRemoveProvisionedAppxPackage(Session: DismSession, PackageName: PCWSTR)
        as RemoveProvisionedAppxPackage on [PackageName] requires [PackageName]
        => |call| call.operate(Session);

    /// `_DismExportDriver`. There is no name without underscore.
    fn _DismExportDriver(Session: DismSession, Destination: PCWSTR)
        as ExportDriver on [Destination] requires [Destination]
        => |call| call.operate(Session);
}

/// Does nothing, but no shared library has it. So a linker that needs it takes the functions of
/// this file from this crate, too, even if it has already found their names in a `DismApi` library.
#[inline(never)]
pub(super) fn linked() {}

/// Functions that newer builds export under a second name, too.
macro_rules! second_names {
    ($(
        $(#[$doc:meta])+
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) as $first:ident;
    )+) => {
        $(
            $(#[$doc])+
            ///
            /// # Safety
            ///
            #[doc = concat!("That of [`", stringify!($first), "`].")]
            #[unsafe(no_mangle)]
            #[allow(clippy::too_many_arguments, reason = "the header's lists")]
            pub unsafe extern "system" fn $name($($argument: $type),*) -> HRESULT {
                // SAFETY: guaranteed by the caller.
                unsafe { $first($($argument),*) }
            }
        )+
    };
}

second_names! {
    /// `DismAddProvisionedAppxPackage`. The same as with an underscore.
    fn DismAddProvisionedAppxPackage(
        Session: DismSession, AppPath: PCWSTR,
        DependencyPackages: *const PCWSTR, DependencyPackageCount: u32,
        OptionalPackages: *const PCWSTR, OptionalPackageCount: u32,
        LicensePaths: *const PCWSTR, LicensePathCount: u32, SkipLicense: BOOL,
        CustomDataPath: PCWSTR, Region: PCWSTR, stubPackageOption: DismStubPackageOption,
    )
        as _DismAddProvisionedAppxPackage;

    /// `DismGetProvisionedAppxPackages`: none. The same as with an underscore.
    fn DismGetProvisionedAppxPackages(
        Session: DismSession, Package: *mut *mut DismAppxPackage, Count: *mut u32,
    )
        as _DismGetProvisionedAppxPackages;

    /// `DismRemoveProvisionedAppxPackage`. The same as with an underscore.
    fn DismRemoveProvisionedAppxPackage(Session: DismSession, PackageName: PCWSTR)
        as _DismRemoveProvisionedAppxPackage;
}
