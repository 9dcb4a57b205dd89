//! The shortest possible test: the functions are linked, and work without a guard.

use dism_emu as _;
use extern_block::enable_feature;

#[test]
fn the_tool_enables_a_feature() {
    assert_eq!(enable_feature("NetFx3", |_, _| {}), Ok(false));
}
