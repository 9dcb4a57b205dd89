//! The shortest possible test: the functions work without a guard. Without the feature `emulated`
//! they are those of the shared library.

use extern_block::enable_feature;

#[test]
fn the_tool_enables_a_feature() {
    assert_eq!(enable_feature("NetFx3", |_, _| {}), Ok(false));
}
