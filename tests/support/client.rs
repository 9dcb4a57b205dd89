//! One client thread on an emulator, and what the reference says of it.

use dism_emu::{Call, Effect, Emulator, Error, Hresult, Operation, Session};

use super::reference::Reference;

/// One thread that calls the emulator and keeps its operations.
pub struct Client<'a> {
    dism: &'a Emulator,
    operations: Vec<Operation<'a>>,
}

impl<'a> Client<'a> {
    pub fn new(dism: &'a Emulator) -> Self {
        Self { dism, operations: Vec::new() }
    }

    /// What the call answered; `None` for a step that the emulator lets nobody take out of turn.
    pub fn call(&mut self, call: &Call) -> Option<Result<u32, Hresult>> {
        let answer = match call {
            Call::Initialize => self.dism.initialize().map(Hresult::number),
            Call::OpenSession(open) => self.dism.open_session_with(open.clone()).map(Session::raw),
            Call::BeginOperation { session, function } => {
                self.dism.operation(*session, *function).map(|operation| {
                    self.operations.push(operation);
                    0
                })
            }
            Call::EndOperation { session, result } => {
                let at = self.operations.iter().position(|it| it.session() == *session)?;
                self.operations.remove(at).end_with(*result).map(Hresult::number)
            }
            Call::CloseSession { session } => {
                self.dism.close_session(*session).map(Hresult::number)
            }
            Call::Shutdown => self.dism.shutdown().map(|()| 0),
            Call::GetLastErrorMessage => {
                self.dism.last_error().map(|code| code.map_or(0, Hresult::number))
            }
            _ => return None,
        };
        Some(answer.map_err(|error: Error| error.code()))
    }
}

/// What the reference says, as the emulator's methods would say it.
pub fn through_the_api(reference: &mut Reference, call: &Call) -> Result<u32, Hresult> {
    Ok(match reference.apply(1, call)? {
        Effect::Opened { session, .. } => session.raw(),
        Effect::Initialized { count } => u32::from(count > 1),
        Effect::Ended { result } => result.number(),
        Effect::LastError(code) => code.map_or(0, Hresult::number),
        // On one thread a close that began has nothing to wait for: C7 sees to that.
        Effect::Closing { ready } => {
            assert!(ready);
            let Call::CloseSession { session } = *call else { panic!("{call} closes") };
            match reference.apply(1, &Call::FinishClose { session })? {
                Effect::Closed { reboot: true } => 3010,
                _ => 0,
            }
        }
        _ => 0,
    })
}
