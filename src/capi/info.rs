//! The structures that are handed out: messages, mounted images, and descriptions of things that an
//! empty image does not have.

use std::ptr;

use super::memory::Block;
use super::types::*;
use crate::call::{Hresult, ImageIdentifier, MountImage, MountMode};

/// Codes for things that an empty image does not have. The contract has one only for features, which
/// is that of capabilities, too.
pub(super) const UNKNOWN_FEATURE: Hresult = Hresult::DISMAPI_E_UNKNOWN_FEATURE;
pub(super) const UNKNOWN_PACKAGE: Hresult = Hresult::CBS_E_INVALID_PACKAGE;
pub(super) const UNKNOWN_DRIVER: Hresult = Hresult::WIN32_FILE_NOT_FOUND;

/// Returns the text from the DLL's message table, which ends in a full stop and a line break. For a
/// code that the table does not have, it is a sentence of this crate.
pub(super) fn message(code: Hresult) -> Block {
    let text = match code.message() {
        Some(text) => format!("{text}.\r\n"),
        None => format!("The function failed with the error {code}.\r\n"),
    };
    let units: Vec<u16> = text.encode_utf16().collect();
    Block::of(&[[&units]], |_, [Value]| DismString { Value })
}

pub(super) fn mounted_images(mounted: &[MountImage]) -> Block {
    let texts: Vec<_> = mounted.iter().map(|it| [it.path.to_wide(), it.file.to_wide()]).collect();
    let rows: Vec<[&[u16]; 2]> = texts.iter().map(|[path, file]| [&**path, &**file]).collect();
    Block::of(&rows, |at, [MountPath, ImageFilePath]| DismMountedImageInfo {
        MountPath,
        ImageFilePath,
        // An image that was mounted by its name has no number here, so it gets that of the first.
        ImageIndex: match mounted[at].image {
            ImageIdentifier::Index(index) => index,
            ImageIdentifier::Name(_) | ImageIdentifier::Unknown(_) => 1,
        },
        MountMode: match mounted[at].mode() {
            MountMode::ReadWrite => DismReadWrite,
            MountMode::ReadOnly => DismReadOnly,
        },
        MountStatus: DismMountStatusOk,
    })
}

pub(super) fn feature_info(FeatureName: PCWSTR, empty: PCWSTR) -> DismFeatureInfo {
    DismFeatureInfo {
        FeatureName,
        FeatureState: DismStateNotPresent,
        DisplayName: empty,
        Description: empty,
        RestartRequired: DismRestartNo,
        CustomProperty: ptr::null_mut(),
        CustomPropertyCount: 0,
    }
}

pub(super) fn capability_info(Name: PCWSTR, empty: PCWSTR) -> DismCapabilityInfo {
    DismCapabilityInfo {
        Name,
        State: DismStateNotPresent,
        DisplayName: empty,
        Description: empty,
        DownloadSize: 0,
        InstallSize: 0,
    }
}

pub(super) fn package_info(PackageName: PCWSTR, empty: PCWSTR) -> DismPackageInfo {
    DismPackageInfo {
        PackageName,
        PackageState: DismStateNotPresent,
        ReleaseType: DismReleaseTypeOther,
        InstallTime: SYSTEMTIME::default(),
        Applicable: 0,
        Copyright: empty,
        Company: empty,
        CreationTime: SYSTEMTIME::default(),
        DisplayName: empty,
        Description: empty,
        InstallClient: empty,
        InstallPackageName: empty,
        LastUpdateTime: SYSTEMTIME::default(),
        ProductName: empty,
        ProductVersion: empty,
        RestartRequired: DismRestartNo,
        FullyOffline: DismFullyOfflineInstallableUndetermined,
        SupportInformation: empty,
        CustomProperty: ptr::null_mut(),
        CustomPropertyCount: 0,
        Feature: ptr::null_mut(),
        FeatureCount: 0,
    }
}

pub(super) fn package_info_ex(PackageName: PCWSTR, empty: PCWSTR) -> DismPackageInfoEx {
    DismPackageInfoEx { Info: package_info(PackageName, empty), CapabilityId: empty }
}

pub(super) fn driver_package(OriginalFileName: PCWSTR, empty: PCWSTR) -> DismDriverPackage {
    DismDriverPackage {
        PublishedName: empty,
        OriginalFileName,
        InBox: 0,
        CatalogFile: empty,
        ClassName: empty,
        ClassGuid: empty,
        ClassDescription: empty,
        BootCritical: 0,
        DriverSignature: DismDriverSignatureUnknown,
        ProviderName: empty,
        Date: SYSTEMTIME::default(),
        MajorVersion: 0,
        MinorVersion: 0,
        Build: 0,
        Revision: 0,
    }
}
