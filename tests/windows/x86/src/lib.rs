//! The C functions on 32-bit x86: the layout of each structure, and how many bytes each function
//! removes from the stack. `tests/capi_layout.rs` checks every member where a pointer has 8 bytes.
//!
//! Nothing here runs. It compiles only if every number is right.

#![cfg(target_arch = "x86")]

use std::mem::offset_of;

use dism_emu::capi::ffi::*;

macro_rules! structures {
    ($($name:ident $size:literal, $last:ident $offset:literal;)+) => {
        $(
            const _: () = assert!(size_of::<$name>() == $size, stringify!($name));
            const _: () = assert!(offset_of!($name, $last) == $offset, stringify!($name));
        )+
    };
}

// The size, and the offset of the last member. tests/windows/run compares both with a C compiler's.
structures! {
    SYSTEMTIME 16, wMilliseconds 14;
    DismString 4, Value 0;
    DismLanguage 4, Value 0;
    DismMountedImageInfo 20, MountStatus 16;
    DismPackage 28, InstallTime 12;
    DismFeature 8, State 4;
    DismCapability 8, State 4;
    DismCustomProperty 12, Path 8;
    DismFeatureInfo 28, CustomPropertyCount 24;
    DismCapabilityInfo 24, InstallSize 20;
    DismPackageInfo 124, FeatureCount 120;
    DismPackageInfoEx 128, CapabilityId 124;
    DismDriverPackage 72, Revision 68;
    DismDriver 28, ExcludeIds 24;
    DismWimCustomizedInfo 44, ModifiedTime 28;
    DismImageInfo 96, CustomizedInfo 92;
    DismAppxPackage 44, Region 40;
}

/// A function of the ABI `system`, which is `stdcall` here: it removes its arguments from the stack.
trait Stdcall: Copy {
    const BYTES: usize;
}

macro_rules! stdcall {
    ($($argument:ident)*) => {
        impl<$($argument),*> Stdcall for unsafe extern "system" fn($($argument),*) -> HRESULT {
            const BYTES: usize = 0 $(+ size_of::<$argument>().next_multiple_of(4))*;
        }
    };
}

stdcall!();
stdcall!(A);
stdcall!(A B);
stdcall!(A B C);
stdcall!(A B C D);
stdcall!(A B C D E);
stdcall!(A B C D E F);
stdcall!(A B C D E F G);
stdcall!(A B C D E F G H);
stdcall!(A B C D E F G H I);
stdcall!(A B C D E F G H I J K);
stdcall!(A B C D E F G H I J K L);

const fn bytes<F: Stdcall>(_: F) -> usize {
    F::BYTES
}

macro_rules! functions {
    ($($name:ident($($argument:tt),*) $bytes:literal,)+) => {
        $(const _: () = assert!(
            bytes($name as unsafe extern "system" fn($($argument),*) -> HRESULT) == $bytes,
            stringify!($name),
        );)+
    };
}

functions! {
    _DismAddProvisionedAppxPackage(_, _, _, _, _, _, _, _, _, _, _, _) 48,
    _DismExportDriver(_, _) 8,
    _DismGetProvisionedAppxPackages(_, _, _) 12,
    _DismRemoveProvisionedAppxPackage(_, _) 8,
    DismAddCapability(_, _, _, _, _, _, _, _) 32,
    DismAddDriver(_, _, _) 12,
    DismAddPackage(_, _, _, _, _, _, _) 28,
    DismAddProvisionedAppxPackage(_, _, _, _, _, _, _, _, _, _, _, _) 48,
    DismApplyUnattend(_, _, _) 12,
    DismCheckImageHealth(_, _, _, _, _, _) 24,
    DismCleanupMountpoints() 0,
    DismCloseSession(_) 4,
    DismCommitImage(_, _, _, _, _) 20,
    DismDelete(_) 4,
    DismDisableFeature(_, _, _, _, _, _, _) 28,
    DismEnableFeature(_, _, _, _, _, _, _, _, _, _, _) 44,
    DismGetCapabilities(_, _, _) 12,
    DismGetCapabilityInfo(_, _, _) 12,
    DismGetDriverInfo(_, _, _, _, _) 20,
    DismGetDrivers(_, _, _, _) 16,
    DismGetFeatureInfo(_, _, _, _, _) 20,
    DismGetFeatureParent(_, _, _, _, _, _) 24,
    DismGetFeatures(_, _, _, _, _) 20,
    DismGetImageInfo(_, _, _) 12,
    DismGetLastErrorMessage(_) 4,
    DismGetMountedImageInfo(_, _) 8,
    DismGetPackageInfo(_, _, _, _) 16,
    DismGetPackageInfoEx(_, _, _, _) 16,
    DismGetPackages(_, _, _) 12,
    DismGetProvisionedAppxPackages(_, _, _) 12,
    DismGetReservedStorageState(_, _) 8,
    DismInitialize(_, _, _) 12,
    DismMountImage(_, _, _, _, _, _, _, _, _) 36,
    DismOpenSession(_, _, _, _) 16,
    DismRemountImage(_) 4,
    DismRemoveCapability(_, _, _, _, _) 20,
    DismRemoveDriver(_, _) 8,
    DismRemovePackage(_, _, _, _, _, _) 24,
    DismRemoveProvisionedAppxPackage(_, _) 8,
    DismRestoreImageHealth(_, _, _, _, _, _, _) 28,
    DismSetReservedStorageState(_, _) 8,
    DismShutdown() 0,
    DismUnmountImage(_, _, _, _, _) 20,
}
