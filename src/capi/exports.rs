//! The functions of DismApi.h, under their names, over the process's emulator.

use std::ffi::c_void;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use super::memory::{Block, give, text};
use super::process::{Loaded, current};
use super::types::*;
use crate::call::arguments::Placement;
use crate::call::image::{SHORT, wtf8};
use crate::call::{Call, Error, Function, Hresult, ImagePath, MountImage, MountMode, Session};
use crate::emulator::Taken;
use crate::machine::request;
use crate::script::Progress;

/// Each function: no panic of ours crosses into the caller (rule X2), and a failure is its code.
macro_rules! exports {
    ($(
        $(#[$doc:meta])+
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) |$loaded:ident| $body:block
    )+) => {
        $(
            $(#[$doc])+
            ///
            /// # Safety
            ///
            /// As in C: a pointer is NULL or good for what the header says of it, for as long as
            /// the call lasts.
            #[unsafe(no_mangle)]
            #[allow(non_snake_case, reason = "the header's names")]
            #[allow(clippy::too_many_arguments, reason = "the header's lists")]
            pub unsafe extern "system" fn $name($($argument: $type),*) -> HRESULT {
                enter(|$loaded| $body)
            }
        )+
    };
}

#[inline]
fn enter(call: impl FnOnce(&Loaded) -> Result<Hresult, Error>) -> HRESULT {
    let answered = catch_unwind(AssertUnwindSafe(|| call(&current())));
    hresult(match answered {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => error.code(),
        Err(_) => Hresult::E_UNEXPECTED,
    })
}

/// How a call with a progress callback is watched.
struct Watched {
    cancel: HANDLE,
    callback: DismProgressCallback,
    user: *mut c_void,
}

impl Watched {
    /// Tells the callback, and asks whether the caller has cancelled.
    fn tell(&self, progress: Progress) -> ControlFlow<()> {
        if let Some(callback) = self.callback {
            // SAFETY: the caller's pointer to a function of this type, with the caller's data.
            unsafe { callback(progress.current, progress.total, self.user) };
        }
        if self.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    #[cfg(windows)]
    fn is_cancelled(&self) -> bool {
        #[link(name = "kernel32")]
        unsafe extern "system" {
            fn WaitForSingleObject(hHandle: HANDLE, dwMilliseconds: u32) -> u32;
        }
        const WAIT_OBJECT_0: u32 = 0;
        // SAFETY: any value is allowed for a handle; one that is none only fails.
        !self.cancel.is_null() && unsafe { WaitForSingleObject(self.cancel, 0) } == WAIT_OBJECT_0
    }

    /// There are no events to set.
    #[cfg(not(windows))]
    fn is_cancelled(&self) -> bool {
        let _ = self.cancel;
        false
    }
}

impl Watched {
    /// A call that takes effect at one instant: the caller is told of it afterwards, unless the
    /// contract refused it or it was cancelled before it began.
    fn take(&self, loaded: &Loaded, call: Call) -> Result<Hresult, Error> {
        if self.is_cancelled() {
            let cancelled = call.answered(Some(Hresult::ERROR_REQUEST_ABORTED));
            return loaded.emulator.take(&cancelled).code();
        }
        let taken = loaded.emulator.take(&call);
        if let Taken { outcome: Err(error), answer: None } = taken {
            return Err(error);
        }
        let scripted = taken.answer.as_ref().and_then(|answer| answer.progress.as_deref());
        // Too late to cancel it.
        for progress in scripted.unwrap_or(&Progress::UNSCRIPTED) {
            let _ = self.tell(*progress);
        }
        taken.code()
    }
}

impl Loaded {
    /// A call with an argument missing that it needs: it fails.
    fn refuse(&self, function: Function) -> Result<Hresult, Error> {
        self.emulator.take(&Call::CallWithoutArgument { function }).code()
    }

    /// An operation without progress, which ends so unless a rule says otherwise.
    fn operate(
        &self,
        session: DismSession,
        function: Function,
        valid: bool,
        unscripted: Hresult,
    ) -> Result<Hresult, Error> {
        if !valid {
            return self.refuse(function);
        }
        self.emulator.operation(session_of(session), function)?.end_with(unscripted)
    }

    fn operate_watched(
        &self,
        session: DismSession,
        function: Function,
        valid: bool,
        watched: &Watched,
    ) -> Result<Hresult, Error> {
        if !valid {
            return self.refuse(function);
        }
        let operation = self.emulator.operation(session_of(session), function)?;
        operation.run(|progress| watched.tell(progress))
    }

    /// A list of an image that is empty.
    ///
    /// # Safety
    ///
    /// Both are NULL or writable.
    unsafe fn list<T>(
        &self,
        session: DismSession,
        function: Function,
        valid: bool,
        list: *mut *mut T,
        count: *mut u32,
    ) -> Result<Hresult, Error> {
        let valid = valid && !list.is_null() && !count.is_null();
        let code = self.operate(session, function, valid, Hresult::S_OK)?;
        // SAFETY: neither is NULL, so the caller vouches for both.
        unsafe { give_empty(list, count) };
        Ok(code)
    }

    /// What an empty image has not: the look-up fails, unless a rule lets it succeed.
    ///
    /// # Safety
    ///
    /// `name` is NULL or a text, `place` is NULL or writable.
    unsafe fn look_up<T: Copy>(
        &self,
        session: DismSession,
        function: Function,
        unknown: Hresult,
        name: PCWSTR,
        place: *mut *mut T,
        make: impl Fn(PCWSTR, PCWSTR) -> T,
    ) -> Result<Hresult, Error> {
        // SAFETY: the caller's.
        let Some(name) = (unsafe { text(name) }).filter(|_| !place.is_null()) else {
            return self.refuse(function);
        };
        let operation = self.emulator.operation(session_of(session), function)?;
        if operation.result_or(unknown).is_failure() {
            return operation.end_with(unknown);
        }
        let block = Block::of(&[[&name, &[]]], |_, [name, empty]| make(name, empty));
        // As long as it is performed nobody can shut the API down.
        let address = self.hand_out(function, block)?;
        let code = operation.end_with(unknown)?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { give(place, address.cast()) };
        Ok(code)
    }
}

/// # Safety
///
/// Both are writable.
unsafe fn give_empty<T>(list: *mut *mut T, count: *mut u32) {
    // SAFETY: the caller's.
    unsafe {
        give(list, ptr::null_mut());
        give(count, 0);
    }
}

/// A list of texts that is passed as a pointer and a count.
fn is_list(list: *const PCWSTR, count: u32) -> bool {
    count == 0 || !list.is_null()
}

/// An identifier may be missing only where nothing is to be identified.
fn is_identified(identifier: PCWSTR, kind: DismPackageIdentifier) -> bool {
    kind == DismPackageNone || !identifier.is_null()
}

/// Codes for what an empty image has not; the contract has one for features alone.
const UNKNOWN_FEATURE: Hresult = Hresult::DISMAPI_E_UNKNOWN_FEATURE;
const UNKNOWN_CAPABILITY: Hresult = Hresult::DISMAPI_E_UNKNOWN_FEATURE;
const UNKNOWN_PACKAGE: Hresult = Hresult::CBS_E_INVALID_PACKAGE;
const UNKNOWN_DRIVER: Hresult = Hresult::ERROR_FILE_NOT_FOUND;

exports! {
    /// `DismInitialize` (rules I1 to I5). Neither the log level nor the paths are looked at.
    fn DismInitialize(
        LogLevel: DismLogLevel,
        LogFilePath: PCWSTR,
        ScratchDirectory: PCWSTR,
    ) |loaded| {
        let _ = (LogLevel, LogFilePath, ScratchDirectory);
        loaded.emulator.initialize()
    }

    /// `DismShutdown` (rules S1 to S7).
    fn DismShutdown() |loaded| {
        loaded.emulator.take(&request::Shutdown).code()
    }

    /// `DismOpenSession` (rules O1 to O8).
    fn DismOpenSession(
        ImagePath: PCWSTR,
        WindowsDirectory: PCWSTR,
        SystemDrive: PCWSTR,
        Session: *mut DismSession,
    ) |loaded| {
        // SAFETY: the caller's, for all three.
        let (path, directory, drive) =
            unsafe { (text(ImagePath), text(WindowsDirectory), text(SystemDrive)) };
        let Some(path) = path.filter(|_| !Session.is_null()) else {
            return loaded.refuse(Function::OpenSession);
        };
        let mut short = [0; SHORT];
        let path = wtf8(&path, &mut short);
        let placement = (directory.is_some() || drive.is_some()).then(|| Placement {
            windows_directory: directory.map(|units| ImagePath::from_wide(&units)),
            system_drive: drive.map(|units| ImagePath::from_wide(&units)),
        });
        let request = request::OpenSession::new(&path, placement.as_ref());
        let opened = loaded.emulator.take(&request);
        let (code, session) = (opened.code()?, opened.session()?);
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { give(Session, session.raw()) };
        Ok(code)
    }

    /// `DismCloseSession` (rules C1 to C9).
    fn DismCloseSession(Session: DismSession) |loaded| {
        loaded.emulator.close_session(session_of(Session))
    }

    /// `DismGetLastErrorMessage` (rules E1 to E5).
    fn DismGetLastErrorMessage(ErrorMessage: *mut *mut DismString) |loaded| {
        let function = Function::GetLastErrorMessage;
        if ErrorMessage.is_null() {
            return loaded.refuse(function);
        }
        let taken = loaded.emulator.take(&Call::GetLastErrorMessage);
        let code = taken.code()?;
        let message = match taken.last_error()? {
            Some(error) => {
                let text: Vec<u16> = message(error).encode_utf16().collect();
                let block = Block::of(&[[&text]], |_, [Value]| DismString { Value });
                loaded.hand_out(function, block)?.cast()
            }
            None => ptr::null_mut(),
        };
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { give(ErrorMessage, message) };
        Ok(code)
    }

    /// `DismDelete` (rules D1 to D4).
    fn DismDelete(DismStructure: *mut c_void) |loaded| {
        loaded.delete(DismStructure)
    }

    /// `DismMountImage` (rules N1, N2, N4). The progress is told once it is mounted.
    fn DismMountImage(
        ImageFilePath: PCWSTR,
        MountPath: PCWSTR,
        ImageIndex: u32,
        ImageName: PCWSTR,
        ImageIdentifier: DismImageIdentifier,
        Flags: u32,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        // SAFETY: the caller's, for both.
        let (file, path) = unsafe { (text(ImageFilePath), text(MountPath)) };
        let image = match ImageIdentifier {
            DismImageIndex => Some(crate::call::ImageIdentifier::Index(ImageIndex)),
            // SAFETY: the caller's, since it is by the name that the image is meant.
            DismImageName => (unsafe { text(ImageName) })
                .map(|name| crate::call::ImageIdentifier::Name(ImagePath::from_wide(&name))),
            _ => None,
        };
        let (Some(file), Some(path), Some(image)) = (file, path, image) else {
            return loaded.refuse(Function::MountImage);
        };
        let mode = match Flags & DISM_MOUNT_READONLY {
            0 => MountMode::ReadWrite,
            _ => MountMode::ReadOnly,
        };
        let (path, file) = (ImagePath::from_wide(&path), ImagePath::from_wide(&file));
        let mount = MountImage { path, file, image, mode };
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        watched.take(loaded, Call::MountImage(mount))
    }

    /// `DismUnmountImage` (rules N1 to N3). The progress is told once it is unmounted.
    fn DismUnmountImage(
        MountPath: PCWSTR,
        Flags: u32,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = Flags;
        // SAFETY: the caller's.
        let Some(path) = (unsafe { text(MountPath) }) else {
            return loaded.refuse(Function::UnmountImage);
        };
        let path = ImagePath::from_wide(&path);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        watched.take(loaded, Call::UnmountImage { path })
    }

    /// `DismRemountImage` (rules N1 to N3).
    fn DismRemountImage(MountPath: PCWSTR) |loaded| {
        // SAFETY: the caller's.
        let Some(path) = (unsafe { text(MountPath) }) else {
            return loaded.refuse(Function::RemountImage);
        };
        loaded.emulator.take(&Call::RemountImage { path: ImagePath::from_wide(&path) }).code()
    }

    /// `DismGetMountedImageInfo` (rules N1, N4).
    fn DismGetMountedImageInfo(
        MountedImageInfo: *mut *mut DismMountedImageInfo,
        Count: *mut u32,
    ) |loaded| {
        let function = Function::GetMountedImageInfo;
        if MountedImageInfo.is_null() || Count.is_null() {
            return loaded.refuse(function);
        }
        let request = request::GetMountedImageInfo::default();
        let code = loaded.emulator.take(&request).code()?;
        let mounted = request.mounted.into_inner();
        if mounted.is_empty() {
            // SAFETY: neither is NULL, so the caller vouches for both.
            unsafe { give_empty(MountedImageInfo, Count) };
            return Ok(code);
        }
        let texts: Vec<_> =
            mounted.iter().map(|it| [it.path.to_wide(), it.file.to_wide()]).collect();
        let texts: Vec<[&[u16]; 2]> = texts.iter().map(|[path, file]| [&**path, &**file]).collect();
        let block = Block::of(&texts, |at, [MountPath, ImageFilePath]| DismMountedImageInfo {
            MountPath,
            ImageFilePath,
            // A name has no number; the first image is as good as any.
            ImageIndex: match mounted[at].image {
                crate::call::ImageIdentifier::Index(index) => index,
                crate::call::ImageIdentifier::Name(_) => 1,
            },
            MountMode: match mounted[at].mode {
                MountMode::ReadWrite => DismReadWrite,
                MountMode::ReadOnly => DismReadOnly,
            },
            MountStatus: DismMountStatusOk,
        });
        let address = loaded.hand_out(function, block)?;
        // SAFETY: neither is NULL, so the caller vouches for both.
        unsafe {
            give(MountedImageInfo, address.cast());
            give(Count, texts.len() as u32);
        }
        Ok(code)
    }

    /// `DismGetImageInfo` (rule N1): no file has any image.
    fn DismGetImageInfo(
        ImageFilePath: PCWSTR,
        ImageInfo: *mut *mut DismImageInfo,
        Count: *mut u32,
    ) |loaded| {
        if ImageFilePath.is_null() || ImageInfo.is_null() || Count.is_null() {
            return loaded.refuse(Function::GetImageInfo);
        }
        let code = loaded.emulator.call(Function::GetImageInfo)?;
        // SAFETY: neither is NULL, so the caller vouches for both.
        unsafe { give_empty(ImageInfo, Count) };
        Ok(code)
    }

    /// `DismCleanupMountpoints` (rule N1): nothing that is mounted is ever damaged.
    fn DismCleanupMountpoints() |loaded| {
        loaded.emulator.call(Function::CleanupMountpoints)
    }

    /// `DismCommitImage` (rule P1).
    fn DismCommitImage(
        Session: DismSession,
        Flags: u32,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = (Flags,);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = true;
        loaded.operate_watched(Session, Function::CommitImage, valid, &watched)
    }

    /// `DismCheckImageHealth`: an image is healthy.
    fn DismCheckImageHealth(
        Session: DismSession,
        ScanImage: BOOL,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
        ImageHealth: *mut DismImageHealthState,
    ) |loaded| {
        let _ = (ScanImage,);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = !ImageHealth.is_null();
        let code = loaded.operate_watched(Session, Function::CheckImageHealth, valid, &watched)?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { give(ImageHealth, DismImageHealthy) };
        Ok(code)
    }

    /// `DismRestoreImageHealth`.
    fn DismRestoreImageHealth(
        Session: DismSession,
        SourcePaths: *const PCWSTR,
        SourcePathCount: u32,
        LimitAccess: BOOL,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = (LimitAccess,);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = is_list(SourcePaths, SourcePathCount);
        loaded.operate_watched(Session, Function::RestoreImageHealth, valid, &watched)
    }

    /// `DismAddPackage`.
    fn DismAddPackage(
        Session: DismSession,
        PackagePath: PCWSTR,
        IgnoreCheck: BOOL,
        PreventPending: BOOL,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = (IgnoreCheck, PreventPending);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = !PackagePath.is_null();
        loaded.operate_watched(Session, Function::AddPackage, valid, &watched)
    }

    /// `DismRemovePackage`.
    fn DismRemovePackage(
        Session: DismSession,
        Identifier: PCWSTR,
        PackageIdentifier: DismPackageIdentifier,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = (PackageIdentifier,);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = !Identifier.is_null();
        loaded.operate_watched(Session, Function::RemovePackage, valid, &watched)
    }

    /// `DismEnableFeature`.
    fn DismEnableFeature(
        Session: DismSession,
        FeatureName: PCWSTR,
        Identifier: PCWSTR,
        PackageIdentifier: DismPackageIdentifier,
        LimitAccess: BOOL,
        SourcePaths: *const PCWSTR,
        SourcePathCount: u32,
        EnableAll: BOOL,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = (LimitAccess, EnableAll);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = !FeatureName.is_null()
            && is_identified(Identifier, PackageIdentifier)
            && is_list(SourcePaths, SourcePathCount);
        loaded.operate_watched(Session, Function::EnableFeature, valid, &watched)
    }

    /// `DismDisableFeature`.
    fn DismDisableFeature(
        Session: DismSession,
        FeatureName: PCWSTR,
        PackageName: PCWSTR,
        RemovePayload: BOOL,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = (PackageName, RemovePayload);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = !FeatureName.is_null();
        loaded.operate_watched(Session, Function::DisableFeature, valid, &watched)
    }

    /// `DismAddCapability`.
    fn DismAddCapability(
        Session: DismSession,
        Name: PCWSTR,
        LimitAccess: BOOL,
        SourcePaths: *const PCWSTR,
        SourcePathCount: u32,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let _ = (LimitAccess,);
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = !Name.is_null() && is_list(SourcePaths, SourcePathCount);
        loaded.operate_watched(Session, Function::AddCapability, valid, &watched)
    }

    /// `DismRemoveCapability`.
    fn DismRemoveCapability(
        Session: DismSession,
        Name: PCWSTR,
        CancelEvent: HANDLE,
        Progress: DismProgressCallback,
        UserData: *mut c_void,
    ) |loaded| {
        let watched = Watched { cancel: CancelEvent, callback: Progress, user: UserData };
        let valid = !Name.is_null();
        loaded.operate_watched(Session, Function::RemoveCapability, valid, &watched)
    }

    /// `DismApplyUnattend`.
    fn DismApplyUnattend(
        Session: DismSession,
        UnattendFile: PCWSTR,
        SingleSession: BOOL,
    ) |loaded| {
        let _ = (SingleSession,);
        let valid = !UnattendFile.is_null();
        loaded.operate(Session, Function::ApplyUnattend, valid, Hresult::S_OK)
    }

    /// `DismAddDriver`.
    fn DismAddDriver(
        Session: DismSession,
        DriverPath: PCWSTR,
        ForceUnsigned: BOOL,
    ) |loaded| {
        let _ = (ForceUnsigned,);
        let valid = !DriverPath.is_null();
        loaded.operate(Session, Function::AddDriver, valid, Hresult::S_OK)
    }

    /// `DismRemoveDriver`.
    fn DismRemoveDriver(
        Session: DismSession,
        DriverPath: PCWSTR,
    ) |loaded| {
        let valid = !DriverPath.is_null();
        loaded.operate(Session, Function::RemoveDriver, valid, Hresult::S_OK)
    }

    /// `DismGetReservedStorageState`: an empty image reserves nothing.
    fn DismGetReservedStorageState(
        Session: DismSession,
        State: *mut u32,
    ) |loaded| {
        let valid = !State.is_null();
        let code = loaded.operate(Session, Function::GetReservedStorageState, valid, Hresult::S_OK)?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { give(State, DISM_RESERVED_STORAGE_DISABLED) };
        Ok(code)
    }

    /// `DismSetReservedStorageState`.
    fn DismSetReservedStorageState(
        Session: DismSession,
        State: u32,
    ) |loaded| {
        let _ = (State,);
        let valid = true;
        loaded.operate(Session, Function::SetReservedStorageState, valid, Hresult::S_OK)
    }

    /// `DismGetPackages`: none.
    fn DismGetPackages(
        Session: DismSession,
        Package: *mut *mut DismPackage,
        Count: *mut u32,
    ) |loaded| {
        // SAFETY: the caller's.
        unsafe { loaded.list(Session, Function::GetPackages, true, Package, Count) }
    }

    /// `DismGetFeatures`: none.
    fn DismGetFeatures(
        Session: DismSession,
        Identifier: PCWSTR,
        PackageIdentifier: DismPackageIdentifier,
        Feature: *mut *mut DismFeature,
        Count: *mut u32,
    ) |loaded| {
        // SAFETY: the caller's.
        unsafe { loaded.list(Session, Function::GetFeatures, is_identified(Identifier, PackageIdentifier), Feature, Count) }
    }

    /// `DismGetDrivers`: none.
    fn DismGetDrivers(
        Session: DismSession,
        AllDrivers: BOOL,
        DriverPackage: *mut *mut DismDriverPackage,
        Count: *mut u32,
    ) |loaded| {
        let _ = (AllDrivers,);
        // SAFETY: the caller's.
        unsafe { loaded.list(Session, Function::GetDrivers, true, DriverPackage, Count) }
    }

    /// `DismGetCapabilities`: none.
    fn DismGetCapabilities(
        Session: DismSession,
        Capability: *mut *mut DismCapability,
        Count: *mut u32,
    ) |loaded| {
        // SAFETY: the caller's.
        unsafe { loaded.list(Session, Function::GetCapabilities, true, Capability, Count) }
    }

    /// `DismGetPackageInfo`: there is no such package.
    fn DismGetPackageInfo(
        Session: DismSession,
        Identifier: PCWSTR,
        PackageIdentifier: DismPackageIdentifier,
        PackageInfo: *mut *mut DismPackageInfo,
    ) |loaded| {
        let _ = (PackageIdentifier,);
        let function = Function::GetPackageInfo;
        // SAFETY: the caller's.
        unsafe { loaded.look_up(Session, function, UNKNOWN_PACKAGE, Identifier, PackageInfo, package_info) }
    }

    /// `DismGetPackageInfoEx`: there is no such package.
    fn DismGetPackageInfoEx(
        Session: DismSession,
        Identifier: PCWSTR,
        PackageIdentifier: DismPackageIdentifier,
        PackageInfoEx: *mut *mut DismPackageInfoEx,
    ) |loaded| {
        let _ = (PackageIdentifier,);
        let function = Function::GetPackageInfoEx;
        // SAFETY: the caller's.
        unsafe { loaded.look_up(Session, function, UNKNOWN_PACKAGE, Identifier, PackageInfoEx, |name, empty| {
                DismPackageInfoEx { Info: package_info(name, empty), CapabilityId: empty }
            }) }
    }

    /// `DismGetFeatureInfo`: there is no such feature.
    fn DismGetFeatureInfo(
        Session: DismSession,
        FeatureName: PCWSTR,
        Identifier: PCWSTR,
        PackageIdentifier: DismPackageIdentifier,
        FeatureInfo: *mut *mut DismFeatureInfo,
    ) |loaded| {
        if !is_identified(Identifier, PackageIdentifier) {
            return loaded.refuse(Function::GetFeatureInfo);
        }
        let function = Function::GetFeatureInfo;
        // SAFETY: the caller's.
        unsafe { loaded.look_up(Session, function, UNKNOWN_FEATURE, FeatureName, FeatureInfo, |name, empty| {
                DismFeatureInfo {
                    FeatureName: name,
                    FeatureState: DismStateNotPresent,
                    DisplayName: empty,
                    Description: empty,
                    RestartRequired: DismRestartNo,
                    CustomProperty: ptr::null_mut(),
                    CustomPropertyCount: 0,
                }
            }) }
    }

    /// `DismGetCapabilityInfo`: there is no such capability.
    fn DismGetCapabilityInfo(
        Session: DismSession,
        Name: PCWSTR,
        Info: *mut *mut DismCapabilityInfo,
    ) |loaded| {
        let function = Function::GetCapabilityInfo;
        // SAFETY: the caller's.
        unsafe { loaded.look_up(Session, function, UNKNOWN_CAPABILITY, Name, Info, |name, empty| {
                DismCapabilityInfo {
                    Name: name,
                    State: DismStateNotPresent,
                    DisplayName: empty,
                    Description: empty,
                    DownloadSize: 0,
                    InstallSize: 0,
                }
            }) }
    }

    /// `DismGetFeatureParent`: there is no such feature.
    fn DismGetFeatureParent(
        Session: DismSession,
        FeatureName: PCWSTR,
        Identifier: PCWSTR,
        PackageIdentifier: DismPackageIdentifier,
        Feature: *mut *mut DismFeature,
        Count: *mut u32,
    ) |loaded| {
        let valid = !FeatureName.is_null()
            && is_identified(Identifier, PackageIdentifier)
            && !Feature.is_null()
            && !Count.is_null();
        let code = loaded.operate(Session, Function::GetFeatureParent, valid, UNKNOWN_FEATURE)?;
        // SAFETY: neither is NULL, so the caller vouches for both.
        unsafe { give_empty(Feature, Count) };
        Ok(code)
    }

    /// `DismGetDriverInfo`: there is no such driver. The package is given where one is wanted.
    fn DismGetDriverInfo(
        Session: DismSession,
        DriverPath: PCWSTR,
        Driver: *mut *mut DismDriver,
        Count: *mut u32,
        DriverPackage: *mut *mut DismDriverPackage,
    ) |loaded| {
        let function = Function::GetDriverInfo;
        // SAFETY: the caller's.
        let path = unsafe { text(DriverPath) };
        let Some(path) = path.filter(|_| !Driver.is_null() && !Count.is_null()) else {
            return loaded.refuse(function);
        };
        let operation = loaded.emulator.operation(session_of(Session), function)?;
        let is_known = operation.result_or(UNKNOWN_DRIVER).is_success();
        let mut package = ptr::null_mut();
        if is_known && !DriverPackage.is_null() {
            let block =
                Block::of(&[[&path, &[]]], |_, [path, empty]| driver_package(path, empty));
            package = loaded.hand_out(function, block)?;
        }
        let code = operation.end_with(UNKNOWN_DRIVER)?;
        if !DriverPackage.is_null() {
            // SAFETY: it is not NULL, so the caller vouches for it.
            unsafe { give(DriverPackage, package.cast()) };
        }
        // SAFETY: neither is NULL, so the caller vouches for both.
        unsafe { give_empty(Driver, Count) };
        Ok(code)
    }

    /// `_DismAddProvisionedAppxPackage`. The same under the name without underscore.
    fn _DismAddProvisionedAppxPackage(
        Session: DismSession,
        AppPath: PCWSTR,
        DependencyPackages: *const PCWSTR,
        DependencyPackageCount: u32,
        OptionalPackages: *const PCWSTR,
        OptionalPackageCount: u32,
        LicensePaths: *const PCWSTR,
        LicensePathCount: u32,
        SkipLicense: BOOL,
        CustomDataPath: PCWSTR,
        Region: PCWSTR,
        stubPackageOption: DismStubPackageOption,
    ) |loaded| {
        let _ = (SkipLicense, CustomDataPath, Region, stubPackageOption);
        let valid = !AppPath.is_null()
            && is_list(DependencyPackages, DependencyPackageCount)
            && is_list(OptionalPackages, OptionalPackageCount)
            && is_list(LicensePaths, LicensePathCount);
        loaded.operate(Session, Function::AddProvisionedAppxPackage, valid, Hresult::S_OK)
    }

    /// `_DismGetProvisionedAppxPackages`: none. The same under the name without underscore.
    fn _DismGetProvisionedAppxPackages(
        Session: DismSession,
        Package: *mut *mut DismAppxPackage,
        Count: *mut u32,
    ) |loaded| {
        // SAFETY: the caller's.
        unsafe { loaded.list(Session, Function::GetProvisionedAppxPackages, true, Package, Count) }
    }

    /// `_DismRemoveProvisionedAppxPackage`. The same under the name without underscore.
    fn _DismRemoveProvisionedAppxPackage(
        Session: DismSession,
        PackageName: PCWSTR,
    ) |loaded| {
        let valid = !PackageName.is_null();
        loaded.operate(Session, Function::RemoveProvisionedAppxPackage, valid, Hresult::S_OK)
    }

    /// `_DismExportDriver`. There is no name without underscore.
    fn _DismExportDriver(
        Session: DismSession,
        Destination: PCWSTR,
    ) |loaded| {
        let valid = !Destination.is_null();
        loaded.operate(Session, Function::ExportDriver, valid, Hresult::S_OK)
    }
}

/// What newer builds export under a second name: the same function.
macro_rules! second_names {
    ($(
        $(#[$doc:meta])+
        fn $name:ident = $first:ident($($argument:ident: $type:ty),* $(,)?);
    )+) => {
        $(
            $(#[$doc])+
            ///
            /// # Safety
            ///
            #[doc = concat!("That of [`", stringify!($first), "`].")]
            #[unsafe(no_mangle)]
            #[allow(non_snake_case, reason = "the header's names")]
            #[allow(clippy::too_many_arguments, reason = "the header's lists")]
            pub unsafe extern "system" fn $name($($argument: $type),*) -> HRESULT {
                // SAFETY: the caller's.
                unsafe { $first($($argument),*) }
            }
        )+
    };
}

second_names! {
    /// `DismAddProvisionedAppxPackage`. The same as with an underscore.
    fn DismAddProvisionedAppxPackage = _DismAddProvisionedAppxPackage(
        Session: DismSession,
        AppPath: PCWSTR,
        DependencyPackages: *const PCWSTR,
        DependencyPackageCount: u32,
        OptionalPackages: *const PCWSTR,
        OptionalPackageCount: u32,
        LicensePaths: *const PCWSTR,
        LicensePathCount: u32,
        SkipLicense: BOOL,
        CustomDataPath: PCWSTR,
        Region: PCWSTR,
        stubPackageOption: DismStubPackageOption,
    );

    /// `DismGetProvisionedAppxPackages`: none. The same as with an underscore.
    fn DismGetProvisionedAppxPackages = _DismGetProvisionedAppxPackages(
        Session: DismSession,
        Package: *mut *mut DismAppxPackage,
        Count: *mut u32,
    );

    /// `DismRemoveProvisionedAppxPackage`. The same as with an underscore.
    fn DismRemoveProvisionedAppxPackage = _DismRemoveProvisionedAppxPackage(
        Session: DismSession,
        PackageName: PCWSTR,
    );
}

fn session_of(number: DismSession) -> Session {
    Session::from_raw(number)
}

/// What the DLL's message table has, which ends in a full stop and a line break; a sentence of our
/// own for codes that are none of its.
fn message(code: Hresult) -> String {
    match code.message() {
        Some(text) => format!("{text}.\r\n"),
        None => format!("The function failed with the error {code}.\r\n"),
    }
}

fn package_info(PackageName: PCWSTR, empty: PCWSTR) -> DismPackageInfo {
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

fn driver_package(path: PCWSTR, empty: PCWSTR) -> DismDriverPackage {
    DismDriverPackage {
        PublishedName: empty,
        OriginalFileName: path,
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
