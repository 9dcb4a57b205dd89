//! The C side of the C functions, seen from Rust: the layout of every structure, the number behind
//! every name, the arguments of every function and the names that the library exports. Two files
//! connect C and Rust: `tests/c/run` compares them with a C compiler's view of mingw-w64's
//! dismapi.h and with the built library, and this test compares them with the crate.

#![allow(missing_docs, reason = "tests")]
// Addresses have eight bytes in the tables.
#![cfg(target_pointer_width = "64")]

use std::collections::BTreeSet;
use std::mem::offset_of;

use dism_emu::capi::ffi::*;
use dism_emu::{Function, Hresult};

/// What a C compiler makes of dismapi.h.
const HEADER: &str = include_str!("c/header.txt");

/// The names that the library exports, and no others.
const EXPORTS: &str = include_str!("c/exports.txt");

/// What mingw-w64's header does not have, written by hand from the layout of the genuine one.
const NEWER: &str = "\
structure DismAppxPackage 68
member DismAppxPackage PackageName 0 8
member DismAppxPackage DisplayName 8 8
member DismAppxPackage PublisherId 16 8
member DismAppxPackage MajorVersion 24 4
member DismAppxPackage MinorVersion 28 4
member DismAppxPackage Build 32 4
member DismAppxPackage RevisionNumber 36 4
member DismAppxPackage Architecture 40 4
member DismAppxPackage ResourceId 44 8
member DismAppxPackage InstallLocation 52 8
member DismAppxPackage Region 60 8
number DismStubPackageOptionNone 0x00000000
number DismStubPackageOptionInstallFull 0x00000001
number DismStubPackageOptionInstallStub 0x00000002
number DISM_RESERVED_STORAGE_DISABLED 0x00000000
number DISM_RESERVED_STORAGE_ENABLED 0x00000001
function DismGetReservedStorageState 4 8
function DismSetReservedStorageState 4 4
function _DismAddProvisionedAppxPackage 4 8 8 4 8 4 8 4 4 8 8 4
function _DismGetProvisionedAppxPackages 4 8 8
function _DismRemoveProvisionedAppxPackage 4 8
function _DismExportDriver 4 8
function DismAddProvisionedAppxPackage 4 8 8 4 8 4 8 4 4 8 8 4
function DismGetProvisionedAppxPackages 4 8 8
function DismRemoveProvisionedAppxPackage 4 8
";

/// Returns the size of a member, from the type that its reader returns.
fn size_of_member<T, M>(_: impl Fn(&T) -> M) -> usize {
    size_of::<M>()
}

macro_rules! structures {
    ($lines:ident: $($name:ident { $($member:ident $(. $of_base:ident)?),+ $(,)? })+) => {
        $(
            $lines.insert(format!("structure {} {}", stringify!($name), size_of::<$name>()));
            $({
                let member = stringify!($member $(. $of_base)?);
                $lines.insert(format!(
                    "member {} {} {} {}",
                    stringify!($name),
                    // In C the base's members are the structure's own.
                    member.rsplit(['.', ' ']).next().unwrap_or(member),
                    offset_of!($name, $member $(. $of_base)?),
                    size_of_member(|it: &$name| it.$member $(. $of_base)?),
                ));
            })+
        )+
    };
}

macro_rules! numbers {
    ($lines:ident: $($name:ident),+ $(,)?) => {
        $($lines.insert(format!("number {} {:#010X}", stringify!($name), $name));)+
    };
}

macro_rules! codes {
    ($lines:ident: $($name:ident),+ $(,)?) => {
        $($lines.insert(format!("number {} {:#010X}", stringify!($name), u32::from(Hresult::$name)));)+
    };
}

/// An exported function, by its type.
trait Export {
    fn sizes(&self) -> Vec<usize>;
}

macro_rules! export {
    ($($argument:ident)*) => {
        impl<$($argument),*> Export for unsafe extern "system" fn($($argument),*) -> HRESULT {
            fn sizes(&self) -> Vec<usize> {
                vec![$(size_of::<$argument>()),*]
            }
        }
    };
}

export!();
export!(A);
export!(A B);
export!(A B C);
export!(A B C D);
export!(A B C D E);
export!(A B C D E F);
export!(A B C D E F G);
export!(A B C D E F G H);
export!(A B C D E F G H I);
export!(A B C D E F G H I J);
export!(A B C D E F G H I J K);
export!(A B C D E F G H I J K L);

macro_rules! functions {
    ($lines:ident: $($name:ident($($argument:tt)*)),+ $(,)?) => {
        $({
            let export: &dyn Export = &($name as unsafe extern "system" fn($($argument)*) -> HRESULT);
            let sizes = export.sizes().iter().map(|size| format!(" {size}")).collect::<String>();
            $lines.insert(format!("function {}{sizes}", stringify!($name)));
        })+
    };
}

fn structures() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    structures! { lines:
        SYSTEMTIME { wYear, wMonth, wDayOfWeek, wDay, wHour, wMinute, wSecond, wMilliseconds
        }
        DismString { Value }
        DismLanguage { Value }
        DismMountedImageInfo { MountPath, ImageFilePath, ImageIndex, MountMode, MountStatus
        }
        DismPackage { PackageName, PackageState, ReleaseType, InstallTime }
        DismFeature { FeatureName, State }
        DismCapability { Name, State }
        DismCustomProperty { Name, Value, Path }
        DismFeatureInfo { FeatureName, FeatureState, DisplayName, Description,
            RestartRequired, CustomProperty, CustomPropertyCount }
        DismCapabilityInfo { Name, State, DisplayName, Description, DownloadSize,
            InstallSize }
        DismPackageInfo { PackageName, PackageState, ReleaseType, InstallTime, Applicable,
            Copyright, Company, CreationTime, DisplayName, Description, InstallClient,
            InstallPackageName, LastUpdateTime, ProductName, ProductVersion,
            RestartRequired, FullyOffline, SupportInformation, CustomProperty,
            CustomPropertyCount, Feature, FeatureCount }
        DismPackageInfoEx { Info.PackageName, Info.PackageState, Info.ReleaseType,
            Info.InstallTime, Info.Applicable, Info.Copyright, Info.Company,
            Info.CreationTime, Info.DisplayName, Info.Description, Info.InstallClient,
            Info.InstallPackageName, Info.LastUpdateTime, Info.ProductName,
            Info.ProductVersion, Info.RestartRequired, Info.FullyOffline,
            Info.SupportInformation, Info.CustomProperty, Info.CustomPropertyCount,
            Info.Feature, Info.FeatureCount, CapabilityId }
        DismDriverPackage { PublishedName, OriginalFileName, InBox, CatalogFile, ClassName,
            ClassGuid, ClassDescription, BootCritical, DriverSignature, ProviderName, Date,
            MajorVersion, MinorVersion, Build, Revision }
        DismDriver { ManufacturerName, HardwareDescription, HardwareId, Architecture,
            ServiceName, CompatibleIds, ExcludeIds }
        DismWimCustomizedInfo { Size, DirectoryCount, FileCount, CreatedTime, ModifiedTime }
        DismImageInfo { ImageType, ImageIndex, ImageName, ImageDescription, ImageSize,
            Architecture, ProductName, EditionId, InstallationType, Hal, ProductType,
            ProductSuite, MajorVersion, MinorVersion, Build, SpBuild, SpLevel, Bootable,
            SystemRoot, Language, LanguageCount, DefaultLanguageIndex, CustomizedInfo }
        DismAppxPackage { PackageName, DisplayName, PublisherId, MajorVersion, MinorVersion,
            Build, RevisionNumber, Architecture, ResourceId, InstallLocation, Region }
    }
    lines
}

fn numbers() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    numbers! { lines:
        DismLogErrors, DismLogErrorsWarnings, DismLogErrorsWarningsInfo,
        DismImageIndex, DismImageName,
        DismReadWrite, DismReadOnly,
        DismImageTypeUnsupported, DismImageTypeWim, DismImageTypeVhd,
        DismImageBootableYes, DismImageBootableNo, DismImageBootableUnknown,
        DismMountStatusOk, DismMountStatusNeedsRemount, DismMountStatusInvalid,
        DismImageHealthy, DismImageRepairable, DismImageNonRepairable,
        DismPackageNone, DismPackageName, DismPackagePath,
        DismStateNotPresent, DismStateUninstallPending, DismStateStaged, DismStateResolved,
        DismStateRemoved, DismStateInstalled, DismStateInstallPending, DismStateSuperseded,
        DismStatePartiallyInstalled,
        DismReleaseTypeCriticalUpdate, DismReleaseTypeDriver, DismReleaseTypeFeaturePack,
        DismReleaseTypeHotfix, DismReleaseTypeSecurityUpdate, DismReleaseTypeSoftwareUpdate,
        DismReleaseTypeUpdate, DismReleaseTypeUpdateRollup, DismReleaseTypeLanguagePack,
        DismReleaseTypeFoundation, DismReleaseTypeServicePack, DismReleaseTypeProduct,
        DismReleaseTypeLocalPack, DismReleaseTypeOther, DismReleaseTypeOnDemandPack,
        DismRestartNo, DismRestartPossible, DismRestartRequired,
        DismDriverSignatureUnknown, DismDriverSignatureUnsigned, DismDriverSignatureSigned,
        DismFullyOfflineInstallable, DismFullyOfflineNotInstallable,
        DismFullyOfflineInstallableUndetermined,
        DISM_SESSION_DEFAULT, DISM_MOUNT_READWRITE, DISM_MOUNT_READONLY, DISM_MOUNT_OPTIMIZE,
        DISM_MOUNT_CHECK_INTEGRITY, DISM_COMMIT_IMAGE, DISM_DISCARD_IMAGE,
        DISM_COMMIT_GENERATE_INTEGRITY, DISM_COMMIT_APPEND, DISM_COMMIT_MASK,
        DismStubPackageOptionNone, DismStubPackageOptionInstallFull,
        DismStubPackageOptionInstallStub,
        DISM_RESERVED_STORAGE_DISABLED, DISM_RESERVED_STORAGE_ENABLED,
    }
    codes! { lines:
        DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED, DISMAPI_E_DISMAPI_NOT_INITIALIZED,
        DISMAPI_E_SHUTDOWN_IN_PROGRESS, DISMAPI_E_OPEN_SESSION_HANDLES,
        DISMAPI_E_INVALID_DISM_SESSION, DISMAPI_E_INVALID_IMAGE_INDEX, DISMAPI_E_INVALID_IMAGE_NAME,
        DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH, DISMAPI_E_LOGGING_DISABLED,
        DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH,
        DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH,
        DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH, DISMAPI_E_PARENT_FEATURE_DISABLED,
        DISMAPI_E_MUST_SPECIFY_ONLINE_IMAGE, DISMAPI_E_INVALID_PRODUCT_KEY, DISMAPI_E_NEEDS_REMOUNT,
        DISMAPI_E_UNKNOWN_FEATURE, DISMAPI_E_BUSY,
    }
    lines
}

fn functions() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    functions! { lines:
        DismAddCapability(_,_,_,_,_,_,_,_), DismAddDriver(_,_,_),
        DismAddPackage(_,_,_,_,_,_,_),
        DismAddProvisionedAppxPackage(_,_,_,_,_,_,_,_,_,_,_,_), DismApplyUnattend(_,_,_),
        DismCheckImageHealth(_,_,_,_,_,_), DismCleanupMountpoints(), DismCloseSession(_),
        DismCommitImage(_,_,_,_,_), DismDelete(_), DismDisableFeature(_,_,_,_,_,_,_),
        DismEnableFeature(_,_,_,_,_,_,_,_,_,_,_), DismGetCapabilities(_,_,_),
        DismGetCapabilityInfo(_,_,_), DismGetDriverInfo(_,_,_,_,_), DismGetDrivers(_,_,_,_),
        DismGetFeatureInfo(_,_,_,_,_), DismGetFeatureParent(_,_,_,_,_,_),
        DismGetFeatures(_,_,_,_,_), DismGetImageInfo(_,_,_), DismGetLastErrorMessage(_),
        DismGetMountedImageInfo(_,_), DismGetPackageInfo(_,_,_,_),
        DismGetPackageInfoEx(_,_,_,_), DismGetPackages(_,_,_),
        DismGetProvisionedAppxPackages(_,_,_), DismGetReservedStorageState(_,_),
        DismInitialize(_,_,_), DismMountImage(_,_,_,_,_,_,_,_,_), DismOpenSession(_,_,_,_),
        DismRemountImage(_), DismRemoveCapability(_,_,_,_,_), DismRemoveDriver(_,_),
        DismRemovePackage(_,_,_,_,_,_), DismRemoveProvisionedAppxPackage(_,_),
        DismRestoreImageHealth(_,_,_,_,_,_,_), DismSetReservedStorageState(_,_),
        DismShutdown(), DismUnmountImage(_,_,_,_,_),
        _DismAddProvisionedAppxPackage(_,_,_,_,_,_,_,_,_,_,_,_), _DismExportDriver(_,_),
        _DismGetProvisionedAppxPackages(_,_,_), _DismRemoveProvisionedAppxPackage(_,_),
    }
    lines
}

/// Returns the lines of the header's table, and of what it does not have, that begin with these
/// words.
fn expected(kinds: &[&str]) -> BTreeSet<String> {
    let lines = HEADER.lines().chain(NEWER.lines());
    lines
        .filter(|line| kinds.iter().any(|kind| line.starts_with(kind)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn structures_lie_in_memory_as_c_has_them() {
    assert_eq!(structures(), expected(&["structure ", "member "]));
}

#[test]
fn names_of_numbers_are_the_headers_numbers() {
    assert_eq!(numbers(), expected(&["number "]));
}

#[test]
fn functions_take_what_the_header_says() {
    assert_eq!(functions(), expected(&["function "]));
}

/// `#pragma pack(1)`, and no member is forgotten in the tables: each begins at the end of the last.
#[test]
fn members_leave_no_gap() {
    let lines: Vec<Vec<&str>> =
        HEADER.lines().chain(NEWER.lines()).map(|line| line.split(' ').collect()).collect();
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let mut structures = 0;
    for line in &lines {
        let &["structure", name, size] = &line[..] else { continue };
        let end = lines.iter().fold(0, |end, line| match line[..] {
            ["member", of, member, offset, size] if of == name => {
                assert_eq!(number(offset), end, "{name}.{member}");
                end + number(size)
            }
            _ => end,
        });
        assert_eq!(end, number(size), "{name}");
        structures += 1;
    }
    assert_eq!(structures, 17);
}

/// The genuine DLL has three names without underscore beside those with one, and none such for
/// `_DismExportDriver`.
#[test]
fn exports_are_the_functions_and_three_names_more() {
    let functions = Function::ALL.iter().map(|function| function.name());
    // Functions that no header declares are only in the DLL's log.
    let declared = functions.filter(|name| name.trim_start_matches('_').starts_with("Dism"));
    let without_underscore = [
        "DismAddProvisionedAppxPackage",
        "DismGetProvisionedAppxPackages",
        "DismRemoveProvisionedAppxPackage",
    ];
    let names: BTreeSet<&str> = declared.chain(without_underscore).collect();
    assert_eq!(names, EXPORTS.lines().collect());
}

/// No function is left out above.
#[test]
fn every_export_has_its_arguments_in_a_table() {
    let lines = functions();
    let names: BTreeSet<&str> = lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(names, EXPORTS.lines().collect());
}
