//! The functions of the API, by name.

use std::fmt;

/// Defines all functions in one table: variant, exported name, and whether the function is an
/// operation, that is, takes a session and is not `DismCloseSession`. Functions that are not
/// exported come after the semicolon.
macro_rules! functions {
    (
        $($variant:ident $name:literal $operation:literal)+;
        $($internal:ident $log_name:literal)+
    ) => {
        /// A function of the DISM API, by name.
        ///
        /// There are the 36 documented functions; four with a leading underscore, which the header
        /// declares or programs use; and nine that no header declares. The genuine DLL names these
        /// in its own log, without `Dism`: three of them (`GetOsInfo`, `GetUsedSpace`,
        /// `EnableDisableFeature`) work on any image, and Windows Setup calls the others. They are
        /// not among the [C functions](crate::docs::capi).
        ///
        /// ```
        /// use dism_emu::Function;
        ///
        /// assert_eq!(Function::AddPackage.name(), "DismAddPackage");
        /// assert!(Function::AddPackage.is_operation());
        /// assert!(!Function::MountImage.is_operation());
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        pub enum Function {
            $(
                #[doc = concat!("`", $name, "`")]
                #[doc(alias = $name)]
                #[cfg_attr(feature = "serde", serde(rename = $name))]
                $variant,
            )+
            $(
                #[doc = concat!("`", $log_name, "`, which no header declares")]
                #[cfg_attr(feature = "serde", serde(rename = $log_name))]
                $internal,
            )+
        }

        impl Function {
            /// Every function, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+ $(Self::$internal),+];

            /// Returns the name under which the DLL exports the function, or by which its log calls
            /// it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    $(Self::$internal => $log_name,)+
                }
            }

            /// Returns whether the function is an operation: it takes a session and is not
            /// `DismCloseSession` (section "Operations" of the contract).
            #[must_use]
            pub const fn is_operation(self) -> bool {
                match self {
                    $(Self::$variant => $operation,)+
                    $(Self::$internal => true,)+
                }
            }
        }
    };
}

functions! {
    AddCapability "DismAddCapability" true
    AddDriver "DismAddDriver" true
    AddPackage "DismAddPackage" true
    ApplyUnattend "DismApplyUnattend" true
    CheckImageHealth "DismCheckImageHealth" true
    CleanupMountpoints "DismCleanupMountpoints" false
    CloseSession "DismCloseSession" false
    CommitImage "DismCommitImage" true
    Delete "DismDelete" false
    DisableFeature "DismDisableFeature" true
    EnableFeature "DismEnableFeature" true
    GetCapabilities "DismGetCapabilities" true
    GetCapabilityInfo "DismGetCapabilityInfo" true
    GetDriverInfo "DismGetDriverInfo" true
    GetDrivers "DismGetDrivers" true
    GetFeatureInfo "DismGetFeatureInfo" true
    GetFeatureParent "DismGetFeatureParent" true
    GetFeatures "DismGetFeatures" true
    GetImageInfo "DismGetImageInfo" false
    GetLastErrorMessage "DismGetLastErrorMessage" false
    GetMountedImageInfo "DismGetMountedImageInfo" false
    GetPackageInfo "DismGetPackageInfo" true
    GetPackageInfoEx "DismGetPackageInfoEx" true
    GetPackages "DismGetPackages" true
    GetReservedStorageState "DismGetReservedStorageState" true
    Initialize "DismInitialize" false
    MountImage "DismMountImage" false
    OpenSession "DismOpenSession" false
    RemountImage "DismRemountImage" false
    RemoveCapability "DismRemoveCapability" true
    RemoveDriver "DismRemoveDriver" true
    RemovePackage "DismRemovePackage" true
    RestoreImageHealth "DismRestoreImageHealth" true
    SetReservedStorageState "DismSetReservedStorageState" true
    Shutdown "DismShutdown" false
    UnmountImage "DismUnmountImage" false
    AddProvisionedAppxPackage "_DismAddProvisionedAppxPackage" true
    GetProvisionedAppxPackages "_DismGetProvisionedAppxPackages" true
    RemoveProvisionedAppxPackage "_DismRemoveProvisionedAppxPackage" true
    ExportDriver "_DismExportDriver" true;
    GetOsInfo "GetOsInfo"
    GetUsedSpace "GetUsedSpace"
    EnableDisableFeature "EnableDisableFeature"
    GetEffectiveSystemUiLanguage "GetEffectiveSystemUILanguage"
    GetInstallLanguage "GetInstallLanguage"
    SetAllIntlSettings "SetAllIntlSettings"
    SetFirstBootCommandLine "SetFirstBootCommandLine"
    SetSkuIntlDefaults "SetSkuIntlDefaults"
    Stage "Stage"
}

impl Function {
    /// Returns whether the function has a progress callback and a cancel event in C.
    pub(crate) const fn is_cancellable(self) -> bool {
        matches!(
            self,
            Self::AddCapability
                | Self::AddPackage
                | Self::CheckImageHealth
                | Self::CommitImage
                | Self::DisableFeature
                | Self::EnableFeature
                | Self::MountImage
                | Self::RemoveCapability
                | Self::RemovePackage
                | Self::RestoreImageHealth
                | Self::UnmountImage
        )
    }
}

/// Writes the [`name`](Function::name).
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
