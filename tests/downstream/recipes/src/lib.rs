//! The program that the recipes test. The page `docs::recipes` shows the code of this package word
//! for word: `tests/it/pages.rs` of dism-emu compares them.

use dism_emu::{DISM_ONLINE_IMAGE, Dism, Error, Function};

/// Enables a feature of the running system. Whatever fails, nothing is left behind.
pub fn enable_feature(dism: &Dism) -> Result<(), Error> {
    dism.initialize()?;
    let enabled = dism.open_session(DISM_ONLINE_IMAGE).and_then(|session| {
        let enabled = dism.perform(session, Function::EnableFeature);
        let closed = dism.close_session(session);
        enabled.and(closed)
    });
    let shut_down = dism.shutdown();
    enabled.and(shut_down).map(drop)
}
