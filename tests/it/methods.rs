//! Every function, called through its method.

use dism_emu::{
    CommitFlags, Contract, Dism, Emulator, Error, Function, Hresult, Memory, MountImage, Session,
};

use crate::support::{IMAGE, MOUNTED, OTHER, unverified};

/// Starts a process in which only a rule can make the function fail. Returns it with the arguments
/// of that call.
pub fn ready_for(function: Function, contract: Contract) -> (Emulator, Dism, Session, Memory) {
    let emulator = unverified().contract(contract).build();
    let dism = emulator.dism();
    if function == Function::Initialize {
        return (emulator, dism, Session::DEFAULT, Memory::NULL);
    }
    dism.initialize().unwrap();
    if function == Function::Shutdown {
        return (emulator, dism, Session::DEFAULT, Memory::NULL);
    }
    dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
    dism.mount_image(MountImage::new(MOUNTED, "mounted.wim")).unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    (emulator, dism, session, memory)
}

/// Calls a function through its method.
pub fn call(
    dism: &Dism,
    function: Function,
    session: Session,
    memory: Memory,
) -> Result<Hresult, Error> {
    match function {
        Function::Initialize => dism.initialize(),
        Function::OpenSession => dism.open_session(OTHER).map(|_| Hresult::S_OK),
        Function::CloseSession => dism.close_session(session),
        Function::Shutdown => dism.shutdown(),
        Function::GetLastErrorMessage => dism.last_error().map(|_| Hresult::S_OK),
        Function::Delete => dism.delete(memory),
        Function::MountImage => dism.mount_image(MountImage::new(OTHER, "other.wim")),
        Function::UnmountImage => dism.unmount_image(MOUNTED, CommitFlags::DISCARD),
        Function::RemountImage => dism.remount_image(MOUNTED),
        Function::GetMountedImageInfo => dism.mounted_images().map(|_| Hresult::S_OK),
        Function::GetImageInfo => dism.image_info("install.wim"),
        Function::CleanupMountpoints => dism.cleanup_mountpoints(),
        function => dism.perform(session, function),
    }
}

/// The functions that need no session, mount or memory.
pub const WITHOUT_SESSION: [Function; 3] =
    [Function::GetMountedImageInfo, Function::GetImageInfo, Function::CleanupMountpoints];
