//! `extern-block <feature>`: enables a feature of the running system.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(feature) = std::env::args().nth(1) else {
        eprintln!("usage: extern-block <feature>");
        return ExitCode::from(2);
    };
    match extern_block::enable_feature(&feature, |current, total| println!("{current} of {total}"))
    {
        Ok(needs_restart) => {
            println!("enabled{}", if needs_restart { ", restart needed" } else { "" });
            ExitCode::SUCCESS
        }
        Err(failed) => {
            eprintln!("{failed}");
            ExitCode::FAILURE
        }
    }
}
