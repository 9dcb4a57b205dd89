//! The types of DismApi.h, under its names and with its layout.

use std::ffi::c_void;

use crate::call::Hresult;

/// `PCWSTR`: 16-bit units up to a 0, on every platform.
pub type PCWSTR = *const u16;
/// `HRESULT`.
pub type HRESULT = i32;
/// `BOOL`: 0 is no, everything else is yes.
pub type BOOL = i32;
/// `HANDLE`.
pub type HANDLE = *mut c_void;
/// A session's handle.
pub type DismSession = u32;

/// `DISM_PROGRESS_CALLBACK`: `Current`, `Total` and the `UserData` of the call.
pub type DismProgressCallback =
    Option<unsafe extern "system" fn(Current: u32, Total: u32, UserData: *mut c_void)>;

/// The one table of enumerations. They are numbers, since in C an enumeration can have any number.
macro_rules! enumerations {
    ($($(#[$doc:meta])+ $name:ident { $($value:ident = $number:literal),+ $(,)? })+) => {
        $(
            $(#[$doc])+
            pub type $name = i32;
            $(
                #[doc = concat!("A value of [`", stringify!($name), "`].")]
                pub const $value: $name = $number;
            )+
        )+
    };
}

enumerations! {
    /// How much is logged. The emulator logs nothing.
    DismLogLevel { DismLogErrors = 0, DismLogErrorsWarnings = 1, DismLogErrorsWarningsInfo = 2 }
    /// How an image in a file is identified.
    DismImageIdentifier { DismImageIndex = 0, DismImageName = 1 }
    /// How an image is mounted.
    DismMountMode { DismReadWrite = 0, DismReadOnly = 1 }
    /// What kind of file an image is in.
    DismImageType { DismImageTypeUnsupported = -1, DismImageTypeWim = 0, DismImageTypeVhd = 1 }
    /// Whether an image can be booted from.
    DismImageBootable {
        DismImageBootableYes = 0, DismImageBootableNo = 1, DismImageBootableUnknown = 2,
    }
    /// The state of a mounted image.
    DismMountStatus {
        DismMountStatusOk = 0, DismMountStatusNeedsRemount = 1, DismMountStatusInvalid = 2,
    }
    /// Whether an image's component store is in order.
    DismImageHealthState {
        DismImageHealthy = 0, DismImageRepairable = 1, DismImageNonRepairable = 2,
    }
    /// How a package is identified.
    DismPackageIdentifier { DismPackageNone = 0, DismPackageName = 1, DismPackagePath = 2 }
    /// The state of a package or a feature.
    DismPackageFeatureState {
        DismStateNotPresent = 0, DismStateUninstallPending = 1, DismStateStaged = 2,
        DismStateResolved = 3, DismStateRemoved = 3, DismStateInstalled = 4,
        DismStateInstallPending = 5, DismStateSuperseded = 6, DismStatePartiallyInstalled = 7,
    }
    /// What kind of package it is.
    DismReleaseType {
        DismReleaseTypeCriticalUpdate = 0, DismReleaseTypeDriver = 1,
        DismReleaseTypeFeaturePack = 2, DismReleaseTypeHotfix = 3,
        DismReleaseTypeSecurityUpdate = 4, DismReleaseTypeSoftwareUpdate = 5,
        DismReleaseTypeUpdate = 6, DismReleaseTypeUpdateRollup = 7,
        DismReleaseTypeLanguagePack = 8, DismReleaseTypeFoundation = 9,
        DismReleaseTypeServicePack = 10, DismReleaseTypeProduct = 11,
        DismReleaseTypeLocalPack = 12, DismReleaseTypeOther = 13,
        DismReleaseTypeOnDemandPack = 14,
    }
    /// Whether a restart is needed.
    DismRestartType { DismRestartNo = 0, DismRestartPossible = 1, DismRestartRequired = 2 }
    /// Whether a driver is signed.
    DismDriverSignature {
        DismDriverSignatureUnknown = 0, DismDriverSignatureUnsigned = 1,
        DismDriverSignatureSigned = 2,
    }
    /// Whether a package can be installed into an image that was never booted.
    DismFullyOfflineInstallableType {
        DismFullyOfflineInstallable = 0, DismFullyOfflineNotInstallable = 1,
        DismFullyOfflineInstallableUndetermined = 2,
    }
    /// How an app package that comes as a stub is installed.
    DismStubPackageOption {
        DismStubPackageOptionNone = 0, DismStubPackageOptionInstallFull = 1,
        DismStubPackageOptionInstallStub = 2,
    }
}

/// The number that is never a session.
pub const DISM_SESSION_DEFAULT: DismSession = 0;

/// The one table of flags and codes.
macro_rules! constants {
    ($($name:ident: $type:ty = $value:expr;)+) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of the header.")]
            pub const $name: $type = $value;
        )+
    };
}

constants! {
    DISM_MOUNT_READWRITE: u32 = 0;
    DISM_MOUNT_READONLY: u32 = 1;
    DISM_MOUNT_OPTIMIZE: u32 = 2;
    DISM_MOUNT_CHECK_INTEGRITY: u32 = 4;
    DISM_COMMIT_IMAGE: u32 = 0;
    DISM_DISCARD_IMAGE: u32 = 1;
    DISM_COMMIT_GENERATE_INTEGRITY: u32 = 0x0001_0000;
    DISM_COMMIT_APPEND: u32 = 0x0002_0000;
    DISM_COMMIT_MASK: u32 = 0xFFFF_0000;
    DISM_RESERVED_STORAGE_DISABLED: u32 = 0;
    DISM_RESERVED_STORAGE_ENABLED: u32 = 1;
}

pub(super) const fn hresult(code: Hresult) -> HRESULT {
    code.number() as HRESULT
}

/// The structures have no padding: `#pragma pack(1)` in the header.
macro_rules! structures {
    ($($(#[$doc:meta])+ $name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(
            $(#[$doc])+
            #[derive(Clone, Copy, Debug)]
            #[repr(C, packed)]
            #[allow(missing_docs, reason = "the header's fields, under the header's names")]
            pub struct $name {
                $(pub $field: $type,)+
            }
        )+
    };
}

/// A date and a time, from windows.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs, reason = "the header's fields, under the header's names")]
pub struct SYSTEMTIME {
    pub wYear: u16,
    pub wMonth: u16,
    pub wDayOfWeek: u16,
    pub wDay: u16,
    pub wHour: u16,
    pub wMinute: u16,
    pub wSecond: u16,
    pub wMilliseconds: u16,
}

structures! {
    /// A text.
    DismString { Value: PCWSTR }
    /// A mounted image.
    DismMountedImageInfo {
        MountPath: PCWSTR, ImageFilePath: PCWSTR, ImageIndex: u32, MountMode: DismMountMode,
        MountStatus: DismMountStatus,
    }
    /// A package, in a list.
    DismPackage {
        PackageName: PCWSTR, PackageState: DismPackageFeatureState, ReleaseType: DismReleaseType,
        InstallTime: SYSTEMTIME,
    }
    /// A feature, in a list.
    DismFeature { FeatureName: PCWSTR, State: DismPackageFeatureState }
    /// A capability, in a list.
    DismCapability { Name: PCWSTR, State: DismPackageFeatureState }
    /// A property that only some packages have.
    DismCustomProperty { Name: PCWSTR, Value: PCWSTR, Path: PCWSTR }
    /// All about a feature.
    DismFeatureInfo {
        FeatureName: PCWSTR, FeatureState: DismPackageFeatureState, DisplayName: PCWSTR,
        Description: PCWSTR, RestartRequired: DismRestartType,
        CustomProperty: *mut DismCustomProperty, CustomPropertyCount: u32,
    }
    /// All about a capability.
    DismCapabilityInfo {
        Name: PCWSTR, State: DismPackageFeatureState, DisplayName: PCWSTR, Description: PCWSTR,
        DownloadSize: u32, InstallSize: u32,
    }
    /// All about a package.
    DismPackageInfo {
        PackageName: PCWSTR, PackageState: DismPackageFeatureState, ReleaseType: DismReleaseType,
        InstallTime: SYSTEMTIME, Applicable: BOOL, Copyright: PCWSTR, Company: PCWSTR,
        CreationTime: SYSTEMTIME, DisplayName: PCWSTR, Description: PCWSTR,
        InstallClient: PCWSTR, InstallPackageName: PCWSTR, LastUpdateTime: SYSTEMTIME,
        ProductName: PCWSTR, ProductVersion: PCWSTR, RestartRequired: DismRestartType,
        FullyOffline: DismFullyOfflineInstallableType, SupportInformation: PCWSTR,
        CustomProperty: *mut DismCustomProperty, CustomPropertyCount: u32,
        Feature: *mut DismFeature, FeatureCount: u32,
    }
    /// All about a package, and the capability that it belongs to.
    DismPackageInfoEx { Info: DismPackageInfo, CapabilityId: PCWSTR }
    /// A driver package.
    DismDriverPackage {
        PublishedName: PCWSTR, OriginalFileName: PCWSTR, InBox: BOOL, CatalogFile: PCWSTR,
        ClassName: PCWSTR, ClassGuid: PCWSTR, ClassDescription: PCWSTR, BootCritical: BOOL,
        DriverSignature: DismDriverSignature, ProviderName: PCWSTR, Date: SYSTEMTIME,
        MajorVersion: u32, MinorVersion: u32, Build: u32, Revision: u32,
    }
    /// One piece of hardware that a driver package is for.
    DismDriver {
        ManufacturerName: PCWSTR, HardwareDescription: PCWSTR, HardwareId: PCWSTR,
        Architecture: u32, ServiceName: PCWSTR, CompatibleIds: PCWSTR, ExcludeIds: PCWSTR,
    }
    /// An app package.
    DismAppxPackage {
        PackageName: PCWSTR, DisplayName: PCWSTR, PublisherId: PCWSTR, MajorVersion: u32,
        MinorVersion: u32, Build: u32, RevisionNumber: u32, Architecture: u32,
        ResourceId: PCWSTR, InstallLocation: PCWSTR, Region: PCWSTR,
    }
    /// What else a WIM file says about an image.
    DismWimCustomizedInfo {
        Size: u32, DirectoryCount: u32, FileCount: u32, CreatedTime: SYSTEMTIME,
        ModifiedTime: SYSTEMTIME,
    }
    /// An image in a file.
    DismImageInfo {
        ImageType: DismImageType, ImageIndex: u32, ImageName: PCWSTR, ImageDescription: PCWSTR,
        ImageSize: u64, Architecture: u32, ProductName: PCWSTR, EditionId: PCWSTR,
        InstallationType: PCWSTR, Hal: PCWSTR, ProductType: PCWSTR, ProductSuite: PCWSTR,
        MajorVersion: u32, MinorVersion: u32, Build: u32, SpBuild: u32, SpLevel: u32,
        Bootable: DismImageBootable, SystemRoot: PCWSTR, Language: *mut DismLanguage,
        LanguageCount: u32, DefaultLanguageIndex: u32, CustomizedInfo: *mut c_void,
    }
}

/// A language, by its name.
pub type DismLanguage = DismString;
