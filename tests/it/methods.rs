//! Every function, called through the method that stands for it.

use dism_emu::{Contract, Emulator, Error, Function, Hresult, Memory, MountImage, Session};

use crate::support::{IMAGE, MOUNTED, OTHER, unverified};

/// A process in which nothing but a rule can make the function fail, and what the function is
/// called on there.
pub fn ready_for(function: Function, contract: Contract) -> (Emulator, Session, Memory) {
    let dism = unverified().contract(contract).build();
    if function == Function::Initialize {
        return (dism, Session::DEFAULT, Memory::NULL);
    }
    dism.initialize().unwrap();
    if function == Function::Shutdown {
        return (dism, Session::DEFAULT, Memory::NULL);
    }
    for path in [IMAGE, MOUNTED] {
        dism.mount_image(MountImage::new(path, "install.wim")).unwrap();
    }
    let session = dism.open_session(IMAGE).unwrap();
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    (dism, session, memory)
}

/// Calls a function through the method that stands for it.
pub fn call(
    dism: &Emulator,
    function: Function,
    session: Session,
    memory: Memory,
) -> Result<Hresult, Error> {
    match function {
        Function::Initialize => dism.initialize(),
        Function::OpenSession => dism.open_session(OTHER).map(|_| Hresult::S_OK),
        Function::CloseSession => dism.close_session(session),
        Function::Shutdown => dism.shutdown().map(|()| Hresult::S_OK),
        Function::GetLastErrorMessage => dism.last_error().map(|_| Hresult::S_OK),
        Function::Delete => dism.delete(memory).map(|()| Hresult::S_OK),
        Function::MountImage => dism.mount_image(MountImage::new(OTHER, "install.wim")),
        Function::UnmountImage => dism.unmount_image(MOUNTED),
        Function::RemountImage => dism.remount_image(MOUNTED),
        function if function.is_without_session() => dism.call(function),
        function => dism.perform(session, function),
    }
}

pub fn without_session() -> impl Iterator<Item = Function> {
    Function::ALL.iter().copied().filter(|it| it.is_without_session())
}
