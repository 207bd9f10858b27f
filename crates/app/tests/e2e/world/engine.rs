//! Which database the server of a test uses.

use std::cell::RefCell;
use testkit::postgres::Database;

/// Makes two tests of each function: `sqlite::name` and `postgres::name`.
#[allow(unused_macros, reason = "every test binary uses a part of it")]
macro_rules! on_both_engines {
    ($($test:ident;)*) => {
        mod sqlite {
            $(#[test]
            fn $test() {
                super::$test();
            })*
        }
        mod postgres {
            $(#[test]
            fn $test() {
                crate::world::use_postgres();
                super::$test();
            })*
        }
    };
}

thread_local! {
    static ADDRESS: RefCell<Option<String>> = const { RefCell::new(None) };
    static OWN: RefCell<Option<Database>> = const { RefCell::new(None) };
}

/// Worlds that this thread starts from now on use one new database of the tests' cluster.
pub fn use_postgres() {
    let database = Database::new().unwrap();
    use_database(&database.url());
    OWN.set(Some(database));
}

/// Worlds that this thread starts from now on use this database.
pub fn use_database(url: &str) {
    ADDRESS.set(Some(url.to_owned()));
}

/// The line of carillon.toml that says so; empty for SQLite.
pub fn setting() -> String {
    ADDRESS.with_borrow(|url| url.as_ref().map_or_else(String::new, |url| format!("database = {url:?}\n")))
}
