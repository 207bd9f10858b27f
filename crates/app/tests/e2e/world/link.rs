//! Which way the server of a test reaches its PBX.

use std::cell::Cell;

/// Plays tests of this file once more, with a PBX that is reached over its manager interface: `ami::name`.
#[allow(unused_macros, reason = "every test binary uses a part of it")]
macro_rules! on_ami_too {
    ($($test:ident;)*) => {
        mod ami {
            $(#[test]
            fn $test() {
                crate::world::use_ami();
                super::$test();
            })*
        }
    };
}

thread_local! {
    static AMI: Cell<bool> = const { Cell::new(false) };
}

/// Worlds that this thread starts from now on reach their PBX over its manager interface only.
pub fn use_ami() {
    AMI.set(true);
}

/// Whether [`use_ami`] was called.
pub fn is_ami() -> bool {
    AMI.get()
}

/// As the API names the link.
pub fn code() -> &'static str {
    if is_ami() { "AMI" } else { "ARI" }
}
